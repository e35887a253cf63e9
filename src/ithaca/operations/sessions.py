"""Sessions: made, read, listed, changed, and moved to the trash."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from ithaca.columns import Row
from ithaca.connection import Connection, one_statement
from ithaca.content import new_id
from ithaca.errors import AmbiguousId, RevisionConflict, SessionExists, SessionNotFound
from ithaca.models import ChatMessage, Removed, Session
from ithaca.operations import attachments, trash
from ithaca.operations.changes import record
from ithaca.operations.scope import Scope
from ithaca.operations.statements import MESSAGE_COLUMNS, SLOT, size_class

#: In the order in which `Session` reads a row; the headers are for the vault.
SESSION = (
    "owner, id, name, endpoint_url, model, rag, archived, is_important, folder, mode, extra, message_count,"
    " total_input_tokens, total_output_tokens, revision, created_at, updated_at, last_accessed, last_message_at,"
    " headers, forked_from, forked_at, lineage"
)

#: Where these are in such a row.
REVISION, LINEAGE = 14, 22

#: A read moves `last_accessed` only when it is older than this, as a file system's relatime does.
ACCESS_GRAIN = 3600 * 1_000_000

_INSERT = f"""
    INSERT INTO sessions (owner, id, name, name_key, endpoint_url, model, rag, folder, mode, extra, headers,
                          created_at, updated_at, last_accessed, active_at, active_slot)
    VALUES (:owner, :id, :name, :name_key, :endpoint_url, :model, :rag, :folder, :mode, :extra, :headers,
            :now, :now, :now, :now, :now / {SLOT})
    ON CONFLICT (owner, id) DO NOTHING
    RETURNING {SESSION}
"""


class Head(NamedTuple):
    """How a locked session stands."""

    owner: str
    id: str
    revision: int
    next_seq: int
    message_count: int


def session_from(scope: Scope, row: Row, history: list[ChatMessage] | None = None) -> Session:
    """The value of a row that was read with the columns of `SESSION`."""
    return Session.stored(row, scope.vault.open, [] if history is None else history, incognito=scope.incognito)


async def create(conn: Connection, scope: Scope, new: dict[str, Any], headers: dict[str, str]) -> Session:
    """Makes a session. Trusted code uses an id for one owner only, so that it can find the owner by the id."""
    await scope.take_turn(conn, new["id"])
    if scope.owner is None and await conn.row("SELECT 1 FROM sessions WHERE id = :id", {"id": new["id"]}):
        raise SessionExists(new["id"])
    sealed = scope.vault.seal(headers, new["owner"], new["id"])
    row = await conn.row(_INSERT, {**new, "headers": sealed, "now": scope.clock()})
    if row is None:
        raise SessionExists(new["id"])
    await record(conn, new["owner"], new["id"], "created", row[14], row[15])
    scope.leaves(new["id"], row[14])
    return session_from(scope, row)


async def ensure(conn: Connection, scope: Scope, new: dict[str, Any]) -> Session:
    """The stored session of this id, unchanged; or a new one."""
    row = await _find(conn, scope, new["id"])
    if row is None:
        await scope.take_turn(conn, new["id"])
        if await _find(conn, scope, new["id"]) is None:
            now = scope.clock()
            if await conn.run(_INSERT, {**new, "headers": None, "now": now}):
                await record(conn, new["owner"], new["id"], "created", 1, now)
        row = await session_row(conn, scope, new["id"])
    scope.leaves(new["id"], row[REVISION])
    return session_from(scope, row)


async def get(conn: Connection, scope: Scope, session_id: str, last: int | None, inline: bool = True) -> Session:
    """A session with all of its messages, the last N, or none."""
    row = await session_row(conn, scope, session_id)
    return session_from(scope, row, await _history(conn, row[0], session_id, last, inline))


@one_statement
async def refuse_taken(conn: Connection, scope: Scope, session_id: str) -> None:
    """Raises `SessionExists` if there is a session of this id, for trusted code anybody's."""
    if await is_there(conn, scope, session_id):
        raise SessionExists(session_id)


