"""What other operations remove goes here first, whole, so that it can be brought back."""

from dataclasses import dataclass
from typing import Any

from ithaca.content import new_id
from ithaca.operations.statements import MESSAGE_COLUMNS, SESSION_COLUMNS
from ithaca.storage.connection import Connection

DOCUMENT_COLUMNS = "id, session_id, title, language, version, archived, revision, created_at, updated_at"
VERSION_COLUMNS = "document_id, version, title, language, content, size, summary, source, created_at"


@dataclass(frozen=True, slots=True)
class Bin:
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
    id: str | None = None,
) -> Bin:
    """A new entry in the trash, for what an operation is about to remove; of several owners, under one id."""
    bin = Bin(owner, id or new_id())
    new = {**bin.params, "kind": kind, "now": now, "session": session_id, "document": document_id}
    await conn.run(
        "INSERT INTO trash (owner, id, kind, session_id, document_id, created_at)"
        " VALUES (:owner, :trash_id, :kind, :session, :document, :now)",
        new,
    )
    return bin


async def copy_messages(conn: Connection, bin: Bin, session_id: str, which: str, params: dict[str, Any]) -> int:
    """Puts a session's messages that fit a condition into the trash; returns how many."""
    return await conn.run(
        f"INSERT INTO trashed_messages (owner, trash_id, session_id, {MESSAGE_COLUMNS})"
        f" SELECT owner, :trash_id, session_id, {MESSAGE_COLUMNS} FROM messages"
        f" WHERE owner = :owner AND session_id = :session_id AND {which}",
        {**bin.params, "session_id": session_id, **params},
    )


async def remove_messages(conn: Connection, bin: Bin, session_id: str, which: str, params: dict[str, Any]) -> int:
    """Moves a session's messages that fit a condition into the trash; returns how many."""
    await copy_messages(conn, bin, session_id, which, params)
    return await conn.run(
        f"DELETE FROM messages WHERE owner = :owner AND session_id = :session_id AND {which}",
        {"owner": bin.owner, "session_id": session_id, **params},
    )


async def remove_session(conn: Connection, bin: Bin, session_id: str) -> int:
    """Moves a locked session with its messages into the trash; returns how many messages it had."""
    place = {**bin.params, "session_id": session_id}
    removed = await remove_messages(conn, bin, session_id, "TRUE", {})
    await conn.run(
        f"INSERT INTO trashed_sessions (owner, trash_id, {SESSION_COLUMNS})"
        f" SELECT owner, :trash_id, {SESSION_COLUMNS} FROM sessions WHERE owner = :owner AND id = :session_id",
        place,
    )
    await conn.run(
        "UPDATE documents SET session_id = NULL, revision = revision + 1"
        " WHERE owner = :owner AND session_id = :session_id",
        {"owner": bin.owner, "session_id": session_id},
    )
    await conn.run(
        "DELETE FROM sessions WHERE owner = :owner AND id = :session_id",
        {"owner": bin.owner, "session_id": session_id},
    )
    return removed


async def remove_document(conn: Connection, bin: Bin, document_id: str) -> None:
    """Moves a document with its versions into the trash."""
    place = {**bin.params, "document_id": document_id}
    await conn.run(
        f"INSERT INTO trashed_documents (owner, trash_id, {DOCUMENT_COLUMNS})"
        f" SELECT owner, :trash_id, {DOCUMENT_COLUMNS} FROM documents WHERE owner = :owner AND id = :document_id",
        place,
    )
    await conn.run(
        f"INSERT INTO trashed_document_versions (owner, trash_id, {VERSION_COLUMNS})"
        f" SELECT owner, :trash_id, {VERSION_COLUMNS} FROM document_versions"
        " WHERE owner = :owner AND document_id = :document_id",
        place,
    )
    await conn.run(
        "DELETE FROM documents WHERE owner = :owner AND id = :document_id",
        {"owner": bin.owner, "document_id": document_id},
    )
