"""Messages: appended under numbers that are never used twice, read by number, changed by id."""

from collections.abc import Sequence

from ithaca.attached import Attached, places_of
from ithaca.columns import Row, to_json
from ithaca.connection import Connection, Operation, one_statement, repeatable
from ithaca.content import Changes, Draft, numbered, says_the_same
from ithaca.errors import MessageConflict, MessageNotFound, RevisionConflict, SessionNotFound
from ithaca.models import ChatMessage, Removed
from ithaca.operations import attachments, trash
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import Head, advance, lock
from ithaca.operations.statements import MESSAGE_COLUMNS

#: Bytes of attachments that a stretch of a stream holds at most, unless a single message has more.
STRETCH_BYTES = 16 * 1024 * 1024

_OF_SESSION = f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE owner = :owner AND session_id = :session_id"
_BY_ID = _OF_SESSION.replace("FROM messages", f"FROM messages{trash.BY_ID}")


@repeatable
@one_statement
async def append(
    conn: Connection,
    scope: Scope,
    session_id: str,
    drafts: Sequence[Draft],
    given_ids: Sequence[str],
    expected: int | None,
) -> list[ChatMessage]:
    """Stores messages at the end of a session, all or none.

    A message whose id is stored already is not stored again if it says the same.
    """
    if not drafts:
        await lock(conn, scope, session_id, expected)
        return []
    now = scope.clock()
    session = {
        "owner": scope.owner,
        "session_id": session_id,
        "count": len(drafts),
        "now": now,
        "at": drafts[0].created_at if len(drafts) == 1 else max([draft.created_at for draft in drafts]),
        "expected": expected,
        "ids": list(given_ids) or None,
    }
    taken = await conn.append(session, drafts)
    if taken is not None:
        first, revision = taken
        scope.leaves(session_id, revision)
        return _stored(drafts, first)
    return await _append_rest(conn, scope, session_id, drafts, expected)


@repeatable
async def append_with_attachments(
    conn: Connection,
    scope: Scope,
    session_id: str,
    drafts: Sequence[Draft],
    given_ids: Sequence[str],
    expected: int | None,
) -> list[ChatMessage]:
    """As `append`, of messages with attachments, which are stored in the same transaction."""
    head = await lock(conn, scope, session_id, None)  # before the attachments, as whatever else stores them does
    await attachments.keep(conn, head.owner, [draft.attachments for draft in drafts], scope.clock())
    return await append(conn, scope.of(head.owner), session_id, drafts, given_ids, expected)


def appending(drafts: Sequence[Draft]) -> Operation[..., list[ChatMessage]]:
    """What appends these: messages without attachments are one statement."""
    for draft in drafts:
        if draft.attachments:
            return append_with_attachments
    return append


async def _append_rest(
    conn: Connection, scope: Scope, session_id: str, drafts: Sequence[Draft], expected: int | None
) -> list[ChatMessage]:
    """Finds out why nothing was appended; where some were stored before, stores the others."""
    owner = await scope.owner_of_session(conn, session_id)
    revision = await _revision(conn, owner, session_id)
    scope.leaves(session_id, revision)
    stored = await by_id(conn, owner, session_id, [draft.id for draft in drafts])
    for draft in drafts:
        if draft.id in stored and not says_the_same(draft, stored[draft.id]):
            raise MessageConflict(session_id, draft.id)
    rest = [draft for draft in drafts if draft.id not in stored]
    if rest:
        if expected is not None and revision != expected:
            raise RevisionConflict(session_id, revision, expected)
        added = await append(conn, scope, session_id, rest, [draft.id for draft in rest], expected)
        stored |= {str(message.id): message for message in added}
    return await attachments.filled(conn, owner, [_as_said(stored[draft.id], draft) for draft in drafts])


def _stored(drafts: Sequence[Draft], first: int) -> list[ChatMessage]:
    """What drafts are under numbers in a row."""
    return ChatMessage.from_rows([draft.row(seq) for seq, draft in enumerate(drafts, first)])


def _as_said(stored: ChatMessage, draft: Draft) -> ChatMessage:
    """A stored message with the bytes, or the references, that somebody has just brought for it again."""
    brought, column = draft.attachments, stored.attached
    if not isinstance(brought, Attached) or not {place.digest for place in places_of(column)} <= brought.data.keys():
        return stored
    return stored.with_attachments(brought.data)


async def _revision(conn: Connection, owner: str, session_id: str) -> int:
    row = await conn.row(
        "SELECT revision FROM sessions WHERE owner = :owner AND id = :id", {"owner": owner, "id": session_id}
    )
    if row is None:
        raise SessionNotFound(session_id)
    return int(row[0])


async def by_id(conn: Connection, owner: str, session_id: str, ids: list[str]) -> dict[str, ChatMessage]:
    """Those of the messages that the session holds."""
    rows = await _rows_by_id(conn, owner, session_id, ids)
    return {row[1]: ChatMessage.from_row(row) for row in rows}


