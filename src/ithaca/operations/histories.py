"""Whole histories, read again: what is known is asked for nothing but what came since.

A session's `lineage` is drawn anew whenever its messages change other than by being added. While it is the same, the
messages that were read before are the beginning of what is stored, and its revision tells whether anything follows.
So what is known proves itself by one row, which has to be read anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ithaca.columns import Row
from ithaca.connection import Connection, one_statement
from ithaca.models import ChatMessage, Session
from ithaca.operations import attachments
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import LINEAGE, REVISION, session_from, session_row
from ithaca.operations.statements import MESSAGE_COLUMNS

#: Bytes that a message takes in memory beside its text, about.
_OF_A_MESSAGE = 700


@dataclass(frozen=True, slots=True)
class History:
    """The messages of a session as they were at a revision."""

    lineage: int
    revision: int
    messages: list[ChatMessage]
    #: In bytes, about.
    size: int

    #: The number of the last message; 0 if there is none.
    last: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "last", self.messages[-1].seq if self.messages else 0)


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
    apart = any(row[_ATTACHMENTS] is not None for row in rows)
    history = None if apart else History(row[LINEAGE], row[REVISION], messages, size)
    return session_from(scope, row, messages.copy()), history


_AFTER = (
    f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE owner = :owner AND session_id = :session_id AND seq > :after"
    " ORDER BY seq"
)

_ATTACHMENTS = MESSAGE_COLUMNS.split(", ").index("attachments")


def _size(rows: Sequence[Row]) -> int:
    """Bytes in memory, about: content and metadata are looked at, the other columns are short."""
    return sum([_OF_A_MESSAGE + len(row[3] or row[4] or "") + len(row[8] or "") for row in rows])
