"""Documents: each edit makes a version, and any version can be made the current one again."""

from typing import Any

from ithaca.connection import Connection, one_statement
from ithaca.cursors import read_cursor, write_cursor
from ithaca.errors import (
    DocumentExists,
    DocumentNotFound,
    RevisionConflict,
    SessionNotFound,
    VersionNotFound,
)
from ithaca.models import Document, DocumentVersion, Page, Removed
from ithaca.operations import trash
from ithaca.operations.scope import Scope

#: In the order in which `Document` reads a row, of documents d and their current versions v.
_DOCUMENT = (
    "d.owner, d.id, d.session_id, d.title, d.language, d.version, d.archived, d.revision, d.created_at,"
    " d.updated_at, v.size"
)
_WITH_CURRENT = (
    " FROM documents d JOIN document_versions v ON v.owner = d.owner AND v.document_id = d.id AND v.version = d.version"
)
#: What a cursor of documents says of its order.
_ORDER = ("documents",)
_ORDER_OF_VERSIONS = ("document versions",)

_VERSION = "document_id, version, title, language, summary, source, created_at, size"

_INSERT_VERSION = """
    INSERT INTO document_versions
        (owner, document_id, version, title, language, content, size, summary, source, created_at)
    VALUES (:owner, :id, :version, :title, :language, :content, :size, :summary, :source, :now)
"""


async def create(conn: Connection, scope: Scope, new: dict[str, Any], owner_named: bool) -> Document:
    """Makes a document with its first version. If no owner was named, it is its session's."""
    await scope.take_turn(conn, new["id"])
    await _refuse_taken_id(conn, scope, new["id"])
    if new["session_id"] is not None:
        if not owner_named:
            new = {**new, "owner": await scope.owner_of_session(conn, new["session_id"])}
        await _hold_session(conn, new["owner"], new["session_id"])
    first = {**new, "version": 1, "summary": None, "now": scope.clock()}
    made = await conn.run(
        "INSERT INTO documents (owner, id, session_id, title, language, version, created_at, updated_at)"
        " VALUES (:owner, :id, :session_id, :title, :language, :version, :now, :now)"
        " ON CONFLICT (owner, id) DO NOTHING",
        first,
    )
    if not made:
        raise DocumentExists(new["id"])
    await conn.run(_INSERT_VERSION, first)
    return await _changed(conn, scope, new["owner"], new["id"])


async def _refuse_taken_id(conn: Connection, scope: Scope, document_id: str) -> None:
    if scope.owner is None and await conn.row("SELECT 1 FROM documents WHERE id = :id", {"id": document_id}):
        raise DocumentExists(document_id)


async def _hold_session(conn: Connection, owner: str, session_id: str) -> None:
    """Keeps the session from being deleted while a document is attached to it."""
    place = {"owner": owner, "id": session_id}
    if not await conn.row("SELECT 1 FROM sessions WHERE owner = :owner AND id = :id FOR UPDATE", place):
        raise SessionNotFound(session_id)


@one_statement
async def get(conn: Connection, scope: Scope, document_id: str) -> Document:
    """A document with its current content."""
    return await _read(conn, await scope.owner_of_document(conn, document_id), document_id)


async def _read(conn: Connection, owner: str, document_id: str) -> Document:
    row = await conn.row(
        f"SELECT {_DOCUMENT}, v.content{_WITH_CURRENT} WHERE d.owner = :owner AND d.id = :id",
        {"owner": owner, "id": document_id},
    )
    if row is None:
        raise DocumentNotFound(document_id)
    return Document.from_row(row)


async def _changed(conn: Connection, scope: Scope, owner: str, document_id: str) -> Document:
    """A document as a change leaves it."""
    document = await _read(conn, owner, document_id)
    scope.leaves(document_id, document.revision)
    return document


@one_statement
async def list_documents(
    conn: Connection, scope: Scope, wanted: dict[str, Any], cursor: str | None, limit: int
) -> Page[Document]:
    """One page of documents without their content, the last changed first."""
    conditions = [f"d.{column} = :{column}" for column, value in wanted.items() if value is not None]
    if scope.owner is not None:
        conditions.append("d.owner = :scope")
    if wanted["session_id"] == "":
        conditions = [c for c in conditions if "session_id" not in c] + ["d.session_id IS NULL"]
    after = {}
    if cursor is not None:
        conditions.append("(d.updated_at, d.owner, d.id) < (:key0, :key1, :key2)")
        after = read_cursor(cursor, _ORDER, (int, str, str))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = await conn.rows(
        f"SELECT {_DOCUMENT}, NULL{_WITH_CURRENT}{where}"
        " ORDER BY d.updated_at DESC, d.owner DESC, d.id DESC LIMIT :limit",
        {**wanted, **after, "scope": scope.owner, "limit": limit + 1},
    )
    items = list(map(Document.from_row, rows[:limit]))
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(items, write_cursor(_ORDER, (last[9], last[0], last[1])) if last else None)


async def _lock(conn: Connection, scope: Scope, document_id: str, expected: int | None) -> tuple[str, int]:
    """The owner and the current version of a document that nobody else changes until the transaction ends."""
    owner = await scope.owner_of_document(conn, document_id)
    row = await conn.row(
        "SELECT revision, version FROM documents WHERE owner = :owner AND id = :id FOR UPDATE",
        {"owner": owner, "id": document_id},
    )
    if row is None:
        raise DocumentNotFound(document_id)
    if expected is not None and row[0] != expected:
        raise RevisionConflict(document_id, row[0], expected)
    scope.leaves(document_id, row[0])
    return owner, int(row[1])