async def _rows_by_id(conn: Connection, owner: str, session_id: str, ids: list[str]) -> list[Row]:
    params = {"owner": owner, "session_id": session_id, "ids": ids}
    return await conn.rows(f"{_BY_ID} AND id IN (EACH(:ids))", params)


@one_statement
async def get_page(
    conn: Connection,
    scope: Scope,
    session_id: str,
    before: int | None,
    after: int | None,
    limit: int,
    inline: bool = True,
) -> list[ChatMessage]:
    """The messages next to a number, oldest first: those after it, or the newest before it."""
    owner = await scope.owner_of_session(conn, session_id)
    page = _Page(conn, owner, session_id, before, after, limit)
    rows = await page.read()
    return await attachments.whole(conn, owner, rows, page.read) if inline else ChatMessage.from_rows(rows)


@one_statement
async def stretch(
    conn: Connection, scope: Scope, session_id: str, after: int, limit: int, inline: bool
) -> tuple[list[ChatMessage], bool]:
    """The messages after a number, and whether there may be more of them.

    Fewer where they have large attachments: a stream holds no more of them at a time than a stretch.
    """
    owner = await scope.owner_of_session(conn, session_id)
    page = _Page(conn, owner, session_id, None, after, limit)
    more = False

    async def read() -> Sequence[Row]:
        nonlocal more
        rows = await page.read()
        few = _up_to_bytes(rows, STRETCH_BYTES) if inline else rows
        more = len(rows) == limit or len(few) < len(rows)
        return few

    rows = await read()
    return await attachments.whole(conn, owner, rows, read) if inline else ChatMessage.from_rows(rows), more


class _Page:
    """The rows of messages next to a number; they may be read again."""

    __slots__ = ("_conn", "_downward", "_params", "_session", "_sql")

    def __init__(
        self, conn: Connection, owner: str, session_id: str, before: int | None, after: int | None, limit: int
    ) -> None:
        self._conn, self._session, self._downward = conn, (owner, session_id), after is None
        self._sql = _PAGES[before is None, after is None]
        self._params = {"owner": owner, "session_id": session_id, "before": before, "after": after, "limit": limit}

    async def read(self) -> list[Row]:
        """Oldest first. An empty page of a session that isn't there raises."""
        rows = await self._conn.rows(self._sql, self._params)
        if not rows:
            await _revision(self._conn, *self._session)
        if self._downward:
            rows.reverse()
        return rows


def _page_sql(before: bool, after: bool) -> str:
    bounds = (" AND seq < :before" if before else "") + (" AND seq > :after" if after else "")
    return f"{_OF_SESSION}{bounds} ORDER BY seq{'' if after else ' DESC'} LIMIT :limit"


#: By which of `before` and `after` are None.
_PAGES = {(not before, not after): _page_sql(before, after) for before in (True, False) for after in (True, False)}


def _up_to_bytes(rows: Sequence[Row], most: int) -> Sequence[Row]:
    size = 0
    for count, row in enumerate(rows):
        if row[13] is not None:
            size += sum(place.size for place in places_of(row[13]))
            if size > most and count:
                return rows[:count]
    return rows


@one_statement
async def get_one(conn: Connection, scope: Scope, session_id: str, message_id: str, inline: bool = True) -> ChatMessage:
    """One message by its id."""
    owner = await scope.owner_of_session(conn, session_id)

    async def read() -> list[Row]:
        rows = await _rows_by_id(conn, owner, session_id, [message_id])
        if not rows:
            await _revision(conn, owner, session_id)
            raise MessageNotFound(session_id, message_id)
        return rows

    rows = await read()
    return (await attachments.whole(conn, owner, rows, read) if inline else ChatMessage.from_rows(rows))[0]


async def edit(
    conn: Connection, scope: Scope, session_id: str, message_id: str, changes: Changes, expected: int | None
) -> ChatMessage:
    """Changes what a message says; its id, number and time stay. What it said before goes to the trash."""
    head = await lock(conn, scope, session_id, expected)
    found = await by_id(conn, head.owner, session_id, [message_id])
    if not found:
        raise MessageNotFound(session_id, message_id)
    now = scope.clock()
    this, seq = {"message_id": message_id}, found[message_id].seq
    chosen = trash.Chosen(head.owner, session_id, "id = :message_id", this, trash.BY_ID)
    place = {"first": seq, "last": seq}
    await trash.remove_messages(conn, chosen, "edit message", now, head.revision + 1, detail=place, stay=True)
    if "tokens" in changes and "tool_calls" not in changes and (calls := found[message_id].tool_calls):
        changes = {**changes, "tokens": changes["tokens"] + scope.count_tokens(to_json(calls))}
    await attachments.keep(conn, head.owner, [changes.get("attachments")], now)
    sets = ", ".join(f"{column} = :{column}" for column in changes)
    row = await conn.row(
        f"UPDATE messages SET {sets}, edited_at = :now"
        f" WHERE owner = :owner AND session_id = :session_id AND id = :message_id RETURNING {MESSAGE_COLUMNS}",
        {**changes, **this, "owner": head.owner, "session_id": session_id, "now": now},
    )
    if row is None:
        raise MessageNotFound(session_id, message_id)
    await advance(conn, scope, head, now, count=head.message_count, again=seq)
    edited = ChatMessage.from_row((*row[:13], changes.get("attachments", row[13])))
    return (await attachments.filled(conn, head.owner, [edited]))[0]


