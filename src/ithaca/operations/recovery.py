"""The way back out of the trash: in order, and in place, also after later messages came."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ithaca.columns import Row, from_json
from ithaca.errors import NothingToUndo, SessionExists, TrashNotFound
from ithaca.models import ChatMessage, Page, Restored, TrashEntry
from ithaca.operations import trash
from ithaca.operations.pages import read_cursor, write_cursor
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import advance, lock
from ithaca.operations.statements import MESSAGE_COLUMNS, SESSION_COLUMNS
from ithaca.storage.connection import Connection, one_statement

_ENTRY = "owner, id, kind, session_id, document_id, created_at, sessions, messages, documents"

#: What a cursor of the trash says of its order.
_ORDER = ("trash",)

# A version that is not shown is no rubbish; and what hangs on another entry comes back with it.
_LISTED = "kind <> 'version' AND parent_id IS NULL"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the trash that is about to be emptied back."""

    owner: str
    id: str
    kind: str
    session_id: str | None
    detail: dict[str, Any]

    @property
    def bin(self) -> trash.Bin:
        return trash.Bin(self.owner, self.id)


@one_statement
async def list_trash(
    conn: Connection, scope: Scope, session_id: str | None, owner: str | None, cursor: str | None, limit: int
) -> Page[TrashEntry]:
    """One page of the trash, the last removed first."""
    asked = {"owner": scope.owner, "of_owner": owner, "session_id": session_id}
    columns = {"owner": "owner", "of_owner": "owner", "session_id": "session_id"}
    conditions = [_LISTED, *(f"{columns[name]} = :{name}" for name, value in asked.items() if value is not None)]
    after: dict[str, Any] = {}
    if cursor is not None:
        conditions.append("(created_at, owner, id) < (:key0, :key1, :key2)")
        after = read_cursor(cursor, _ORDER, (int, str, str))
    rows = await conn.rows(
        f"SELECT {_ENTRY} FROM trash WHERE {' AND '.join(conditions)}"
        " ORDER BY created_at DESC, owner DESC, id DESC LIMIT :limit",
        {**asked, **after, "limit": limit + 1},
    )
    last = rows[limit - 1] if len(rows) > limit else None
    items = [TrashEntry.kept(row, scope.trash_lifetime) for row in rows[:limit]]
    return Page(items, write_cursor(_ORDER, (last[5], last[0], last[1])) if last else None)


@one_statement
async def trashed_messages(
    conn: Connection, scope: Scope, trash_id: str, session_id: str | None, after: int, limit: int
) -> list[ChatMessage]:
    """The messages in an entry, in their order."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    of_session = "" if session_id is None else " AND session_id = :session_id"
    rows = await conn.rows(
        f"SELECT {MESSAGE_COLUMNS} FROM trashed_messages WHERE {mine}trash_id = :id{of_session} AND seq > :after"
        " ORDER BY seq LIMIT :limit",
        {"owner": scope.owner, "id": trash_id, "session_id": session_id, "after": after, "limit": limit},
    )
    return list(map(ChatMessage.from_row, rows))


async def undo(conn: Connection, scope: Scope, session_id: str, expected: int | None) -> Restored:
    """Takes back the last operation that removed something of a session, or the session itself."""
    entry = await _last_of_session(conn, scope, session_id)
    if entry is None:
        await lock(conn, scope, session_id, expected)  # no such session is another answer
        raise NothingToUndo(session_id)
    return await _restore(conn, scope, entry, session_id, expected)


async def _last_of_session(conn: Connection, scope: Scope, session_id: str) -> Entry | None:
    mine = "" if scope.owner is None else "t.owner = :owner AND "
    params = {"owner": scope.owner, "session_id": session_id}
    found = await conn.row(
        f"SELECT t.owner, t.id, t.kind, t.session_id, t.detail FROM trash t WHERE {mine}t.session_id = :session_id"
        " AND t.kind <> 'version' AND t.kind <> 'undo' AND t.kind <> 'delete session' AND t.parent_id IS NULL"
        " ORDER BY t.revision DESC, t.created_at DESC, t.id DESC LIMIT 1",
        params,
    )
    if found is None:
        found = await conn.row(
            "SELECT t.owner, t.id, t.kind, t.session_id, t.detail FROM trash t"
            f" JOIN trashed_sessions s ON s.owner = t.owner AND s.trash_id = t.id WHERE {mine}s.id = :session_id"
            " AND NOT EXISTS (SELECT 1 FROM sessions x WHERE x.owner = s.owner AND x.id = s.id)"
            " ORDER BY t.created_at DESC, t.id DESC LIMIT 1",
            params,
        )
    return None if found is None else _entry(found)


async def restore(conn: Connection, scope: Scope, trash_id: str, expected: int | None) -> Restored:
    """Takes back one operation; of an unconfined scope, for every owner whom it concerned."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    rows = await conn.rows(
        f"SELECT owner, id, kind, session_id, detail FROM trash WHERE {mine}id = :id AND {_LISTED}"
        " ORDER BY owner FOR UPDATE",
        {"owner": scope.owner, "id": trash_id},
    )
    if not rows:
        raise TrashNotFound(trash_id)
    restored = Restored()
    for row in rows:
        restored += await _restore(conn, scope, _entry(row), None, expected)
    return restored


