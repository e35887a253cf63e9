"""Clean-up: empty sessions go to the trash, forgotten ones to the archive, in a few statements over all.

Sessions are looked through once. What is found is told at once, as news: what is done then goes by the news that this
transaction has told. The policies (`operations.policies`) do the same to a batch of sessions at a time.
"""

from typing import Any, NamedTuple

from ithaca.connection import Connection
from ithaca.content import new_id
from ithaca.operations import changes, holds
from ithaca.operations.scope import Scope
from ithaca.operations.statements import SESSION_COLUMNS
from ithaca.operations.trash import COMPACTION_COLUMNS, HANGS

# Asked of the rows themselves as well as of the count: a conversation is never thrown away for a wrong number.
_EMPTY = """
    message_count = 0 AND updated_at < :empty_before
    AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.owner = s.owner AND m.session_id = s.id)
    AND NOT EXISTS (SELECT 1 FROM replies r WHERE r.owner = s.owner AND r.session_id = s.id AND r.state = 'running')
"""

_FORGOTTEN = "message_count > 0 AND archived = FALSE AND last_accessed < :unused_since"

_FREE = f"is_important = FALSE AND {holds.NOT_HELD}"

_COUNT = f"""
    SELECT count(CASE WHEN {_EMPTY} AND {_FREE} THEN 1 END), count(CASE WHEN {_FORGOTTEN} AND {_FREE} THEN 1 END),
        count(*)
    FROM sessions s WHERE {{mine}}
"""

_TELL = """
    INSERT INTO changes (owner, session_id, kind, revision, created_at)
    SELECT owner, id, {kind}, revision + 1, :now FROM sessions s WHERE {mine} AND {which} FOR UPDATE
"""

_ARCHIVE = """
    UPDATE sessions SET archived = TRUE, revision = revision + 1, updated_at = :now WHERE (owner, id) IN ({told})
"""

_OPEN_ENTRIES = """
    INSERT INTO trash (owner, id, kind, sessions, created_at)
    SELECT owner, :trash_id, 'clean up', count(*), :now FROM ({told}) AS told GROUP BY owner
    ON CONFLICT (owner, id) DO UPDATE SET sessions = trash.sessions + excluded.sessions
"""

# The sessions, and what hangs on them, as when one session is deleted.
_MOVE = (
    f"INSERT INTO trashed_sessions (owner, trash_id, {SESSION_COLUMNS})"
    f" SELECT owner, :trash_id, {SESSION_COLUMNS} FROM sessions WHERE (owner, id) IN ({{told}})",
    f"INSERT INTO trashed_compactions (owner, trash_id, {COMPACTION_COLUMNS})"
    f" SELECT owner, :trash_id, {COMPACTION_COLUMNS} FROM compactions WHERE (owner, session_id) IN ({{told}})",
    "INSERT INTO trashed_attachings (owner, trash_id, session_id, document_id)"
    " SELECT owner, :trash_id, session_id, id FROM documents WHERE (owner, session_id) IN ({told})",
    "UPDATE documents INDEXED BY documents_by_session SET session_id = NULL, revision = revision + 1"
    " WHERE (owner, session_id) IN ({told})",
    "UPDATE trash INDEXED BY trash_by_session SET parent_id = :trash_id"
    f" WHERE {HANGS} AND (owner, session_id) IN ({{told}})",
    "DELETE FROM sessions WHERE (owner, id) IN ({told})",
)


class Told(NamedTuple):
    """Some of what this transaction has told that it does to sessions. Nobody else changes them until it ends."""

    rows: str
    params: dict[str, Any]

    def of(self, kind: str) -> str:
        """A question for the owners and ids of those to which something of a kind is done."""
        return f"SELECT owner, session_id FROM changes WHERE {self.rows} AND kind = '{kind}'"


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
    if dry_run:
        counts = await conn.row(_COUNT.format(mine=_mine(scope)), params) or (0, 0, 0)
    else:
        counts = await _clean_up(conn, scope, params)
    return dict(zip(("deleted_empty", "archived_old", "total_checked"), counts, strict=True))


async def _clean_up(conn: Connection, scope: Scope, params: dict[str, Any]) -> tuple[int, int, int]:
    deleted = archived = 0
    (total,) = await conn.row(f"SELECT count(*) FROM sessions WHERE {_mine(scope)}", params) or (0,)
    kind = "CASE WHEN message_count > 0 THEN 'archived' ELSE 'deleted' END"
    for told in await tell(conn, scope, kind, f"({_EMPTY} OR {_FORGOTTEN}) AND {_FREE}", params):
        await conn.run(_OPEN_ENTRIES.format(told=told.of("deleted")), told.params)
        deleted += await move_to_trash(conn, told)
        archived += await archive(conn, told)
    return deleted, archived, total


def _mine(scope: Scope) -> str:
    return "TRUE" if scope.owner is None else "owner = :owner"


async def tell(conn: Connection, scope: Scope, kind: str, which: str, params: dict[str, Any]) -> list[Told]:
    """Tells that something of a kind is done to the sessions `s` that fit a condition; it is left to the caller."""
    before = await changes.latest(conn)
    await conn.run(_TELL.format(kind=kind, mine=_mine(scope), which=which), params)
    parts = await changes.own_since(conn, before)
    return [Told(f"{_mine(scope)} AND {rows}", {**params, **places}) for rows, places in parts]


async def archive(conn: Connection, told: Told) -> int:
    """Archives what was told to be; returns how many. It is a change of them, and no use."""
    return await conn.run(_ARCHIVE.format(told=told.of("archived")), told.params)


async def move_to_trash(conn: Connection, told: Told) -> int:
    """Moves what was told to be deleted into the entries `trash_id` of their owners; returns how many.

    They have no messages, or not any more.
    """
    moved, *_ = [await conn.run(statement.format(told=told.of("deleted")), told.params) for statement in _MOVE]
    return moved
