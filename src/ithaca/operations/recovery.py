"""The way back out of the trash: in order, and in place, also after later messages came."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias

from ithaca.columns import Row, from_json
from ithaca.connection import Connection, one_statement
from ithaca.cursors import read_cursor, write_cursor
from ithaca.errors import (
    AmbiguousId,
    DocumentExists,
    InvalidArgument,
    NothingToUndo,
    RevisionConflict,
    SessionExists,
    SessionNotFound,
    TrashNotFound,
)
from ithaca.models import ChatMessage, Page, Restored, TrashEntry
from ithaca.operations import attachments, search, trash, versions
from ithaca.operations.messages import by_id
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import advance, lock
from ithaca.operations.statements import MESSAGE_COLUMNS, SESSION_COLUMNS

# What the session or the document of an entry is called.
_NAME = """
    coalesce(
        (SELECT s.name FROM trashed_sessions s WHERE s.owner = t.owner AND s.trash_id = t.id AND s.id = t.session_id),
        (SELECT s.name FROM sessions s WHERE s.owner = t.owner AND s.id = t.session_id),
        (SELECT d.title FROM trashed_documents d
            WHERE d.owner = t.owner AND d.trash_id = t.id AND d.id = t.document_id))
"""

_ENTRY = (
    "t.owner, t.id, t.kind, t.session_id, t.document_id, t.created_at, t.sessions, t.messages, t.documents,"
    f" {_NAME} AS name"
)

#: What a cursor of the trash says of its order.
_ORDER = ("trash",)

# A version that is not shown is no rubbish; and what hangs on another entry comes back with it.
_LISTED = "kind <> 'version' AND parent_id IS NULL"

# The entries of a session, and of several with it among them; these first, as they are few.
_OF_SESSION = """
    (SELECT owner, id FROM trash{using} WHERE {mine}session_id = :session_id
     UNION SELECT owner, trash_id FROM trashed_sessions WHERE {mine}id = :session_id) o CROSS JOIN
"""

# Of a session that is there, the last operation that can be taken back. Whoever purges it just then is waited for: what
# came back from an entry that is purged would have lost its attachments.
_LAST = """
    SELECT owner, id, kind, session_id, detail FROM trash INDEXED BY trash_by_session
    WHERE owner = :owner AND session_id = :session_id AND parent_id IS NULL
        AND kind NOT IN ('version', 'undo', 'delete session')
    ORDER BY revision DESC, created_at DESC, id DESC LIMIT 1 FOR UPDATE
"""


class Entry(NamedTuple):
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
    confined = {"using": trash.BY_SESSION, "mine": "owner = :owner AND "}
    of_session = _OF_SESSION.format(**confined if scope.owner is not None else dict.fromkeys(confined, ""))
    columns = {
        "owner": "t.owner = :owner",
        "of_owner": "t.owner = :of_owner",
        "session_id": "t.owner = o.owner AND t.id = o.id",
    }
    conditions = [_LISTED, *(columns[name] for name, value in asked.items() if value is not None)]
    after: dict[str, Any] = {}
    if cursor is not None:
        conditions.append("(t.created_at, t.owner, t.id) < (:key0, :key1, :key2)")
        after = read_cursor(cursor, _ORDER, (int, str, str))
    rows = await conn.rows(
        f"SELECT {_ENTRY} FROM {of_session if session_id is not None else ''} trash t WHERE {' AND '.join(conditions)}"
        " ORDER BY t.created_at DESC, t.owner DESC, t.id DESC LIMIT :limit",
        {**asked, **after, "limit": limit + 1},
    )
    last = rows[limit - 1] if len(rows) > limit else None
    items = [TrashEntry.kept(row, scope.trash_lifetime) for row in rows[:limit]]
    return Page(items, write_cursor(_ORDER, (last[5], last[0], last[1])) if last else None)


async def trashed_messages(
    conn: Connection, scope: Scope, trash_id: str, session_id: str | None, after: int, limit: int
) -> list[ChatMessage]:
    """The messages in an entry, in their order."""
    entries = await _entries(conn, scope, trash_id)
    if session_id is None and (len(entries) > 1 or entries[0][5] > 1):
        raise InvalidArgument("session_id", None, "one of the several sessions in this entry")
    of_session = "" if session_id is None else " AND session_id = :session_id"
    owners = [row[0] for row in entries]
    rows = await conn.rows(
        f"SELECT {MESSAGE_COLUMNS}, owner FROM trashed_messages WHERE owner IN (EACH(:owners)) AND trash_id = :id"
        f"{of_session} AND seq > :after ORDER BY seq LIMIT :limit",
        {"owners": owners, "id": trash_id, "session_id": session_id, "after": after, "limit": limit},
    )
    return await attachments.messages(conn, rows[0][-1] if rows else "", [row[:-1] for row in rows])


async def undo(conn: Connection, scope: Scope, session_id: str, expected: int | None) -> Restored:
    """Takes back the last operation that removed something of a session, or the session itself."""
    try:
        head = await lock(conn, scope, session_id, expected)
    except SessionNotFound:
        entry = await _deleted(conn, scope, session_id)
        if entry is None:
            await lock(conn, scope, session_id, expected)  # it is there only if another one has just brought it back
            raise NothingToUndo(session_id) from None
        return await _restore(conn, scope, entry, session_id, expected)
    found = await conn.row(_LAST, {"owner": head.owner, "session_id": session_id})
    if found is None:
        raise NothingToUndo(session_id)
    return await _restore(conn, scope, _entry(found), session_id, expected)


async def _deleted(conn: Connection, scope: Scope, session_id: str) -> Entry | None:
    """The entry with a session that is not there, the last if it was deleted several times."""
    mine = "" if scope.owner is None else "s.owner = :owner AND "
    rows = await conn.rows(
        "SELECT t.owner, t.id, t.kind, t.session_id, t.detail FROM trashed_sessions s JOIN trash t"
        f" ON t.owner = s.owner AND t.id = s.trash_id WHERE {mine}s.id = :session_id"
        " ORDER BY t.created_at DESC, t.id DESC FOR UPDATE",
        {"owner": scope.owner, "session_id": session_id},
    )
    if len({row[0] for row in rows}) > 1:
        raise AmbiguousId(session_id)
    return _entry(rows[0]) if rows else None


async def _entries(conn: Connection, scope: Scope, trash_id: str, locked: str = "") -> list[Row]:
    """An operation's entries: one for each owner whom it concerned."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    rows = await conn.rows(
        f"SELECT owner, id, kind, session_id, detail, sessions FROM trash WHERE {mine}id = :id AND {_LISTED}"
        f" ORDER BY owner{locked}",
        {"owner": scope.owner, "id": trash_id},
    )
    if not rows:
        raise TrashNotFound(trash_id)
    return rows