async def delete(conn: Connection, scope: Scope, session_id: str, ids: Sequence[str], expected: int | None) -> Removed:
    """Moves those of the messages that are there to the trash."""
    head = await lock(conn, scope, session_id, expected)
    chosen = trash.Chosen(head.owner, session_id, "id IN (EACH(:ids))", {"ids": list(ids)}, trash.BY_ID)
    return await _remove(conn, scope, head, "delete messages", chosen)


async def truncate(conn: Connection, scope: Scope, session_id: str, keep_count: int, expected: int | None) -> Removed:
    """Keeps the first messages and moves the others to the trash."""
    head = await lock(conn, scope, session_id, expected)
    if keep_count >= head.message_count:
        return Removed()
    # Counted from the nearer end: cutting the last of a long session must not walk over all of it.
    from_end = head.message_count - keep_count - 1
    upward = keep_count <= from_end
    row = await conn.row(
        "SELECT seq FROM messages WHERE owner = :owner AND session_id = :session_id"
        f" ORDER BY seq{'' if upward else ' DESC'} LIMIT 1 OFFSET :offset",
        {"owner": head.owner, "session_id": session_id, "offset": keep_count if upward else from_end},
    )
    chosen = trash.Chosen(head.owner, session_id, "seq >= :cut", {"cut": row[0] if row else 0})
    return await _remove(conn, scope, head, "truncate messages", chosen)


async def _remove(conn: Connection, scope: Scope, head: Head, kind: str, chosen: trash.Chosen) -> Removed:
    now = scope.clock()
    removed = await trash.remove_messages(conn, chosen, kind, now, head.revision + 1)
    if removed.messages:
        await advance(conn, scope, head, now, count=head.message_count - removed.messages)
    return removed


async def replace(
    conn: Connection, scope: Scope, session_id: str, drafts: Sequence[Draft], expected: int | None
) -> list[ChatMessage]:
    """Makes these the messages of a session.

    As far as the new list begins like the stored one, nothing is touched. From the first difference on, what
    is stored goes to the trash, and what is new stands under new numbers; a message that was stored keeps its
    id and its time.
    """
    head = await lock(conn, scope, session_id, expected)
    rows = await conn.rows(f"{_OF_SESSION} ORDER BY seq", {"owner": head.owner, "session_id": session_id})
    stored = ChatMessage.from_rows(rows)
    kept = _common_start(stored, drafts)
    said = [_as_said(message, draft) for message, draft in zip(stored[:kept], drafts, strict=False)]
    if kept == len(stored) == len(drafts):
        return await attachments.filled(conn, head.owner, said)
    now = scope.clock()
    if kept < len(stored):
        put = {"first": head.next_seq, "last": head.next_seq + len(drafts) - kept - 1}
        chosen = trash.Chosen(head.owner, session_id, "seq >= :cut", {"cut": stored[kept].seq})
        await trash.remove_messages(conn, chosen, "replace messages", now, head.revision + 1, detail=put)
    new = _with_stored_times(drafts[kept:], rows)
    added = await insert_known(conn, head, new, now)
    unknown = {draft.id for draft in new} - {message.id for message in stored}
    at = max((draft.created_at for draft in new if draft.id in unknown), default=None)
    await advance(conn, scope, head, now, count=len(drafts), numbers=len(new), at=at, gone=kept < len(stored))
    return await attachments.filled(conn, head.owner, said + added)


async def insert_known(conn: Connection, head: Head, drafts: Sequence[Draft], now: int) -> list[ChatMessage]:
    """Inserts messages, which may have been stored before, at the end of a locked session under new numbers."""
    await attachments.keep(conn, head.owner, [draft.attachments for draft in drafts], now)
    await conn.add_messages(numbered(head.owner, head.id, drafts, head.next_seq))
    return _stored(drafts, head.next_seq)


def _common_start(stored: Sequence[ChatMessage], drafts: Sequence[Draft]) -> int:
    kept = 0
    for message, draft in zip(stored, drafts, strict=False):
        if message.id != draft.id or not says_the_same(draft, message):
            break
        kept += 1
    return kept


def _with_stored_times(drafts: Sequence[Draft], rows: Sequence[Row]) -> list[Draft]:
    known = {row[1]: {"created_at": row[10], "edited_at": row[11], "version_group": row[12]} for row in rows}
    return [draft._replace(**known[draft.id]) if draft.id in known else draft for draft in drafts]