def _entry(row: Row) -> Entry:
    return Entry(row[0], row[1], row[2], row[3], from_json(row[4]) if row[4] else {})


async def _restore(
    conn: Connection, scope: Scope, entry: Entry, only_session: str | None, expected: int | None
) -> Restored:
    return await _WAYS_BACK[entry.kind](conn, scope, entry, only_session, expected)


async def _messages_back(conn: Connection, scope: Scope, entry: Entry, _: str | None, expected: int | None) -> Restored:
    """Puts messages back under their numbers; what had come in their place goes to the trash."""
    session_id = entry.session_id or ""
    head = await lock(conn, scope.of(entry.owner), session_id, expected)
    displaced = await _displace(conn, scope, entry, session_id, head.revision + 1)
    first = await conn.row(
        "SELECT min(seq) FROM trashed_messages WHERE owner = :owner AND trash_id = :trash_id", entry.bin.params
    )
    restored = await conn.run(
        f"INSERT INTO messages (owner, session_id, {MESSAGE_COLUMNS})"
        f" SELECT owner, session_id, {MESSAGE_COLUMNS} FROM trashed_messages t"
        " WHERE owner = :owner AND trash_id = :trash_id AND NOT EXISTS (SELECT 1 FROM messages m"
        " WHERE m.owner = t.owner AND m.session_id = t.session_id AND m.id = t.id)",
        entry.bin.params,
    )
    await conn.run(
        "DELETE FROM trashed_messages WHERE owner = :owner AND trash_id = :trash_id AND seq IN (SELECT m.seq"
        " FROM messages m WHERE m.owner = trashed_messages.owner AND m.session_id = trashed_messages.session_id"
        " AND m.seq = trashed_messages.seq)",
        entry.bin.params,
    )
    await _drop_if_empty(conn, entry)
    count, again = head.message_count - displaced + restored, first[0] if first else None
    await advance(conn, head, scope.clock(), count=count, again=again)
    return Restored(messages=restored)


async def _displace(conn: Connection, scope: Scope, entry: Entry, session_id: str, revision: int) -> int:
    """Moves what stands in the place of removed messages to an entry that would bring it back again."""
    if "first" not in entry.detail:
        return 0
    numbers = await conn.row(
        "SELECT min(seq), max(seq) FROM trashed_messages WHERE owner = :owner AND trash_id = :trash_id",
        entry.bin.params,
    )
    bin = await trash.open_bin(conn, entry.owner, "undo", scope.clock(), session_id=session_id, revision=revision)
    which = "seq BETWEEN :first AND :last"
    displaced = await trash.remove_messages(conn, bin, session_id, which, entry.detail)
    first, last = numbers or (0, -1)
    await trash.close_bin(conn, bin, messages=displaced, detail={"first": first, "last": last})
    return displaced


async def _drop_if_empty(conn: Connection, entry: Entry) -> None:
    await conn.run(
        "DELETE FROM trash WHERE owner = :owner AND id = :trash_id AND NOT EXISTS (SELECT 1 FROM trashed_messages m"
        " WHERE m.owner = trash.owner AND m.trash_id = trash.id) AND NOT EXISTS (SELECT 1 FROM trashed_sessions s"
        " WHERE s.owner = trash.owner AND s.trash_id = trash.id)",
        entry.bin.params,
    )


async def _sessions_back(
    conn: Connection, scope: Scope, entry: Entry, only_session: str | None, expected: int | None
) -> Restored:
    """Puts sessions back with all that hung on them; the documents that are nobody's now are theirs again."""
    await _refuse_taken_ids(conn, scope, entry, only_session)
    one = {**entry.bin.params, "session_id": only_session, "now": scope.clock()}
    which = "" if only_session is None else " AND {id} = :session_id"
    counts = [await conn.run(sql.replace("{one}", which).replace("{id}", id), one) for sql, id in _SESSIONS_BACK]
    await _drop_if_empty(conn, entry)
    return Restored(sessions=counts[0], messages=counts[1])


_MINE = "owner = :owner AND trash_id = :trash_id{one}"
_SESSION_BACK_COLUMNS = SESSION_COLUMNS.replace("revision", "revision + 1").replace("updated_at", ":now")
# Purging may have taken it out of the search meanwhile.
_SESSION_BACK_COLUMNS = _SESSION_BACK_COLUMNS.replace("indexed_seq", "0")

