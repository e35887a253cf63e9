"""What other operations remove goes here first, whole, so that it can be brought back.

An entry of the trash is what one operation removed: rows of the twin tables `trashed_…`, and what the way back
needs to know beyond them. Entries of a session that is itself in the trash hang on the entry that took it
(`parent_id`): they are of that session, not of one that may be made under its id later.
"""

from typing import Any, NamedTuple

from ithaca.columns import to_json
from ithaca.connection import NOTHING, Connection, Params
from ithaca.content import new_id
from ithaca.models import Removed
from ithaca.operations.statements import MESSAGE_COLUMNS, SESSION_COLUMNS

#: Behind the table's name: those of a session. For a union, whose rows go by their ids, SQLite would take the primary
#: key, and read all of the owner's.
BY_SESSION = " INDEXED BY trash_by_session"

#: The entries with what was removed of a session: its own, and those of several sessions with it among them.
ENTRIES_OF = f"""
    SELECT t.id FROM trash t{BY_SESSION} WHERE t.owner = {{owner}} AND t.session_id = {{session}}
    UNION SELECT s.trash_id FROM trashed_sessions s WHERE s.owner = {{owner}} AND s.id = {{session}}
"""

DOCUMENT_COLUMNS = "id, session_id, title, language, version, archived, revision, created_at, updated_at"
VERSION_COLUMNS = "document_id, version, title, language, content, size, summary, source, created_at"
COMPACTION_COLUMNS = "session_id, id, through, summary, tokens, created_at"


class Bin(NamedTuple):
    """One operation's place in the trash of an owner."""

    owner: str
    id: str

    @property
    def params(self) -> dict[str, Any]:
        return {"owner": self.owner, "trash_id": self.id}


async def open_bin(
    conn: Connection,
    owner: str,
    kind: str,
    now: int,
    *,
    session_id: str | None = None,
    document_id: str | None = None,
    version_group: str | None = None,
    revision: int = 0,
    id: str | None = None,
    messages: int = 0,
    documents: int = 0,
    detail: dict[str, Any] | None = None,
) -> Bin:
    """A new entry in the trash, for what an operation is about to remove; of several owners, under one id.

    `revision` is the session's after the operation: it tells which operation was the last. `detail` is what the way
    back needs to know beyond the rows.
    """
    bin = Bin(owner, id or new_id())
    await conn.run(
        "INSERT INTO trash (owner, id, kind, session_id, document_id, version_group, revision, created_at, messages,"
        " documents, detail) VALUES (:owner, :trash_id, :kind, :session, :document, :group, :revision, :now,"
        " :messages, :documents, :detail)",
        {
            **bin.params, "kind": kind, "now": now, "session": session_id, "document": document_id,
            "group": version_group, "revision": revision, "messages": messages, "documents": documents,
            "detail": None if detail is None else to_json(detail),
        },
    )  # fmt: skip
    return bin


async def close_bin(conn: Connection, bin: Bin, *, sessions: int, messages: int) -> None:
    """Records how much went into the entry, where that is known afterwards only."""
    await conn.run(
        "UPDATE trash SET sessions = :sessions, messages = :messages WHERE owner = :owner AND id = :trash_id",
        {**bin.params, "sessions": sessions, "messages": messages},
    )


async def remove_entry(conn: Connection, bin: Bin) -> None:
    """Removes an entry with what is still in it, when that has come back."""
    await conn.run("DELETE FROM trash WHERE owner = :owner AND id = :trash_id", bin.params)


#: Behind a table's name: find by the id.
BY_ID = " INDEXED BY messages_by_id"


class Chosen(NamedTuple):
    """Those messages of a locked session that fit a condition."""

    owner: str
    session_id: str
    which: str = "TRUE"
    params: Params = NOTHING
    #: `BY_ID`, or nothing.
    using: str = ""

    @property
    def rows(self) -> str:
        """What stands behind `FROM`."""
        return f"messages{self.using} WHERE owner = :owner AND session_id = :session_id AND {self.which}"

    @property
    def place(self) -> dict[str, Any]:
        return {"owner": self.owner, "session_id": self.session_id, **self.params}


# How many they are, and the message that stays on which it depends, of several versions, that they are a part of the
# conversation.
_FIND = """
    SELECT chosen.messages, (
        SELECT m.id FROM messages m INDEXED BY messages_versions
        WHERE m.owner = :owner AND m.session_id = :session_id AND m.version_group IS NOT NULL
            AND m.seq {before} chosen.first ORDER BY m.seq DESC LIMIT 1)
    FROM (SELECT count(*) AS messages, min(seq) AS first FROM {rows}) AS chosen
"""


