"""The end of the way: what is purged or erased is nowhere any more.

The operations delete rows; the storage then scrubs what deleting leaves behind in files (`Storage.scrub`).
"""

from typing import Any

from ithaca.errors import TrashNotFound
from ithaca.models import Erased
from ithaca.operations.scope import Scope
from ithaca.storage.connection import Connection

#: What holds an owner's data, in an order in which it can be deleted.
_TABLES = (
    "trashed_messages",
    "trashed_compactions",
    "trashed_attachings",
    "trashed_sessions",
    "trashed_document_versions",
    "trashed_documents",
    "trash",
    "document_versions",
    "documents",
    "compactions",
    "messages",
    "sessions",
    "attachment_chunks",
    "attachments",
    "usage",
    "retention_policies",
    "changes",
)

#: What an entry of the trash holds.
_IN_AN_ENTRY = (
    "trashed_messages",
    "trashed_compactions",
    "trashed_attachings",
    "trashed_sessions",
    "trashed_document_versions",
    "trashed_documents",
)


async def purge_entry(conn: Connection, scope: Scope, trash_id: str) -> Erased:
    """Erases an entry of the trash with what hangs on it."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    which = f"{mine}id = :id AND kind <> 'version' AND parent_id IS NULL"
    entries = await conn.rows(f"SELECT owner, id FROM trash WHERE {which}", {"owner": scope.owner, "id": trash_id})
    if not entries:
        raise TrashNotFound(trash_id)
    return await _purge(conn, [(owner, id) for owner, id in entries])


async def purge_older(conn: Connection, scope: Scope, before: int, limit: int) -> Erased:
    """Erases entries that were made before a time, the oldest first, at most so many."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    entries = await conn.rows(
        f"SELECT owner, id FROM trash WHERE {mine}created_at < :before AND kind <> 'version' AND parent_id IS NULL"
        " ORDER BY created_at LIMIT :limit",
        {"owner": scope.owner, "before": before, "limit": limit},
    )
    return await _purge(conn, [(owner, id) for owner, id in entries])


async def _purge(conn: Connection, entries: list[tuple[str, str]]) -> Erased:
    counts: dict[str, int] = {}
    for owner, id in entries:
        one = {"owner": owner, "id": id}
        hanging = await conn.rows("SELECT id FROM trash WHERE owner = :owner AND parent_id = :id", one)
        ids = [id, *(row[0] for row in hanging)]
        for table in _IN_AN_ENTRY:
            await _delete(conn, counts, table, "trash_id IN (EACH(:ids))", {"owner": owner, "ids": ids})
        await _delete(conn, counts, "trash", "id IN (EACH(:ids))", {"owner": owner, "ids": ids})
    return Erased(counts)


async def erase_owner(conn: Connection, scope: Scope, owner: str) -> Erased:
    """Erases all that an owner has."""
    counts: dict[str, int] = {}
    for table in _TABLES:
        await _delete(conn, counts, table, "TRUE", {"owner": owner})
    return Erased(counts)


async def _delete(conn: Connection, counts: dict[str, int], table: str, which: str, params: dict[str, Any]) -> None:
    if deleted := await conn.run(f"DELETE FROM {table} WHERE owner = :owner AND {which}", params):
        counts[table] = counts.get(table, 0) + deleted
