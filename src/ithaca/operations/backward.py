"""Messages from the newest on, for whoever does not know yet how far back it has to read."""

from collections.abc import AsyncIterator

from ithaca.columns import Row
from ithaca.connection import Connection
from ithaca.operations.statements import MESSAGE_COLUMNS

#: Rows in the first step backward, and in the largest. Each step is twice the one before.
FIRST_STEP, LARGEST_STEP = 64, 512

#: No message has a higher number.
LAST = 2**63 - 2

_BACKWARD = f"""
    SELECT {MESSAGE_COLUMNS} FROM messages
    WHERE owner = :owner AND session_id = :session_id AND seq > :after AND seq < :before
    ORDER BY seq DESC LIMIT :limit
"""


async def backward(
    conn: Connection, owner: str, session_id: str, after: int = 0, upto: int = LAST
) -> AsyncIterator[Row]:
    """The messages of a session above a number, from the newest on; read in steps, as they are asked for."""
    before, step = upto + 1, FIRST_STEP
    while True:
        place = {"owner": owner, "session_id": session_id, "after": after, "before": before, "limit": step}
        rows = await conn.rows(_BACKWARD, place)
        for row in rows:
            yield row
        if len(rows) < step:
            return
        before, step = rows[-1][0], min(2 * step, LARGEST_STEP)
