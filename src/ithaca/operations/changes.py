"""The news: what changed, in the order of the commits, for those who watch.

Each change of a session leaves a row in the transaction that makes it, so a watcher that comes back asks for what
came after the last row that it saw, and misses nothing. On SQLite rows are numbered in the order of their commits, as
writers come one after the other. On PostgreSQL a lower number may be committed later; so a row counts as news
only when every transaction that began before its own has ended, and rows are in the order of their transactions
(https://www.postgresql.org/docs/current/functions-info.html, pg_snapshot_xmin).
"""

from dataclasses import dataclass
from typing import Any

from ithaca.columns import Row, from_time
from ithaca.connection import Connection, Engine
from ithaca.errors import InvalidArgument
from ithaca.models import Change
from ithaca.operations.scope import Scope
from ithaca.operations.statements import RECORD_CHANGE

#: The kind of a row that tells nothing: it keeps the highest number in use when the rows of an owner are erased.
PLACEHOLDER = ""

#: So many changes are told in one go.
PAGE = 500


@dataclass(frozen=True, slots=True)
class Position:
    """A place among the rows: a transaction (0 on SQLite) and a number."""

    transaction: int
    number: int

    def __str__(self) -> str:
        return f"{self.transaction}-{self.number}"

    @classmethod
    def read(cls, cursor: str) -> "Position":
        """Raises `InvalidArgument` unless it is the cursor of a change."""
        transaction, _, number = cursor.partition("-")
        if not (transaction.isdecimal() and number.isdecimal() and len(cursor) < 40 and cursor.isascii()):
            raise InvalidArgument("after", cursor, "the cursor of a change, or a session's revision")
        return cls(int(transaction), int(number))


@dataclass(frozen=True, slots=True)
class News:
    """What came after a position, the position after it, and whether more will be visible at once."""

    changes: list[Change]
    position: Position
    more: bool


async def record(conn: Connection, owner: str, session_id: str, kind: str, revision: int, now: int) -> None:
    """Leaves word of a change, in the transaction that makes it."""
    change = {"owner": owner, "session_id": session_id, "kind": kind, "revision": revision, "now": now}
    await conn.run(RECORD_CHANGE, change)


_NOW: dict[Engine, str] = {
    "sqlite": "SELECT 0, coalesce(max(number), 0) FROM changes",
    "postgres": "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT) - 1, 9223372036854775807",
}

_OLDEST: dict[Engine, str] = {
    "sqlite": "SELECT 0, min(number) FROM changes",
    "postgres": "SELECT CAST(CAST(transaction AS TEXT) AS BIGINT), number FROM changes"
    " ORDER BY transaction, number LIMIT 1",
}

_AFTER: dict[Engine, str] = {
    "sqlite": "SELECT 0, number, owner, session_id, kind, revision, created_at FROM changes"
    " WHERE number > :number AND kind <> ''{which} ORDER BY number LIMIT :limit",
    "postgres": "SELECT CAST(CAST(transaction AS TEXT) AS BIGINT), number, owner, session_id, kind, revision,"
    " created_at FROM changes WHERE (transaction, number) > (CAST(CAST(:transaction AS TEXT) AS XID8), :number)"
    " AND transaction < pg_snapshot_xmin(pg_current_snapshot()) AND kind <> ''{which}"
    " ORDER BY transaction, number LIMIT :limit",
}

_HELD_BACK: dict[Engine, str | None] = {
    "sqlite": None,
    "postgres": "SELECT 1 FROM changes WHERE transaction >= pg_snapshot_xmin(pg_current_snapshot()) LIMIT 1",
}


async def latest(conn: Connection, scope: Scope) -> Position:
    """The position after everything that is committed."""
    return Position(*(await conn.row(_NOW[conn.engine]) or (0, 0)))


async def after_revision(conn: Connection, scope: Scope, owner: str | None, session_id: str, revision: int) -> News:
    """Where to begin for somebody who knows a session at a revision; with word of what is not in the rows any more."""
    which, params = _which(scope, owner, session_id)
    next_row = await conn.row(
        _AFTER[conn.engine].format(which=f"{which} AND revision > :revision"),
        {**params, "transaction": 0, "number": 0, "revision": revision, "limit": 1},
    )
    if next_row is not None and next_row[5] == revision + 1:
        return News([], Position(next_row[0], next_row[1] - 1), True)
    position = await latest(conn, scope)
    session = await conn.row(
        f"SELECT owner, revision FROM sessions WHERE id = :id{_which(scope, owner, None)[0]}",
        {**params, "id": session_id},
    )
    if session is None or session[1] <= revision:
        return News([], position, False)
    missed = Change(str(position), session[0], session_id, "missed", session[1], from_time(scope.clock()))
    return News([missed], position, False)


async def read_after(
    conn: Connection, scope: Scope, owner: str | None, session_id: str | None, position: Position
) -> News:
    """What was committed after a position."""
    which, params = _which(scope, owner, session_id)
    place = {"transaction": position.transaction, "number": position.number}
    rows = await conn.rows(_AFTER[conn.engine].format(which=which), {**params, **place, "limit": PAGE})
    held_back = _HELD_BACK[conn.engine]
    more = len(rows) == PAGE or (held_back is not None and await conn.row(held_back) is not None)
    changes = [_change(row) for row in rows]
    end = Position(rows[-1][0], rows[-1][1]) if rows else position
    gone = await _gone_before(conn, position)
    if gone is not None:
        changes.insert(0, Change(str(gone), "", "", "missed", 0, from_time(scope.clock())))
        end = end if rows else gone
    return News(changes, end, more)


def _which(scope: Scope, owner: str | None, session_id: str | None) -> tuple[str, dict[str, Any]]:
    asked = {"owner": scope.owner, "of_owner": owner, "session_id": session_id}
    columns = {"owner": "owner", "of_owner": "owner", "session_id": "session_id"}
    which = "".join(f" AND {columns[name]} = :{name}" for name, value in asked.items() if value is not None)
    return which, asked


async def _gone_before(conn: Connection, position: Position) -> Position | None:
    """The end of the removed rows, if there were any after the position."""
    oldest = await conn.row(_OLDEST[conn.engine])
    if oldest is None or oldest[1] is None or oldest[1] == 1:
        return None
    end = Position(oldest[0], oldest[1] - 1)
    return end if (position.transaction, position.number) < (end.transaction, end.number) else None


def _change(row: Row) -> Change:
    transaction, number, owner, session_id, kind, revision, created_at = row
    position = Position(transaction, number)
    return Change(str(position), owner, session_id, kind, revision, from_time(created_at))
