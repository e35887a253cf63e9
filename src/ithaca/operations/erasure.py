"""The end of the way: what is purged or erased is nowhere any more.

The operations delete rows; the storage then scrubs what deleting leaves behind in files (`Storage.scrub`).
"""

from collections.abc import Sequence
from itertools import accumulate, groupby
from operator import itemgetter
from typing import Any

from ithaca.columns import Row
from ithaca.connection import Connection
from ithaca.errors import TrashNotFound
from ithaca.models import Erased
from ithaca.operations import attachments, holds, logins, repeats, search, trash
from ithaca.operations.changes import ERASED, record_erasure
from ithaca.operations.scope import Scope

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
    "reply_pieces",
    "replies",
    "messages",
    "sessions",
    "attachment_chunks",
    "attachments",
    "usage",
    "retention_policies",
    "endpoints",
    "repeats",
    "access_keys",
    "logins",
    "users",
)

#: What nobody owns is erased; but for what everybody uses.
_NOT_EVERYBODYS = {"endpoints": "shared = FALSE"}

#: What an entry of the trash holds.
_IN_AN_ENTRY = (
    "trashed_messages",
    "trashed_compactions",
    "trashed_attachings",
    "trashed_sessions",
    "trashed_document_versions",
    "trashed_documents",
)


#: Summaries that tell of messages which are nowhere any more.
_STALE_SUMMARIES = f"""
    DELETE FROM compactions WHERE owner = :owner AND session_id IN (EACH(:sessions))
        AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.owner = compactions.owner
            AND m.session_id = compactions.session_id AND m.seq = compactions.through)
        AND NOT EXISTS (SELECT 1 FROM trashed_messages m WHERE m.owner = compactions.owner
            AND m.trash_id IN ({trash.ENTRIES_OF.format(owner="compactions.owner", session="compactions.session_id")})
            AND m.session_id = compactions.session_id AND m.seq = compactions.through)
"""

#: Sessions, messages and documents that are purged in one transaction, unless a single entry holds more.
MOST_AT_ONCE = 1_000

_PURGED = "kind <> 'version' AND parent_id IS NULL"


async def purge_entry(conn: Connection, scope: Scope, trash_id: str) -> Erased:
    """Erases an entry of the trash with what hangs on it."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    entries = await conn.rows(
        f"SELECT owner, id FROM trash WHERE {mine}id = :id AND {_PURGED} ORDER BY owner FOR UPDATE",
        {"owner": scope.owner, "id": trash_id},
    )
    if not entries:
        raise TrashNotFound(trash_id)
    for owner, _ in entries:
        await holds.refuse_held(conn, owner)
    return await _purge(conn, scope, entries)


async def purge_older(conn: Connection, scope: Scope, before: int, limit: int) -> Erased:
    """Erases entries that were made until a time, the oldest first, at most so many; none of an owner on hold."""
    await holds.keep_steady(conn)
    mine = "" if scope.owner is None else "owner = :owner AND "
    entries = await conn.rows(
        f"SELECT owner, id, sessions + messages + documents FROM trash WHERE {mine}created_at <= :before AND {_PURGED}"
        f" AND {holds.OWNER_NOT_HELD} ORDER BY created_at, owner, id LIMIT :limit FOR UPDATE",
        {"owner": scope.owner, "before": before, "limit": limit},
    )
    return await _purge(conn, scope, [(owner, id) for owner, id, _ in _at_once(entries)])


def _at_once(entries: Sequence[Row]) -> Sequence[Row]:
    """The first entries, of which others may wait for the purging in one transaction."""
    sizes = accumulate(size for _, _, size in entries)
    return entries[: max(1, sum(size <= MOST_AT_ONCE for size in sizes))]


async def _purge(conn: Connection, scope: Scope, entries: Sequence[Row]) -> Erased:
    counts: dict[str, int] = {}
    for owner, mine in groupby(sorted(entries), key=itemgetter(0)):
        await _purge_of_owner(conn, scope, counts, owner, [id for _, id in mine])
    return Erased(counts)


async def _purge_of_owner(conn: Connection, scope: Scope, counts: dict[str, int], owner: str, ids: list[str]) -> None:
    hanging = await conn.rows(
        "SELECT id FROM trash WHERE owner = :owner AND parent_id IN (EACH(:ids))", {"owner": owner, "ids": ids}
    )
    gone = {"owner": owner, "ids": [*ids, *(row[0] for row in hanging)]}
    digests = await attachments.in_trash(conn, owner, gone["ids"])
    sessions = await conn.rows(
        "SELECT DISTINCT session_id FROM trashed_messages WHERE owner = :owner AND trash_id IN (EACH(:ids))", gone
    )
    for table in _IN_AN_ENTRY:
        await _delete(conn, counts, table, "trash_id IN (EACH(:ids))", gone)
    await _delete(conn, counts, "trash", "id IN (EACH(:ids))", gone)
    here = {"owner": owner, "sessions": [row[0] for row in sessions]}
    summaries = await conn.run(_STALE_SUMMARIES, here)
    for (session_id,) in sessions:
        _add(counts, "search_entries", await search.forget(conn, owner, session_id))
    files = await attachments.remove_if_unused(conn, scope, owner, digests)
    _add(counts, "compactions", summaries)
    _add(counts, "attachments", files.count)
    # What they said may be among what is purged; and what a provider said of it.
    await _delete(conn, counts, "replies", "session_id IN (EACH(:sessions)) AND state <> 'running'", here)
    await repeats.erase_answers(conn, owner)


async def erase_owner(conn: Connection, scope: Scope, owner: str) -> Erased:
    """Erases all that an owner has, unless it is on hold."""
    await holds.refuse_held(conn, owner)
    for table in ("sessions", "documents"):  # whoever is changing one of them is waited for
        await conn.rows(f"SELECT 1 FROM {table} WHERE owner = :owner ORDER BY id FOR UPDATE", {"owner": owner})
    counts: dict[str, int] = {}
    await record_erasure(conn, owner, scope.clock())  # first, so that no number of a deleted row is given again
    await logins.forget_attempts(conn, owner)
    for table in _TABLES:
        await _delete(conn, counts, table, _NOT_EVERYBODYS.get(table, "TRUE"), {"owner": owner})
    await _delete(conn, counts, "changes", f"kind <> '{ERASED}'", {"owner": owner})
    _add(counts, "search_entries", await search.forget(conn, owner))
    await repeats.erase_answers(conn, "")  # trusted code's, which may tell of anybody
    return Erased(counts)


async def _delete(conn: Connection, counts: dict[str, int], table: str, which: str, params: dict[str, Any]) -> None:
    _add(counts, table, await conn.run(f"DELETE FROM {table} WHERE owner = :owner AND {which}", params))


def _add(counts: dict[str, int], table: str, deleted: int) -> None:
    if deleted:
        counts[table] = counts.get(table, 0) + deleted
