"""What is done to a session that may be being answered: its reply ends first, or the change is refused.

A reply that goes with its session is stopped, and what it has said goes along as a message: whoever brings the session
back finds it.
"""

from collections.abc import Sequence
from typing import Any

from ithaca.connection import Connection
from ithaca.errors import RevisionConflict
from ithaca.models import Compaction, Removed, Session
from ithaca.operations import compaction, sessions
from ithaca.operations.replies import STOPPED, end, make_room, refuse_running
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import lock

#: What a session is called that nobody has named.
UNNAMED = ("", "New chat")


async def delete(conn: Connection, scope: Scope, session_id: str, expected: int | None) -> Removed:
    """Stops the reply of a session, and moves the session to the trash."""
    head = await lock(conn, scope, session_id, expected)
    await stop(conn, scope.of(head.owner), [session_id])
    return await sessions.delete(conn, scope, session_id, None)


async def delete_many(conn: Connection, scope: Scope, ids: Sequence[str], important: bool) -> Removed:
    """Stops the replies of those of the sessions that are there, and moves the sessions to the trash."""
    await stop(conn, scope, ids, "TRUE" if important else _NOT_STARRED)
    return await sessions.delete_many(conn, scope, ids, important)


_NOT_STARRED = """
    NOT EXISTS (SELECT 1 FROM sessions s WHERE s.owner = replies.owner AND s.id = replies.session_id AND s.is_important)
"""


async def stop(conn: Connection, scope: Scope, session_ids: Sequence[str], which: str = "TRUE") -> None:
    """Stops the replies of sessions."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    rows = await conn.rows(
        f"SELECT owner, id FROM replies WHERE {mine}session_id IN (EACH(:ids)) AND state = 'running' AND {which}"
        " ORDER BY owner, session_id",
        {"owner": scope.owner, "ids": list(session_ids)},
    )
    for owner, reply_id in rows:
        await end(conn, scope, owner, reply_id, STOPPED)


async def cut(
    conn: Connection,
    scope: Scope,
    session_id: str,
    keep_last: int | None,
    through: int | str | None,
    expected: int | None,
) -> int:
    """The number of the last message that a summary made now would stand for. Raises as `compact` would."""
    owner = await scope.owner_of_session(conn, session_id)
    session = await sessions.get_bare(conn, scope.of(owner), session_id)
    if expected is not None and session.revision != expected:
        raise RevisionConflict(session_id, session.revision, expected)
    await refuse_running(conn, owner, session_id)
    return await compaction.cut(conn, scope.of(owner), session_id, keep_last, through)


async def compact(
    conn: Connection,
    scope: Scope,
    session_id: str,
    summary: dict[str, Any],
    keep_last: int | None,
    through: int | str | None,
    expected: int | None,
) -> Compaction:
    """Stores a summary. Raises `ReplyRunning` while the session is being answered."""
    head = await lock(conn, scope, session_id, expected)
    await make_room(conn, scope.of(head.owner), head)
    return await compaction.compact(conn, scope, session_id, summary, keep_last, through, None)


async def name_unless_named(conn: Connection, scope: Scope, session_id: str, columns: dict[str, Any]) -> Session:
    """Gives a session a name, unless somebody has given it one."""
    await lock(conn, scope, session_id, None)
    session = await sessions.get_bare(conn, scope, session_id)
    return (
        session if session.name not in UNNAMED else await sessions.update(conn, scope, session_id, columns, None, None)
    )
