"""Compaction: a summary stands for the beginning of a conversation in what a model gets; nothing is removed.

A summary covers the messages up to a number. Of several, the one that reaches furthest counts; the others stay, and
count again when it is undone. A summary whose last message is not there any more does not count, because it would
tell of what was removed; when that message comes back, it counts again.
"""

from typing import Any

from ithaca.columns import Row
from ithaca.connection import Connection, one_statement
from ithaca.content import new_id
from ithaca.context.calls import Parts, parts_of
from ithaca.context.window import set_aside
from ithaca.errors import InvalidArgument, MessageNotFound, SessionNotFound
from ithaca.models import ChatMessage, Compaction
from ithaca.operations import trash
from ithaca.operations.backward import backward
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import Head, advance, lock

#: How far behind the last messages that are to be kept the calls of their results are looked for.
SEARCHED = 500

_COLUMNS = "id, session_id, through, summary, tokens, created_at"

_COUNTS = """
    EXISTS (SELECT 1 FROM messages m WHERE m.owner = compactions.owner AND m.session_id = compactions.session_id
                                       AND m.seq = compactions.through)
"""

_OF_SESSION = f"""
    SELECT {_COLUMNS}, {_COUNTS} FROM compactions WHERE owner = :owner AND session_id = :session_id
    ORDER BY through DESC, created_at DESC, id DESC
"""

_NEWEST = _OF_SESSION.replace("ORDER BY", f"AND {_COUNTS} AND through <= :upto ORDER BY", 1) + " LIMIT 1"

_INSERT = f"""
    INSERT INTO compactions (owner, {_COLUMNS})
    VALUES (:owner, :id, :session_id, :through, :summary, :tokens, :now)
"""


async def newest(conn: Connection, owner: str, session_id: str, upto: int) -> Compaction | None:
    """The summary that counts, of those that stand for nothing after a number."""
    row = await conn.row(_NEWEST, {"owner": owner, "session_id": session_id, "upto": upto})
    return None if row is None else Compaction.from_row(row)


@one_statement
async def list_all(conn: Connection, scope: Scope, session_id: str) -> list[Compaction]:
    """Every summary, the one that reaches furthest first."""
    owner = await scope.owner_of_session(conn, session_id)
    place = {"owner": owner, "session_id": session_id}
    rows = await conn.rows(_OF_SESSION, place)
    if not rows and not await conn.row("SELECT 1 FROM sessions WHERE owner = :owner AND id = :session_id", place):
        raise SessionNotFound(session_id)
    return list(map(Compaction.from_row, rows))


async def compact(
    conn: Connection,
    scope: Scope,
    session_id: str,
    summary: dict[str, Any],
    keep_last: int | None,
    through: int | str | None,
    expected: int | None,
) -> Compaction:
    """Stores a summary of the messages up to a message, or of all but the last ones as they are now."""
    head = await lock(conn, scope, session_id, expected)
    cut = await _before_last(conn, head, keep_last or 0) if through is None else await _seq(conn, head, through)
    now, id = scope.clock(), new_id()
    new = {**summary, "owner": head.owner, "session_id": session_id, "id": id, "through": cut, "now": now}
    await conn.run(_INSERT, new)
    await record_for_undo(conn, head.owner, session_id, id, head.revision + 1, now)
    await advance(conn, scope, head, now, count=head.message_count)
    return Compaction.from_row((id, session_id, cut, summary["summary"], summary["tokens"], now, True))


async def cut(conn: Connection, scope: Scope, session_id: str, keep_last: int | None, through: int | str | None) -> int:
    """The number of the last message that a summary made now would stand for."""
    owner = await scope.owner_of_session(conn, session_id)
    row = await conn.row(
        "SELECT owner, id, revision, next_seq, message_count FROM sessions WHERE owner = :owner AND id = :id",
        {"owner": owner, "id": session_id},
    )
    if row is None:
        raise SessionNotFound(session_id)
    head = Head(*row)
    return await _before_last(conn, head, keep_last or 0) if through is None else await _seq(conn, head, through)


async def record_for_undo(conn: Connection, owner: str, session_id: str, id: str, revision: int, now: int) -> None:
    """Leaves the entry of the trash with which a compaction is taken back."""
    detail = {"compaction": id}
    await trash.open_bin(conn, owner, "compact", now, session_id=session_id, revision=revision, id=id, detail=detail)


async def _seq(conn: Connection, head: Head, message: int | str) -> int:
    """The number of a message that is named by its number or its id."""
    row = await conn.row(
        f"SELECT seq FROM messages WHERE owner = :owner AND session_id = :session_id"
        f" AND {'seq' if isinstance(message, int) else 'id'} = :message",
        {"owner": head.owner, "session_id": head.id, "message": message},
    )
    if row is None:
        raise MessageNotFound(head.id, str(message))
    return int(row[0])


async def _before_last(conn: Connection, head: Head, keep_last: int) -> int:
    """The number of the last message that is not kept. It is moved back so that no call is cut from its results."""
    cut = Cut(keep_last)
    async for row in backward(conn, head.owner, head.id):
        if cut.found(row):
            break
    if cut.seq is None:
        raise InvalidArgument("keep_last", keep_last, f"fewer than the {head.message_count} messages, with whole calls")
    return cut.seq


class Cut:
    """Where the messages that are kept begin; found from the newest backward."""

    def __init__(self, keep_last: int) -> None:
        self.seq: int | None = None
        self._still = keep_last
        self._searched = 0
        #: Calls that are asked for by results after the cut, and by those before it.
        self._wanted: set[str] = set()
        self._beyond: set[str] = set()

    def found(self, row: Row) -> bool:
        """Considers the next older message; returns whether the cut is where it stays."""
        message = ChatMessage.from_row(row)
        parts = Parts() if set_aside(message) else parts_of(message)  # what no model gets calls nothing
        if self._still > 0:
            self._still -= 1
            self._wanted = (self._wanted | parts.results.keys()) - set(parts.calls)
            return False
        if self.seq is None:
            self.seq = message.seq
        self._searched += 1
        if self._wanted.isdisjoint(parts.calls):
            self._beyond = (self._beyond | parts.results.keys()) - set(parts.calls)
        else:  # it is kept, and so is what lies between
            self._wanted = (self._wanted | self._beyond | parts.results.keys()) - set(parts.calls)
            self._beyond, self.seq = set(), None
        return self.seq is not None and (not self._wanted or self._searched > SEARCHED)