async def is_there(conn: Connection, scope: Scope, trash_id: str) -> bool:
    """Whether there is an entry of this id."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    sql = f"SELECT 1 FROM trash WHERE {mine}id = :id AND {_LISTED} LIMIT 1"
    return await conn.row(sql, {"owner": scope.owner, "id": trash_id}) is not None


@one_statement
async def sessions_in(conn: Connection, scope: Scope, trash_id: str) -> list[Row]:
    """The owners and the ids of the sessions in an entry."""
    mine = "" if scope.owner is None else "t.owner = :owner AND "
    return await conn.rows(
        "SELECT s.owner, s.id FROM trash t JOIN trashed_sessions s ON s.owner = t.owner AND s.trash_id = t.id"
        f" WHERE {mine}t.id = :id AND {_LISTED} ORDER BY s.owner, s.id",
        {"owner": scope.owner, "id": trash_id},
    )


async def restore(conn: Connection, scope: Scope, trash_id: str, expected: int | None) -> Restored:
    """Takes back one operation; of an unconfined scope, for every owner whom it concerned."""
    rows = await _entries(conn, scope, trash_id, " FOR UPDATE")
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
    """Puts messages back under their numbers; what had come in their place goes to the trash.

    A message whose id is in use again stays in the trash.
    """
    head = await lock(conn, scope.of(entry.owner), entry.session_id or "", expected)
    stage = versions.Stage.of(head)
    if version := entry.detail.get("version"):
        await versions.show(conn, scope, stage, version)
    await _displace(conn, scope, stage, entry)
    await _set_siblings_aside(conn, scope, stage, entry)
    await search.look_again(conn, {**entry.bin.params, "session_id": head.id})
    restored, left = await trash.put_back(conn, entry.bin, head.id)
    if left:
        await _keep(conn, entry, left)
    else:
        await trash.remove_entry(conn, entry.bin)
    stage.count += restored
    await stage.end(conn, scope, scope.clock())
    return Restored(messages=restored)


async def _keep(conn: Connection, entry: Entry, ids: list[str]) -> None:
    """Leaves only these messages in an entry: those that could not come back."""
    left = {**entry.bin.params, "left": ids}
    await conn.run(
        "DELETE FROM trashed_messages WHERE owner = :owner AND trash_id = :trash_id AND id NOT IN (EACH(:left))", left
    )
    # It is nothing that undoing would have to try again.
    await conn.run("UPDATE trash SET kind = 'undo', detail = NULL WHERE owner = :owner AND id = :trash_id", left)
    await _count_what_is_left(conn, entry)


async def _displace(conn: Connection, scope: Scope, stage: versions.Stage, entry: Entry) -> None:
    """Moves what stands in the place of removed messages to an entry that would bring it back again."""
    if "first" not in entry.detail:
        return
    head, (first, last) = stage.head, await _bounds(conn, entry)
    chosen = trash.Chosen(entry.owner, head.id, "seq BETWEEN :first AND :last", entry.detail)
    place = {"first": first, "last": last}
    displaced = await trash.remove_messages(conn, chosen, "undo", scope.clock(), head.revision + 1, detail=place)
    stage.count -= displaced.messages


async def _bounds(conn: Connection, entry: Entry) -> tuple[int, int]:
    row = await conn.row(
        "SELECT min(seq), max(seq) FROM trashed_messages WHERE owner = :owner AND trash_id = :trash_id",
        entry.bin.params,
    )
    return (row[0], row[1]) if row else (0, -1)


async def _set_siblings_aside(conn: Connection, scope: Scope, stage: versions.Stage, entry: Entry) -> None:
    """Keeps a version that is shown instead of one that comes back; of one message, one version is shown."""
    groups = await conn.rows(
        "SELECT id, version_group FROM trashed_messages WHERE owner = :owner AND trash_id = :trash_id"
        " AND version_group IS NOT NULL",
        entry.bin.params,
    )
    if not groups:
        return
    here = await by_id(conn, entry.owner, stage.head.id, [id for id, _ in groups])
    row = await conn.row(
        "SELECT version_group, seq FROM messages INDEXED BY messages_versions"
        " WHERE owner = :owner AND session_id = :session_id AND version_group IS NOT NULL"
        " AND version_group IN (EACH(:groups)) ORDER BY seq LIMIT 1",
        {**stage.place, "groups": [group for id, group in groups if id not in here]},
    )
    if row is not None:
        await versions.set_aside(conn, scope, stage, row[0], row[1])


async def _count_what_is_left(conn: Connection, entry: Entry) -> None:
    """Removes an entry that has become empty."""
    await conn.run(
        "UPDATE trash SET sessions ="
        " (SELECT count(*) FROM trashed_sessions s WHERE s.owner = trash.owner AND s.trash_id = trash.id), messages ="
        " (SELECT count(*) FROM trashed_messages m WHERE m.owner = trash.owner AND m.trash_id = trash.id)"
        " WHERE owner = :owner AND id = :trash_id",
        entry.bin.params,
    )
    await conn.run(
        "DELETE FROM trash WHERE owner = :owner AND id = :trash_id AND sessions = 0 AND messages = 0", entry.bin.params
    )


async def _sessions_back(
    conn: Connection, scope: Scope, entry: Entry, only_session: str | None, expected: int | None
) -> Restored:
    """Puts sessions back with all that hung on them; the documents that are nobody's now are theirs again."""
    one = {**entry.bin.params, "session_id": only_session, "now": scope.clock()}
    await _refuse_taken_ids(conn, scope, one)
    if expected is not None:
        await _check_revision(conn, "trashed_sessions", one, expected)
    await _note(conn, scope, "trashed_sessions", one, 2)
    which = "" if only_session is None else " AND {id} = :session_id"
    counts = [await conn.run(sql.replace("{one}", which).replace("{id}", id), one) for sql, id in _SESSIONS_BACK]
    await _count_what_is_left(conn, entry)
    return Restored(sessions=counts[0], messages=counts[1])