async def edit(
    conn: Connection,
    scope: Scope,
    document_id: str,
    changes: dict[str, Any],
    note: dict[str, Any],
    expected: int | None,
) -> Document:
    """Makes a version with another content, title or language; what is not given stays as it was."""
    owner, version = await _lock(conn, scope, document_id, expected)
    current = await _version_columns(conn, owner, document_id, version)
    return await _add_version(conn, scope, owner, document_id, {**current, **changes, **note})


async def restore(conn: Connection, scope: Scope, document_id: str, version: int, expected: int | None) -> Document:
    """Makes a new version that says what an older one said."""
    owner, _ = await _lock(conn, scope, document_id, expected)
    old = await _version_columns(conn, owner, document_id, version)
    note = {"summary": f"restored version {version}", "source": "restore"}
    return await _add_version(conn, scope, owner, document_id, {**old, **note})


async def _version_columns(conn: Connection, owner: str, document_id: str, version: int) -> dict[str, Any]:
    row = await conn.row(
        "SELECT title, language, content, size FROM document_versions"
        " WHERE owner = :owner AND document_id = :id AND version = :version",
        {"owner": owner, "id": document_id, "version": version},
    )
    if row is None:
        raise VersionNotFound(document_id, version)
    return dict(zip(("title", "language", "content", "size"), row, strict=True))


async def _add_version(
    conn: Connection, scope: Scope, owner: str, document_id: str, version: dict[str, Any]
) -> Document:
    new = {**version, "owner": owner, "id": document_id, "now": scope.clock()}
    row = await conn.row(
        "UPDATE documents SET title = :title, language = :language, version = version + 1,"
        " revision = revision + 1, updated_at = :now WHERE owner = :owner AND id = :id RETURNING version",
        new,
    )
    await conn.run(_INSERT_VERSION, {**new, "version": row[0] if row else 0})
    return await _changed(conn, scope, owner, document_id)


@one_statement
async def list_versions(
    conn: Connection, scope: Scope, document_id: str, cursor: str | None, limit: int
) -> Page[DocumentVersion]:
    """A page of a document's versions without their content, the newest first."""
    after = {} if cursor is None else read_cursor(cursor, _ORDER_OF_VERSIONS, [int])
    owner = await scope.owner_of_document(conn, document_id)
    rows = await conn.rows(
        f"SELECT {_VERSION}, NULL FROM document_versions WHERE owner = :owner AND document_id = :id"
        f"{' AND version < :key0' if after else ''} ORDER BY version DESC LIMIT :limit",
        {"owner": owner, "id": document_id, **after, "limit": limit + 1},
    )
    if not rows and not (after and await _has_versions(conn, owner, document_id)):
        raise DocumentNotFound(document_id)
    items = list(map(DocumentVersion.from_row, rows[:limit]))
    return Page(items, write_cursor(_ORDER_OF_VERSIONS, [items[-1].version]) if len(rows) > limit else None)


async def _has_versions(conn: Connection, owner: str | None, document_id: str) -> bool:
    """Whether it is there: every document has a version at least."""
    sql = "SELECT 1 FROM document_versions WHERE owner = :owner AND document_id = :id LIMIT 1"
    return await conn.row(sql, {"owner": owner, "id": document_id}) is not None


@one_statement
async def get_version(conn: Connection, scope: Scope, document_id: str, version: int) -> DocumentVersion:
    """One version with its content."""
    owner = await scope.owner_of_document(conn, document_id)
    row = await conn.row(
        f"SELECT {_VERSION}, content FROM document_versions"
        " WHERE owner = :owner AND document_id = :id AND version = :version",
        {"owner": owner, "id": document_id, "version": version},
    )
    if row is None:
        await _read(conn, owner, document_id)
        raise VersionNotFound(document_id, version)
    return DocumentVersion.from_row(row)


async def attach(
    conn: Connection, scope: Scope, document_id: str, session_id: str | None, expected: int | None
) -> Document:
    """Makes the document belong to a session of the same owner, or to none."""
    owner = await scope.owner_of_document(conn, document_id)
    if session_id is not None:
        await _hold_session(conn, owner, session_id)  # before the document, as deleting a session does
    await _lock(conn, scope, document_id, expected)
    return await _set(conn, scope, owner, document_id, "session_id", session_id)


async def archive(conn: Connection, scope: Scope, document_id: str, archived: bool, expected: int | None) -> Document:
    """Takes the document out of sight, or brings it back."""
    owner, _ = await _lock(conn, scope, document_id, expected)
    return await _set(conn, scope, owner, document_id, "archived", archived)


async def _set(conn: Connection, scope: Scope, owner: str, document_id: str, column: str, value: object) -> Document:
    await conn.run(
        f"UPDATE documents SET {column} = :value, revision = revision + 1, updated_at = :now"
        " WHERE owner = :owner AND id = :id",
        {"value": value, "now": scope.clock(), "owner": owner, "id": document_id},
    )
    return await _changed(conn, scope, owner, document_id)


async def delete(conn: Connection, scope: Scope, document_id: str, expected: int | None) -> Removed:
    """Moves a document with its versions to the trash."""
    owner, _ = await _lock(conn, scope, document_id, expected)
    bin = await trash.open_bin(conn, owner, "delete document", scope.clock(), document_id=document_id, documents=1)
    await trash.remove_document(conn, bin, document_id)
    return Removed(bin.id, documents=1)
