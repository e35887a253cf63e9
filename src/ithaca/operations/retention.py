"""Clean-up: empty sessions go to the trash, forgotten ones to the archive, in a few statements over all."""

from typing import Any

from ithaca.content import new_id
from ithaca.operations.scope import Scope
from ithaca.operations.statements import SESSION_COLUMNS
from ithaca.operations.trash import COMPACTION_COLUMNS
from ithaca.storage.connection import Connection

# Asked of the rows themselves as well as of the count: a conversation is never thrown away for a wrong number.
_EMPTY = """
    message_count = 0 AND is_important = FALSE AND updated_at < :empty_before
    AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.owner = s.owner AND m.session_id = s.id)
"""

_FORGOTTEN = """
    message_count > 0 AND is_important = FALSE AND archived = FALSE AND last_accessed < :unused_since
"""

_GONE = "SELECT t.id FROM trashed_sessions t WHERE t.owner = {table}.owner AND t.trash_id = :trash_id"

# What hangs on the sessions that are in the trash now, as when one session is deleted.
_CLEAR = (
    f"INSERT INTO trashed_compactions (owner, trash_id, {COMPACTION_COLUMNS})"
    f" SELECT owner, :trash_id, {COMPACTION_COLUMNS} FROM compactions"
    f" WHERE {{mine}}session_id IN ({_GONE.format(table='compactions')})",
    "INSERT INTO trashed_attachings (owner, trash_id, session_id, document_id)"
    " SELECT owner, :trash_id, session_id, id FROM documents"
    f" WHERE {{mine}}session_id IN ({_GONE.format(table='documents')})",
    "UPDATE documents SET session_id = NULL, revision = revision + 1"
    f" WHERE {{mine}}session_id IN ({_GONE.format(table='documents')})",
    f"UPDATE trash SET parent_id = :trash_id WHERE {{mine}}parent_id IS NULL AND id <> :trash_id"
    f" AND session_id IN ({_GONE.format(table='trash')})",
    f"DELETE FROM sessions WHERE {{mine}}id IN ({_GONE.format(table='sessions')})",
    "UPDATE trash SET sessions ="
    " (SELECT count(*) FROM trashed_sessions t WHERE t.owner = trash.owner AND t.trash_id = trash.id)"
    " WHERE {mine}id = :trash_id",
)


async def clean_up(conn: Connection, scope: Scope, empty_age: int, unused_age: int, dry_run: bool) -> dict[str, int]:
    """Counts of what was deleted, archived and looked at; with `dry_run`, of what would be. Ages in microseconds."""
    now = scope.clock()
    params = {
        "owner": scope.owner,
        "empty_before": now - empty_age,
        "unused_since": now - unused_age,
        "now": now,
        "trash_id": new_id(),
    }
    total = await _count(conn, scope, "TRUE", params)
    if dry_run:
        deleted = await _count(conn, scope, _EMPTY, params)
        archived = await _count(conn, scope, _FORGOTTEN, params)
    else:
        archived = await _archive(conn, scope, params)
        deleted = await _delete(conn, scope, params)
    return {"deleted_empty": deleted, "archived_old": archived, "total_checked": total}


def _mine(scope: Scope) -> str:
    return "" if scope.owner is None else "owner = :owner AND "


async def _count(conn: Connection, scope: Scope, which: str, params: dict[str, Any]) -> int:
    row = await conn.row(f"SELECT count(*) FROM sessions s WHERE {_mine(scope)}{which}", params)
    return 0 if row is None else int(row[0])


async def _archive(conn: Connection, scope: Scope, params: dict[str, Any]) -> int:
    return await conn.run(
        "UPDATE sessions SET archived = TRUE, revision = revision + 1, updated_at = :now"
        f" WHERE {_mine(scope)}{_FORGOTTEN}",
        params,
    )


async def _delete(conn: Connection, scope: Scope, params: dict[str, Any]) -> int:
    """Moves the empty ones to the trash, in one entry for each owner, all under one id."""
    owners = await conn.rows(f"SELECT DISTINCT owner FROM sessions s WHERE {_mine(scope)}{_EMPTY}", params)
    if not owners:
        return 0
    entry = "INSERT INTO trash (owner, id, kind, created_at) VALUES (:owner, :trash_id, 'clean up', :now)"
    await conn.run_many(entry, [{**params, "owner": owner} for (owner,) in owners])
    deleted = await conn.run(
        f"INSERT INTO trashed_sessions (owner, trash_id, {SESSION_COLUMNS})"
        f" SELECT owner, :trash_id, {SESSION_COLUMNS} FROM sessions s WHERE {_mine(scope)}{_EMPTY}"
        " AND owner IN (SELECT t.owner FROM trash t WHERE t.id = :trash_id) FOR UPDATE",
        params,
    )
    for statement in _CLEAR:
        await conn.run(statement.replace("{mine}", _mine(scope)), params)
    return deleted