@one_statement
async def is_there(conn: Connection, scope: Scope, session_id: str) -> bool:
    """Whether there is a session of this id, for trusted code anybody's."""
    owned = "" if scope.owner is None else "owner = :owner AND "
    sql = f"SELECT 1 FROM sessions WHERE {owned}id = :id LIMIT 1"
    return await conn.row(sql, {"owner": scope.owner, "id": session_id}) is not None


@one_statement
async def get_bare(conn: Connection, scope: Scope, session_id: str) -> Session:
    """A session without its messages."""
    return session_from(scope, await session_row(conn, scope, session_id))


async def session_row(conn: Connection, scope: Scope, session_id: str) -> Row:
    """The row of a session, with the columns of `SESSION`."""
    row = await _find(conn, scope, session_id)
    if row is None:
        raise SessionNotFound(session_id)
    return row


async def _find(conn: Connection, scope: Scope, session_id: str) -> Row | None:
    owned = "" if scope.owner is None else "owner = :owner AND "
    sql = f"SELECT {SESSION} FROM sessions WHERE {owned}id = :id LIMIT 2"
    rows = await conn.rows(sql, {"owner": scope.owner, "id": session_id})
    if len(rows) > 1:
        raise AmbiguousId(session_id)
    return rows[0] if rows else None


_OF_SESSION = f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE owner = :owner AND session_id = :session_id"


async def _history(conn: Connection, owner: str, session_id: str, last: int | None, inline: bool) -> list[ChatMessage]:
    if last == 0:
        return []
    place = {"owner": owner, "session_id": session_id, "last": last}
    if last is None:
        rows = await conn.rows(f"{_OF_SESSION} ORDER BY seq", place)
    else:
        rows = await conn.rows(f"{_OF_SESSION} ORDER BY seq DESC LIMIT :last", place)
        rows.reverse()
    return await attachments.messages(conn, owner, rows, inline=inline)


async def lock(conn: Connection, scope: Scope, session_id: str, expected: int | None) -> Head:
    """Keeps others from changing the session until the transaction ends."""
    owned = "" if scope.owner is None else "owner = :owner AND "
    rows = await conn.rows(
        "SELECT owner, id, revision, next_seq, message_count FROM sessions"
        f" WHERE {owned}id = :id AND in_turn(owner, :id) LIMIT 2 FOR UPDATE",
        {"owner": scope.owner, "id": session_id},
    )
    if not rows:
        raise SessionNotFound(session_id)
    if len(rows) > 1:
        raise AmbiguousId(session_id)
    head = Head(*rows[0])
    if expected is not None and head.revision != expected:
        raise RevisionConflict(session_id, head.revision, expected)
    scope.leaves(session_id, head.revision)
    return head


async def advance(
    conn: Connection,
    scope: Scope,
    head: Head,
    now: int,
    *,
    count: int,
    numbers: int = 0,
    at: int | None = None,
    again: int | None = None,
    gone: bool = False,
) -> None:
    """Records a change of a locked session: its next revision, its new count, the numbers that it took.

    `at` is the time of the newest message that was added, if any was; `gone` says that others went for it. From the
    number `again` on, messages may say something else than they did, or have come back: the search looks at them again.
    """
    kind = "messages added" if at is not None and not gone else "messages changed"
    await record(conn, head.owner, head.id, kind, head.revision + 1, now)
    scope.leaves(head.id, head.revision + 1)
    later = "CASE WHEN last_message_at > :at THEN last_message_at ELSE :at END"
    added = (
        f", last_message_at = {later}, active_at = {later}, active_slot = ({later}) / {SLOT}" if at is not None else ""
    )
    if size_class(count) != size_class(head.message_count):
        added += ", size_class = :size_class"
    if numbers or again is not None:
        added += ", to_index = TRUE"
    if again is not None:
        added += ", indexed_seq = CASE WHEN indexed_seq < :again THEN indexed_seq ELSE :again - 1 END"
    await conn.run(
        "UPDATE sessions SET revision = revision + 1, message_count = :count, next_seq = next_seq + :numbers,"
        f" updated_at = :now, last_accessed = :now, lineage = :lineage{added} WHERE owner = :owner AND id = :id",
        {
            "owner": head.owner,
            "id": head.id,
            "count": count,
            "size_class": size_class(count),
            "numbers": numbers,
            "now": now,
            "at": at,
            "again": again,
            "lineage": int.from_bytes(os.urandom(8)) >> 2,
        },
    )


