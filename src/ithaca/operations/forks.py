"""Forks: a session copied up to a message, in one statement however long it is."""

from typing import Any

from ithaca.connection import Connection
from ithaca.content import new_id
from ithaca.errors import HeadersUnreadable, MessageNotFound, SessionExists
from ithaca.models import Session
from ithaca.operations.changes import record
from ithaca.operations.compaction import record_for_undo
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import get_bare, lock
from ithaca.operations.statements import MESSAGE_COLUMNS, SLOT, size_class
from ithaca.operations.trash import COMPACTION_COLUMNS

# What was used for the original's messages was used once: totals begin anew.
_COPY_SESSION = f"""
    INSERT INTO sessions (owner, id, name, name_key, endpoint_url, model, rag, folder, mode, headers, extra, next_seq,
        message_count, created_at, updated_at, last_accessed, last_message_at, active_at, active_slot,
        size_class, forked_from, forked_at)
    SELECT owner, :new_id, :name, :name_key, endpoint_url, model, rag, folder, mode, :headers, extra, :at + 1,
        :count, :now, :now, :now, :said_at, :now, :now / {SLOT}, :size_class, id, :at
    FROM sessions WHERE owner = :owner AND id = :session_id
    ON CONFLICT (owner, id) DO NOTHING
"""

_MESSAGE = MESSAGE_COLUMNS.replace("version_group", "NULL")

_COPY_MESSAGES = f"""
    INSERT INTO messages (owner, session_id, {MESSAGE_COLUMNS})
    SELECT owner, :new_id, {_MESSAGE} FROM messages
    WHERE owner = :owner AND session_id = :session_id AND seq <= :at
"""

_COMPACTIONS = """
    SELECT id FROM compactions WHERE owner = :owner AND session_id = :session_id AND through <= :at
    ORDER BY through, created_at, id
"""

_COMPACTION = COMPACTION_COLUMNS.replace("session_id, id", ":new_id, :copy_id")

_COPY_COMPACTION = f"""
    INSERT INTO compactions (owner, {COMPACTION_COLUMNS})
    SELECT owner, {_COMPACTION} FROM compactions WHERE owner = :owner AND session_id = :session_id AND id = :id
"""


async def fork(conn: Connection, scope: Scope, session_id: str, at: str | None, new: dict[str, Any]) -> Session:
    """An independent copy up to a message; attachments are shared, versions that are not shown stay behind."""
    await scope.take_turn(conn, new["id"])
    head = await lock(conn, scope, session_id, None)
    if scope.owner is None and await conn.row("SELECT 1 FROM sessions WHERE id = :id", {"id": new["id"]}):
        raise SessionExists(new["id"])
    source = await get_bare(conn, scope.of(head.owner), session_id)
    place = {"owner": head.owner, "session_id": session_id, "new_id": new["id"], "message_id": at}
    last = head.next_seq - 1 if at is None else await _seq(conn, place)
    count = head.message_count if at is None else await _count(conn, {**place, "at": last})
    now = scope.clock()
    copy = {
        **place, "at": last, "count": count, "now": now, "said_at": now if count else None,
        "size_class": size_class(count),
        "headers": _sealed_anew(scope, source, new["id"]),
        "name": source.name if new["name"] is None else new["name"], "name_key": new["name_key"],
    }  # fmt: skip
    if new["name"] is None:
        copy |= {"name_key": await _name_key(conn, place)}
    if not await conn.run(_COPY_SESSION, copy):
        raise SessionExists(new["id"])
    await conn.run(_COPY_MESSAGES, copy)
    await record(conn, head.owner, new["id"], "created", 1, now)
    scope.leaves(new["id"], 1)
    await _copy_compactions(conn, copy)
    return await get_bare(conn, scope.of(head.owner), new["id"])


async def _copy_compactions(conn: Connection, copy: dict[str, Any]) -> None:
    """The summaries, each of which can be undone in the copy as in the original."""
    for (id,) in await conn.rows(_COMPACTIONS, copy):
        copy_id = new_id()
        await conn.run(_COPY_COMPACTION, {**copy, "id": id, "copy_id": copy_id})
        await record_for_undo(conn, copy["owner"], copy["new_id"], copy_id, 1, copy["now"])


async def _seq(conn: Connection, place: dict[str, Any]) -> int:
    row = await conn.row(
        "SELECT seq FROM messages WHERE owner = :owner AND session_id = :session_id AND id = :message_id", place
    )
    if row is None:
        raise MessageNotFound(place["session_id"], place["message_id"])
    return int(row[0])


async def _count(conn: Connection, place: dict[str, Any]) -> int:
    row = await conn.row(
        "SELECT count(*) FROM messages WHERE owner = :owner AND session_id = :session_id AND seq <= :at", place
    )
    return 0 if row is None else int(row[0])


async def _name_key(conn: Connection, place: dict[str, Any]) -> str:
    row = await conn.row("SELECT name_key FROM sessions WHERE owner = :owner AND id = :session_id", place)
    return "" if row is None else str(row[0])


def _sealed_anew(scope: Scope, source: Session, id: str) -> bytes | None:
    """The headers for the copy: what is sealed is bound to its session. Lost ones stay behind."""
    try:
        return scope.vault.seal(source.headers, source.owner, id)
    except HeadersUnreadable:
        return None