async def _check_revision(conn: Connection, table: str, one: dict[str, Any], expected: int) -> None:
    only = "" if one.get("session_id") is None else " AND id = :session_id"
    row = await conn.row(
        f"SELECT id, revision FROM {table} WHERE owner = :owner AND trash_id = :trash_id{only}"
        " AND revision <> :expected ORDER BY id LIMIT 1",
        {**one, "expected": expected},
    )
    if row is not None:
        raise RevisionConflict(row[0], row[1], expected)


async def _note(conn: Connection, scope: Scope, table: str, one: dict[str, Any], changes: int) -> None:
    """Notes, if somebody asks, at which revisions those come back that have had so many changes by then."""
    if scope.revisions is not None:
        only = "" if one.get("session_id") is None else " AND id = :session_id"
        sql = f"SELECT id, revision FROM {table} WHERE owner = :owner AND trash_id = :trash_id{only}"
        for id, revision in await conn.rows(sql, one):
            scope.leaves(id, revision + changes)


_MINE = "owner = :owner AND trash_id = :trash_id{one}"
# Its deletion was a change too, under the revision between.
_SESSION_BACK_COLUMNS = SESSION_COLUMNS.replace("revision", "revision + 2").replace("updated_at", ":now")
_SESSION_BACK_COLUMNS = _SESSION_BACK_COLUMNS.replace("last_accessed", ":now")
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
        f" SELECT owner, id, 'restored', revision + 2, :now FROM trashed_sessions WHERE {_MINE}",
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
    # A document that was deleted since belongs to the session again when it comes back.
    (
        "UPDATE trashed_documents INDEXED BY trashed_documents_by_id SET session_id ="
        " (SELECT a.session_id FROM trashed_attachings a"
        " WHERE a.owner = trashed_documents.owner AND a.trash_id = :trash_id AND a.document_id = trashed_documents.id)"
        " WHERE owner = :owner AND session_id IS NULL AND id IN (SELECT a.document_id FROM trashed_attachings a"
        " WHERE a.owner = :owner AND a.trash_id = :trash_id{one})",
        "a.session_id",
    ),
    (
        "UPDATE trash INDEXED BY trash_by_parent SET parent_id = NULL"
        " WHERE owner = :owner AND parent_id = :trash_id{one}",
        "session_id",
    ),
    (f"DELETE FROM trashed_messages WHERE {_MINE}", "session_id"),
    (f"DELETE FROM trashed_compactions WHERE {_MINE}", "session_id"),
    (f"DELETE FROM trashed_attachings WHERE {_MINE}", "session_id"),
    (f"DELETE FROM trashed_sessions WHERE {_MINE}", "id"),
)