async def update(
    conn: Connection,
    scope: Scope,
    session_id: str,
    changes: dict[str, Any],
    headers: dict[str, str] | None,
    expected: int | None,
) -> Session:
    """Changes columns of a session. A new endpoint never gets the headers that were meant for the old one."""
    head = await lock(conn, scope, session_id, expected)
    sets = [f"{column} = :{column}" for column in changes]
    if headers is not None:
        sets.append("headers = :headers")
        changes = {**changes, "headers": scope.vault.seal(headers, head.owner, session_id)}
    elif "endpoint_url" in changes:
        sets.append("headers = CASE WHEN endpoint_url = :endpoint_url THEN headers END")
    row = await conn.row(
        f"UPDATE sessions SET {', '.join(sets)}, revision = revision + 1, updated_at = :now, last_accessed = :now"
        f" WHERE owner = :owner AND id = :session_id RETURNING {SESSION}",
        {**changes, "owner": head.owner, "session_id": session_id, "now": scope.clock()},
    )
    if row is None:
        raise SessionNotFound(session_id)
    await record(conn, head.owner, session_id, "updated", row[14], row[16])
    scope.leaves(session_id, row[14])
    return session_from(scope, row)


@one_statement
async def touch(conn: Connection, scope: Scope, session_id: str) -> None:
    """Records that a session was read. That is no change: neither its revision nor `updated_at` move."""
    owner = await scope.owner_of_session(conn, session_id)
    now = scope.clock()
    await conn.run(
        "UPDATE sessions SET last_accessed = :now WHERE owner = :owner AND id = :id AND last_accessed < :old",
        {"owner": owner, "id": session_id, "now": now, "old": now - ACCESS_GRAIN},
    )


async def delete(conn: Connection, scope: Scope, session_id: str, expected: int | None) -> Removed:
    """Moves a session with its messages to the trash; its documents stay, with no session."""
    head = await lock(conn, scope, session_id, expected)
    bin = await trash.open_bin(
        conn, head.owner, "delete session", scope.clock(), session_id=session_id, revision=head.revision + 1
    )
    messages = await trash.remove_session(conn, bin, session_id)
    await trash.close_bin(conn, bin, sessions=1, messages=messages)
    await record(conn, head.owner, session_id, "deleted", head.revision + 1, scope.clock())
    return Removed(bin.id, 1, messages)


async def delete_many(conn: Connection, scope: Scope, ids: Sequence[str], important: bool) -> Removed:
    """Moves those of the sessions that are there to the trash; starred ones only if asked to."""
    owned = "" if scope.owner is None else "owner = :owner AND "
    rows = await conn.rows(
        f"SELECT owner, id, is_important, revision FROM sessions WHERE {owned}id IN (EACH(:ids))"
        " ORDER BY owner, id FOR UPDATE",
        {"owner": scope.owner, "ids": list(ids)},
    )
    _refuse_ambiguous(ids, rows)
    rows = [row for row in rows if important or not row[2]]
    trash_id, messages = new_id(), 0
    for owner, mine in groupby(rows, key=itemgetter(0)):
        bin = await trash.open_bin(conn, owner, "delete sessions", scope.clock(), id=trash_id)
        revisions = {session_id: revision for _, session_id, _, revision in mine}
        removed = [await trash.remove_session(conn, bin, session_id) for session_id in revisions]
        for session_id, revision in revisions.items():
            await record(conn, owner, session_id, "deleted", revision + 1, scope.clock())
        await trash.close_bin(conn, bin, sessions=len(removed), messages=sum(removed))
        messages += sum(removed)
    return Removed(trash_id, len(rows), messages) if rows else Removed()


def _refuse_ambiguous(ids: Iterable[str], rows: Iterable[Row]) -> None:
    """Raises for the first of the ids that is several sessions'."""
    found = Counter(row[1] for row in rows)
    for session_id in ids:
        if found[session_id] > 1:
            raise AmbiguousId(session_id)