async def remove_messages(
    conn: Connection,
    chosen: Chosen,
    kind: str,
    now: int,
    revision: int,
    *,
    version_group: str | None = None,
    detail: dict[str, Any] | None = None,
    stay: bool = False,
) -> Removed:
    """Moves messages into an entry of their own; makes none if there are none of them. Those that `stay` are copied."""
    find = _FIND.format(rows=chosen.rows, before="<=" if stay else "<")
    messages, version = await conn.row(find, chosen.place) or (0, None)
    if not messages:
        return Removed()
    if version is not None and version_group is None:
        detail = {**(detail or {}), "version": version}
    bin = await open_bin(
        conn, chosen.owner, kind, now, session_id=chosen.session_id, version_group=version_group, revision=revision,
        messages=messages, detail=detail,
    )  # fmt: skip
    await _copy(conn, bin, chosen, aside=kind == "version")
    if not stay:
        await _delete(conn, chosen)
    return Removed(bin.id, messages=messages)


async def _copy(conn: Connection, bin: Bin, chosen: Chosen, *, aside: bool = False) -> int:
    return await conn.run(
        f"INSERT INTO trashed_messages (owner, trash_id, session_id, aside, {MESSAGE_COLUMNS})"
        f" SELECT owner, :trash_id, session_id, :aside, {MESSAGE_COLUMNS} FROM {chosen.rows}",
        {**chosen.place, "trash_id": bin.id, "aside": aside},
    )


async def _delete(conn: Connection, chosen: Chosen) -> None:
    await conn.run(f"DELETE FROM {chosen.rows}", chosen.place)


# The unique index itself tells whose id is in use. A join would be left to the planner; and of an owner of whom it has
# no statistics yet, PostgreSQL expects so few rows that it reads the whole session for each message.
_PUT_BACK = f"""
    INSERT INTO messages (owner, session_id, {MESSAGE_COLUMNS})
    SELECT owner, session_id, {MESSAGE_COLUMNS.replace("seq", "seq + :shift", 1)} FROM trashed_messages
    WHERE owner = :owner AND trash_id = :trash_id AND session_id = :session_id
    ON CONFLICT (owner, session_id, id) DO NOTHING RETURNING id
"""

_IDS = "SELECT id FROM trashed_messages WHERE owner = :owner AND trash_id = :trash_id ORDER BY seq"


async def put_back(conn: Connection, bin: Bin, session_id: str, shift: int = 0) -> tuple[int, list[str]]:
    """Copies messages of an entry into their locked session, their numbers raised by `shift`.

    Returns how many, and the ids of those that stay in the entry, because the session has messages of that id again.
    """
    came = {row[0] for row in await conn.rows(_PUT_BACK, {**bin.params, "session_id": session_id, "shift": shift})}
    return len(came), [row[0] for row in await conn.rows(_IDS, bin.params) if row[0] not in came]


#: Which entries hang on a session that is removed: its own, not that of one which had the same id before.
HANGS = "parent_id IS NULL AND id <> :trash_id AND kind <> 'delete session'"


async def remove_session(conn: Connection, bin: Bin, session_id: str) -> int:
    """Moves a locked session with all that hangs on it into the trash; returns how many messages it had."""
    place = {**bin.params, "session_id": session_id}
    messages = Chosen(bin.owner, session_id)
    removed = await _copy(conn, bin, messages)
    await _delete(conn, messages)
    for statement in _REMOVE_SESSION:
        await conn.run(statement, place)
    return removed


_REMOVE_SESSION = (
    f"INSERT INTO trashed_compactions (owner, trash_id, {COMPACTION_COLUMNS})"
    f" SELECT owner, :trash_id, {COMPACTION_COLUMNS} FROM compactions"
    " WHERE owner = :owner AND session_id = :session_id",
    f"INSERT INTO trashed_sessions (owner, trash_id, {SESSION_COLUMNS})"
    f" SELECT owner, :trash_id, {SESSION_COLUMNS} FROM sessions WHERE owner = :owner AND id = :session_id",
    # The documents stay; what the session is brought back with is written down.
    "INSERT INTO trashed_attachings (owner, trash_id, session_id, document_id)"
    " SELECT owner, :trash_id, session_id, id FROM documents WHERE owner = :owner AND session_id = :session_id",
    "UPDATE documents INDEXED BY documents_by_session SET session_id = NULL, revision = revision + 1"
    " WHERE owner = :owner AND session_id = :session_id",
    "UPDATE trash INDEXED BY trash_by_session SET parent_id = :trash_id"
    f" WHERE owner = :owner AND session_id = :session_id AND {HANGS}",
    "DELETE FROM sessions WHERE owner = :owner AND id = :session_id",
)


async def remove_document(conn: Connection, bin: Bin, document_id: str) -> None:
    """Moves a document with its versions into the trash."""
    place = {**bin.params, "document_id": document_id}
    for statement in _REMOVE_DOCUMENT:
        await conn.run(statement, place)


_REMOVE_DOCUMENT = (
    f"INSERT INTO trashed_documents (owner, trash_id, {DOCUMENT_COLUMNS})"
    f" SELECT owner, :trash_id, {DOCUMENT_COLUMNS} FROM documents WHERE owner = :owner AND id = :document_id",
    f"INSERT INTO trashed_document_versions (owner, trash_id, {VERSION_COLUMNS})"
    f" SELECT owner, :trash_id, {VERSION_COLUMNS} FROM document_versions"
    " WHERE owner = :owner AND document_id = :document_id",
    "DELETE FROM documents WHERE owner = :owner AND id = :document_id",
)