async def _refuse_taken_ids(conn: Connection, scope: Scope, one: dict[str, Any]) -> None:
    only = "" if one["session_id"] is None else " AND t.id = :session_id"
    same_owner = "" if scope.owner is None else " AND s.owner = t.owner"
    taken = await conn.row(
        f"SELECT s.id FROM trashed_sessions t JOIN sessions s ON s.id = t.id{same_owner}"
        f" WHERE t.owner = :owner AND t.trash_id = :trash_id{only} ORDER BY s.id LIMIT 1",
        one,
    )
    if taken is not None:
        raise SessionExists(taken[0])


async def _document_back(conn: Connection, scope: Scope, entry: Entry, _: str | None, expected: int | None) -> Restored:
    place = {**entry.bin.params, "now": scope.clock()}
    same_owner = "" if scope.owner is None else " AND d.owner = t.owner"
    taken = await conn.row(
        f"SELECT d.id FROM trashed_documents t JOIN documents d ON d.id = t.id{same_owner}"
        " WHERE t.owner = :owner AND t.trash_id = :trash_id",
        place,
    )
    if taken is not None:
        raise DocumentExists(taken[0])
    if expected is not None:
        await _check_revision(conn, "trashed_documents", place, expected)
    await _note(conn, scope, "trashed_documents", place, 1)
    for statement in _DOCUMENT_BACK:
        await conn.run(statement, place)
    await trash.remove_entry(conn, entry.bin)
    return Restored(documents=1)


_DOCUMENT_BACK = (
    f"INSERT INTO documents (owner, {trash.DOCUMENT_COLUMNS}) SELECT owner, id, (SELECT s.id FROM sessions s"
    " WHERE s.owner = t.owner AND s.id = t.session_id), title, language, version, archived, revision + 1, created_at,"
    " :now FROM trashed_documents t WHERE owner = :owner AND trash_id = :trash_id",
    f"INSERT INTO document_versions (owner, {trash.VERSION_COLUMNS}) SELECT owner, {trash.VERSION_COLUMNS}"
    " FROM trashed_document_versions WHERE owner = :owner AND trash_id = :trash_id",
    # Its session may come back later.
    "INSERT INTO trashed_attachings (owner, trash_id, session_id, document_id)"
    " SELECT s.owner, s.trash_id, s.id, t.id FROM trashed_documents t JOIN trashed_sessions s"
    " ON s.owner = t.owner AND s.id = t.session_id WHERE t.owner = :owner AND t.trash_id = :trash_id"
    " AND NOT EXISTS (SELECT 1 FROM sessions x WHERE x.owner = s.owner AND x.id = s.id) ON CONFLICT DO NOTHING",
)


async def _compaction_back(
    conn: Connection, scope: Scope, entry: Entry, _: str | None, expected: int | None
) -> Restored:
    head = await lock(conn, scope.of(entry.owner), entry.session_id or "", expected)
    await conn.run(
        "DELETE FROM compactions WHERE owner = :owner AND session_id = :session_id AND id = :id",
        {"owner": entry.owner, "session_id": head.id, "id": entry.detail["compaction"]},
    )
    await trash.remove_entry(conn, entry.bin)
    await advance(conn, scope, head, scope.clock(), count=head.message_count)
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
    "retention": _sessions_back,
    "delete document": _document_back,
    "compact": _compaction_back,
}
