"""Histories and their ends, read again: what is known is asked for nothing but what came since.

A session's `lineage` is drawn anew whenever its messages change other than by being added. While it is the same, the
messages that were read before are the beginning of what is stored, and its revision tells whether anything follows.
So what is known proves itself by one row, which has to be read anyway.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from ithaca.columns import Row
from ithaca.connection import Connection, one_statement
from ithaca.errors import AmbiguousId, SessionNotFound
from ithaca.models import ChatMessage, Session
from ithaca.operations import attachments
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import LINEAGE, REVISION, session_from, session_row
from ithaca.operations.statements import MESSAGE_COLUMNS, OWNER_OF_ANYBODY

#: Bytes that a message takes in memory beside its text, about.
_OF_A_MESSAGE = 700


@dataclass(frozen=True, slots=True)
class History:
    """The messages of a session as they were at a revision; or the last of them."""

    lineage: int
    revision: int
    messages: list[ChatMessage]
    #: In bytes, about.
    size: int
    #: Of the last ones: the most that were asked for at once; 0 where it is all of them.
    asked: int = 0

    #: The number of the last message; 0 if there is none.
    last: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "last", self.messages[-1].seq if self.messages else 0)

    def reaches(self, count: int) -> bool:
        """Whether the last so many are known."""
        return not self.asked or count <= len(self.messages)


@one_statement
async def get_unchanged(conn: Connection, scope: Scope, session_id: str, known: History) -> Session | None:
    """The session with what is known of its history; None if that isn't all that is stored."""
    row = await session_row(conn, scope, session_id)
    if (row[LINEAGE], row[REVISION]) != (known.lineage, known.revision):
        return None
    return session_from(scope, row, known.messages.copy())


async def get(
    conn: Connection, scope: Scope, session_id: str, known: History | None, inline: bool
) -> tuple[Session, History | None]:
    """The session with all of its messages, and what is to be known of them: nothing if any has attachments."""
    row = await session_row(conn, scope, session_id)
    before = known if known is not None and known.lineage == row[LINEAGE] else None
    rows = await conn.rows(_AFTER, {"owner": row[0], "session_id": session_id, "after": before.last if before else 0})
    messages = await attachments.messages(conn, row[0], rows, inline=inline)
    size = _size(rows)
    if before is not None:
        messages, size = before.messages + messages, before.size + size
    history = None if _any_apart(rows) else History(row[LINEAGE], row[REVISION], messages, size)
    return session_from(scope, row, messages.copy()), history


@one_statement
async def newest(
    conn: Connection, scope: Scope, session_id: str, known: History | None, count: int, inline: bool
) -> tuple[list[ChatMessage], History | None, int]:
    """The last messages, oldest first, what is to be known of them, and when the session was last used.

    Nothing is to be known if any has attachments. What shows whether the session is as it was known comes with what is
    new, in one statement.
    """
    if known is not None and not known.reaches(count):
        known = None
    most = count if known is None else max(count, known.asked)
    head, rows = await _end(conn, scope, session_id, known.last if known else 0, most)
    revision, owner, lineage, accessed = head[0], head[1], head[9], head[10]
    if known is not None and known.lineage == lineage:
        if not rows:
            return known.messages[-count:], known, accessed
        if not _any_apart(rows):
            known = _extended(known, revision, rows, most)
            return known.messages[-count:], known, accessed
    if known is not None:
        return await newest(conn, scope, session_id, None, count, inline)
    if _any_apart(rows):

        async def again() -> Sequence[Row]:
            return (await _end(conn, scope, session_id, 0, count))[1]

        found = await attachments.whole(conn, owner, rows, again) if inline else ChatMessage.from_rows(rows)
        return found, None, accessed
    messages = ChatMessage.from_rows(rows)
    asked = count if len(rows) == count else 0
    return messages, History(lineage, revision, messages.copy(), _size(rows), asked), accessed


def _extended(known: History, revision: int, rows: Sequence[Row], most: int) -> History:
    """What is known, with what is new, of which there may be more than `most`. Twice as many are kept at most."""
    new = ChatMessage.from_rows(rows)
    if len(rows) == most:  # there may be others between
        return History(known.lineage, revision, new, _size(rows), most)
    messages, size = known.messages + new, known.size + _size(rows)
    if len(messages) <= 2 * most:
        return History(known.lineage, revision, messages, size, known.asked)
    return History(known.lineage, revision, messages[-most:], size * most // len(messages), most)


async def _end(conn: Connection, scope: Scope, session_id: str, after: int, count: int) -> tuple[Row, Sequence[Row]]:
    """The session's head, and the last of its messages after a number, oldest first."""
    asked = {"owner": scope.owner, "session_id": session_id, "after": after, "count": count}
    rows = await conn.rows(_END if scope.owner is not None else _END_OF_ANYBODY, asked)
    if not rows:
        raise SessionNotFound(session_id)
    if len(rows) > 1 and rows[1][2] is None:
        raise AmbiguousId(session_id)
    return rows[0], rows[:0:-1]


# The head has the revision, the owner, the lineage and the time of the last use in the places of the number, the id,
# the tokens and the time of creation, and no role.
_END = f"""
    SELECT revision, owner, NULL, NULL, NULL, NULL, NULL, NULL, NULL, lineage, last_accessed, NULL, NULL, NULL
    FROM sessions WHERE owner = :owner AND id = :session_id
    UNION ALL SELECT * FROM (
        SELECT {MESSAGE_COLUMNS} FROM messages
        WHERE owner = :owner AND session_id = :session_id AND seq > :after ORDER BY seq DESC LIMIT :count
    ) AS newest
    LIMIT :count + 1
"""
_END_OF_ANYBODY = _END.replace("WHERE owner = :owner AND id", "WHERE id").replace(":owner", f"({OWNER_OF_ANYBODY})")

_AFTER = (
    f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE owner = :owner AND session_id = :session_id AND seq > :after"
    " ORDER BY seq"
)

_text, _blocks, _metadata, _attachments = (
    itemgetter(MESSAGE_COLUMNS.split(", ").index(name)) for name in ("text", "blocks", "metadata", "attachments")
)

#: Of so many rows, the metadata of each sixteenth tells how large that of all is.
_MANY = 1_000


def _any_apart(rows: Sequence[Row]) -> bool:
    return any(map(_attachments, rows))


def _size(rows: Sequence[Row]) -> int:
    """Bytes in memory, about: content and metadata are looked at, the other columns are short."""
    step = 16 if len(rows) > _MANY else 1
    metadata = step * _length(_metadata, rows[::step])
    return _OF_A_MESSAGE * len(rows) + _length(_text, rows) + _length(_blocks, rows) + metadata


def _length(column: Callable[[Row], Any], rows: Sequence[Row]) -> int:
    return sum(map(len, filter(None, map(column, rows))))
