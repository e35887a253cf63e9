"""Clean-up: empty sessions go to the trash, forgotten ones to the archive, in a few statements over all.

The statements are shared with the policies (`operations.policies`), which do the same to a batch of sessions at a time.
"""

from typing import Any

from ithaca.connection import Connection
from ithaca.content import new_id
from ithaca.operations import holds
from ithaca.operations.scope import Scope
from ithaca.operations.statements import SESSION_COLUMNS
from ithaca.operations.trash import COMPACTION_COLUMNS, HANGS

# Asked of the rows themselves as well as of the count: a conversation is never thrown away for a wrong number.
_EMPTY = f"""
    message_count = 0 AND is_important = FALSE AND updated_at < :empty_before
    AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.owner = s.owner AND m.session_id = s.id)
    AND NOT EXISTS (SELECT 1 FROM replies r WHERE r.owner = s.owner AND r.session_id = s.id AND r.state = 'running')
    AND {holds.NOT_HELD}
"""

_FORGOTTEN = f"""
    message_count > 0 AND is_important = FALSE AND archived = FALSE AND last_accessed < :unused_since
    AND {holds.NOT_HELD}
"""

# Which sessions of a table's rows are in the entry of the trash.
_IN_ENTRY = "SELECT t.id FROM trashed_sessions t WHERE t.owner = {table}.owner AND t.trash_id = :trash_id"

# What hangs on the sessions that are in the trash now, as when one session is deleted: table → statement.
_CLEAR = (
    (
        "compactions",
        f"INSERT INTO trashed_compactions (owner, trash_id, {COMPACTION_COLUMNS})"
        f" SELECT owner, :trash_id, {COMPACTION_COLUMNS} FROM compactions WHERE {{mine}}session_id IN ({{gone}})",
    ),
    (
        "documents",
        "INSERT INTO trashed_attachings (owner, trash_id, session_id, document_id)"
        " SELECT owner, :trash_id, session_id, id FROM documents WHERE {mine}session_id IN ({gone})",
    ),
    (
        "documents",
        "UPDATE documents SET session_id = NULL, revision = revision + 1 WHERE {mine}session_id IN ({gone})",
    ),
    ("trash", f"UPDATE trash SET parent_id = :trash_id WHERE {{mine}}{HANGS} AND session_id IN ({{gone}})"),
    (
        "changes",
        "INSERT INTO changes (owner, session_id, kind, revision, created_at)"
        " SELECT owner, id, 'deleted', revision + 1, :now FROM trashed_sessions WHERE {mine}trash_id = :trash_id",
    ),
    ("sessions", "DELETE FROM sessions WHERE {mine}id IN ({gone})"),
    (
        "trash",
        "UPDATE trash SET sessions ="
        " (SELECT count(*) FROM trashed_sessions t WHERE t.owner = trash.owner AND t.trash_id = trash.id)"
        " WHERE {mine}id = :trash_id",
    ),
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
    await holds.keep_steady(conn)
    total = await count(conn, scope, "TRUE", params)
    if dry_run:
        deleted = await count(conn, scope, _EMPTY, params)
        archived = await count(conn, scope, _FORGOTTEN, params)
    else:
        archived = await archive(conn, scope, _FORGOTTEN, params)
        deleted = await _delete(conn, scope, params)
    return {"deleted_empty": deleted, "archived_old": archived, "total_checked": total}


def _mine(scope: Scope) -> str:
    return "" if scope.owner is None else "owner = :owner AND "


async def count(conn: Connection, scope: Scope, which: str, params: dict[str, Any]) -> int:
    """How many sessions `s` fit a condition."""
    row = await conn.row(f"SELECT count(*) FROM sessions s WHERE {_mine(scope)}{which}", params)
    return 0 if row is None else int(row[0])


async def archive(conn: Connection, scope: Scope, which: str, params: dict[str, Any]) -> int:
    """Archives the sessions `s` that fit a condition; returns how many. It is a change of them, and no use."""
    await conn.run(
        "INSERT INTO changes (owner, session_id, kind, revision, created_at)"
        f" SELECT owner, id, 'archived', revision + 1, :now FROM sessions s WHERE {_mine(scope)}{which}",
        params,
    )
    return await conn.run(
        "UPDATE sessions AS s SET archived = TRUE, revision = revision + 1, updated_at = :now"
        f" WHERE {_mine(scope)}{which}",
        params,
    )


async def _delete(conn: Connection, scope: Scope, params: dict[str, Any]) -> int:
    """Moves the empty ones to the trash, in one entry for each owner, all under one id."""
    owners = await conn.rows(f"SELECT DISTINCT owner FROM sessions s WHERE {_mine(scope)}{_EMPTY}", params)
    if not owners:
        return 0
    entry = "INSERT INTO trash (owner, id, kind, created_at) VALUES (:owner, :trash_id, 'clean up', :now)"
    await conn.run_many(entry, [{**params, "owner": owner} for (owner,) in owners])
    return await move_to_trash(conn, scope, _EMPTY, params, _IN_ENTRY)


async def move_to_trash(
    conn: Connection, scope: Scope, which: str, params: dict[str, Any], gone: str = "EACH(:ids)"
) -> int:
    """Moves the sessions `s` that fit a condition into the entries `trash_id` of their owners; returns how many.

    They have no messages, or not any more. `gone` says again which sessions it was, in a way that each table finds them
    by its index.
    """
    deleted = await conn.run(
        f"INSERT INTO trashed_sessions (owner, trash_id, {SESSION_COLUMNS})"
        f" SELECT owner, :trash_id, {SESSION_COLUMNS} FROM sessions s WHERE {_mine(scope)}{which}"
        " AND owner IN (SELECT t.owner FROM trash t WHERE t.id = :trash_id) FOR UPDATE",
        params,
    )
    for table, statement in _CLEAR:
        sql = statement.replace("{mine}", _mine(scope)).replace("{gone}", gone.replace("{table}", table))
        await conn.run(sql, params)
    return deleted