#: Statements in their order, each with the column that names the session.
_SESSIONS_BACK = (
    (
        f"INSERT INTO sessions (owner, {SESSION_COLUMNS})"
        f" SELECT owner, {_SESSION_BACK_COLUMNS} FROM trashed_sessions WHERE {_MINE}",
        "id",
    ),
    (
        f"INSERT INTO messages (owner, session_id, {MESSAGE_COLUMNS})"
        f" SELECT owner, session_id, {MESSAGE_COLUMNS} FROM trashed_messages WHERE {_MINE}",
        "session_id",
    ),
    (
        "INSERT INTO changes (owner, session_id, kind, revision, created_at)"
        f" SELECT owner, id, 'restored', revision + 1, :now FROM trashed_sessions WHERE {_MINE}",
        "id",
    ),
    (
        f"INSERT INTO compactions (owner, {trash.COMPACTION_COLUMNS})"
        f" SELECT owner, {trash.COMPACTION_COLUMNS} FROM trashed_compactions WHERE {_MINE}",
        "session_id",
    ),
    (
        "UPDATE documents SET revision = revision + 1, session_id = (SELECT a.session_id FROM trashed_attachings a"
        " WHERE a.owner = documents.owner AND a.trash_id = :trash_id AND a.document_id = documents.id)"
        " WHERE owner = :owner AND session_id IS NULL AND id IN (SELECT a.document_id FROM trashed_attachings a"
        " WHERE a.owner = :owner AND a.trash_id = :trash_id{one})",
        "a.session_id",
    ),
    (
        "UPDATE trash SET parent_id = NULL WHERE owner = :owner AND parent_id = :trash_id{one}",
        "session_id",
    ),
    (f"DELETE FROM trashed_messages WHERE {_MINE}", "session_id"),
    (f"DELETE FROM trashed_compactions WHERE {_MINE}", "session_id"),
    (f"DELETE FROM trashed_attachings WHERE {_MINE}", "session_id"),
    (f"DELETE FROM trashed_sessions WHERE {_MINE}", "id"),
)


async def _refuse_taken_ids(conn: Connection, scope: Scope, entry: Entry, only_session: str | None) -> None:
    one = "" if only_session is None else " AND t.id = :session_id"
    same_owner = "" if scope.owner is None else " AND s.owner = t.owner"
    taken = await conn.row(
        f"SELECT s.id FROM trashed_sessions t JOIN sessions s ON s.id = t.id{same_owner}"
        f" WHERE t.owner = :owner AND t.trash_id = :trash_id{one} LIMIT 1",
        {**entry.bin.params, "session_id": only_session},
    )
    if taken is not None:
        raise SessionExists(taken[0])


async def _document_back(conn: Connection, scope: Scope, entry: Entry, _: str | None, expected: int | None) -> Restored:
    for statement in _DOCUMENT_BACK:
        await conn.run(statement, entry.bin.params)
    return Restored(documents=1)


_DOCUMENT_BACK = (
    f"INSERT INTO documents (owner, {trash.DOCUMENT_COLUMNS}) SELECT owner, id, (SELECT s.id FROM sessions s"
    " WHERE s.owner = t.owner AND s.id = t.session_id), title, language, version, archived, revision + 1, created_at,"
    " updated_at FROM trashed_documents t WHERE owner = :owner AND trash_id = :trash_id",
    f"INSERT INTO document_versions (owner, {trash.VERSION_COLUMNS}) SELECT owner, {trash.VERSION_COLUMNS}"
    " FROM trashed_document_versions WHERE owner = :owner AND trash_id = :trash_id",
    "DELETE FROM trash WHERE owner = :owner AND id = :trash_id",
)


async def _compaction_back(
    conn: Connection, scope: Scope, entry: Entry, _: str | None, expected: int | None
) -> Restored:
    head = await lock(conn, scope.of(entry.owner), entry.session_id or "", expected)
    await conn.run(
        "DELETE FROM compactions WHERE owner = :owner AND session_id = :session_id AND id = :id",
        {"owner": entry.owner, "session_id": head.id, "id": entry.detail["compaction"]},
    )
    await conn.run("DELETE FROM trash WHERE owner = :owner AND id = :trash_id", entry.bin.params)
    await advance(conn, head, scope.clock(), count=head.message_count)
    return Restored()


WayBack: TypeAlias = Callable[[Connection, Scope, Entry, str | None, int | None], Awaitable[Restored]]

#: What an entry is of → how it comes back.
_WAYS_BACK: dict[str, WayBack] = {
    "edit message": _messages_back,
    "delete messages": _messages_back,
    "truncate messages": _messages_back,
    "replace messages": _messages_back,
    "undo": _messages_back,
    "delete session": _sessions_back,
    "delete sessions": _sessions_back,
    "clean up": _sessions_back,
    "delete document": _document_back,
    "compact": _compaction_back,
}
