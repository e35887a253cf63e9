"""The news: what changed, in the order of the commits, for those who watch.

Each change of a session leaves a row in the transaction that makes it, so a watcher that comes back asks for what
came after the last row that it saw, and misses nothing. On SQLite rows are numbered in the order of their commits, as
writers come one after the other. On PostgreSQL a lower number may be committed later; so a row counts as news
only when every transaction that began before its own has ended, and rows are in the order of their transactions
(https://www.postgresql.org/docs/current/functions-info.html, pg_snapshot_xmin).
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ithaca.columns import Row, fingerprint, from_time
from ithaca.connection import Connection, Engine
from ithaca.errors import InvalidArgument
from ithaca.models import Change
from ithaca.operations.scope import Scope
from ithaca.operations.statements import RECORD_CHANGE

#: The news that all of an owner's data was erased. It is the one row that stays of that owner, with no name in it, and
#: it keeps the highest number in use when the others are gone.
ERASED = "erased"

_ANY_NUMBER = 2**63 - 1

#: So many changes are told in one go.
PAGE = 500

#: Of so many of its own changes a transaction takes care at a time. Until a statement ends, SQLite keeps what each page
#: that it changes was like before, in memory.
STEP = 250


class Position(NamedTuple):
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
        place = cls(int(transaction), int(number))
        if place.transaction > _ANY_NUMBER or place.number > _ANY_NUMBER:
            raise InvalidArgument("after", cursor, "the cursor of a change, or a session's revision")
        return place


class Watched(NamedTuple):
    """What somebody watches: everything, what an owner has, or one session."""

    #: The owner that the manager is confined to, and the one that was asked for.
    confined_to: str | None
    owner: str | None
    session_id: str | None
    #: Whose it is; of a session, as far as is known. A row that tells of an erasure names no session.
    owners: frozenset[str] = frozenset()

    @property
    def which(self) -> tuple[str, dict[str, Any]]:
        """The condition of its rows."""
        erased = f"kind = '{ERASED}' AND revision"
        conditions, params = "", dict[str, Any]()
        for name, owner in (("confined_to", self.confined_to), ("of_owner", self.owner)):
            if owner is not None:
                conditions += f" AND (owner = :{name} AND kind <> '{ERASED}' OR {erased} = :{name}_was)"
                params |= {name: owner, f"{name}_was": fingerprint(owner)}
        if self.session_id is not None:
            conditions += f" AND (session_id = :session_id OR kind = '{ERASED}')"
            params |= {"session_id": self.session_id}
        return conditions, params

    def whose(self, owners: Iterable[str]) -> "Watched":
        """The same, with more known of whose it is."""
        return self if self.owners.issuperset(owners) else self._replace(owners=self.owners.union(owners))

    def told(self, row: Row) -> Change | None:
        """The change that a row tells of; None if it is somebody else's."""
        transaction, number, owner, session_id, kind, revision, created_at = row
        cursor, at = str(Position(transaction, number)), from_time(created_at)
        if kind != ERASED:
            return Change(cursor, owner, session_id, kind, revision, at)
        erased = next((known for known in sorted(self.owners) if fingerprint(known) == revision), None)
        if erased is not None or self.session_id is None:
            return Change(cursor, erased or "", "", ERASED, 0, at, revision)
        # Nothing tells whose the session was: better looked at once too often.
        return None if self.owners else Change(cursor, "", self.session_id, "missed", 0, at)


class News(NamedTuple):
    """What came after a position, the position after it, and whether more will be visible at once."""

    changes: list[Change]
    position: Position
    more: bool
    #: What is watched, with what is known of it by now.
    watched: Watched


async def record(conn: Connection, owner: str, session_id: str, kind: str, revision: int, now: int) -> None:
    """Leaves word of a change, in the transaction that makes it."""
    change = {"owner": owner, "session_id": session_id, "kind": kind, "revision": revision, "now": now}
    await conn.run(RECORD_CHANGE, change)


async def record_erasure(conn: Connection, owner: str, now: int) -> None:
    """Leaves word that an owner was erased, so that only who knows the name can tell who it was."""
    await record(conn, "", "", ERASED, fingerprint(owner), now)


_NOW: dict[Engine, str] = {
    "sqlite": "SELECT 0, coalesce(max(number), 0) FROM changes",
    "postgres": f"SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT) - 1, {_ANY_NUMBER}",
}

_OLDEST: dict[Engine, str] = {
    "sqlite": "SELECT 0, min(number) FROM changes",
    "postgres": "SELECT CAST(CAST(transaction AS TEXT) AS BIGINT), number FROM changes"
    " ORDER BY transaction, number LIMIT 1",
}

_COLUMNS: dict[Engine, str] = {
    "sqlite": "0, number, owner, session_id, kind, revision, created_at",
    "postgres": "CAST(CAST(transaction AS TEXT) AS BIGINT), number, owner, session_id, kind, revision, created_at",
}

_IN_ORDER: dict[Engine, str] = {"sqlite": "number", "postgres": "transaction, number"}

_AFTER: dict[Engine, str] = {
    "sqlite": "number > :number",
    "postgres": "(transaction, number) > (CAST(CAST(:transaction AS TEXT) AS XID8), :number)"
    " AND transaction < pg_snapshot_xmin(pg_current_snapshot())",
}

_HELD_BACK: dict[Engine, str | None] = {
    "sqlite": None,
    "postgres": "SELECT 1 FROM changes WHERE transaction >= pg_snapshot_xmin(pg_current_snapshot()) LIMIT 1",
}

# What somebody who knows a session at a revision does not know: a later one; and the end of what had this id, since
# what comes under it afterwards counts its revisions anew. A deletion that was taken back is no end.
_NEWS = f"kind <> '{ERASED}' AND revision > :revision"
_ERASED = f"kind = '{ERASED}' AND revision IN (EACH(:fingerprints))"
_ENDED = """
    kind = 'deleted' AND NOT EXISTS (SELECT 1 FROM changes r WHERE r.owner = c.owner AND r.session_id = c.session_id
        AND r.kind = 'restored' AND r.revision = c.revision + 1)
"""


async def latest(conn: Connection) -> Position:
    """The position after everything that is committed."""
    position = Position(*(await conn.row(_NOW[conn.engine]) or (0, 0)))
    await conn.settle()
    return position


async def own_since(conn: Connection, before: Position) -> list[tuple[str, dict[str, int]]]:
    """The rows that this transaction has left since a position, as conditions of some of them each."""
    if conn.engine == "postgres":
        return [("transaction = pg_current_xact_id()", {})]  # others' may come between
    last = (await latest(conn)).number
    steps = range(before.number, last, STEP)
    return [("number > :after AND number <= :through", {"after": at, "through": at + STEP}) for at in steps]


async def cursor(conn: Connection, scope: Scope) -> str:
    """The cursor of what was committed last."""
    return str(await latest(conn))


async def begin(conn: Connection, scope: Scope, watched: Watched, after: Position | int | None) -> News:
    """Where to begin: after a position, after a session's revision, or now.

    A position that is still to come is one of another database, or of this one before it was put back to what it was.
    """
    watched = watched.whose(await _owners(conn, watched))
    if isinstance(after, int):
        return await _after_revision(conn, scope, watched, after)
    now = await latest(conn)
    if after is not None and after > now:
        return News([Change(str(now), "", "", "missed", 0, from_time(scope.clock()))], now, True, watched)
    return News([], now if after is None else after, True, watched)


async def _owners(conn: Connection, watched: Watched) -> set[str]:
    """Whose it is that is watched."""
    asked = {owner for owner in (watched.confined_to, watched.owner) if owner is not None}
    if asked or watched.session_id is None:
        return asked
    place = {"id": watched.session_id, "erased": ERASED}
    rows = await conn.rows("SELECT owner FROM sessions WHERE id = :id", place)
    if not rows:
        rows = await conn.rows("SELECT DISTINCT owner FROM changes WHERE session_id = :id AND kind <> :erased", place)
    return {row[0] for row in rows}


async def _after_revision(conn: Connection, scope: Scope, watched: Watched, revision: int) -> News:
    """Begins for somebody who knows a session at a revision; with word of what is not in the rows any more."""
    which, params = watched.which
    row = await conn.row(
        f"SELECT {_COLUMNS[conn.engine]} FROM changes c WHERE"
        f" ({_NEWS} OR {_ENDED} OR {_ERASED}){which} ORDER BY {_IN_ORDER[conn.engine]} LIMIT 1",
        {**params, "revision": revision, "fingerprints": list(map(fingerprint, watched.owners))},
    )
    if row is not None and (row[5] <= revision + 1 or row[4] == ERASED):
        return News([], Position(row[0], row[1] - 1), True, watched)
    position = await latest(conn)
    owned = "".join(f" AND owner = :{name}" for name in ("confined_to", "of_owner") if name in params)
    session = await conn.row(f"SELECT owner, revision FROM sessions WHERE id = :session_id{owned}", params)
    if revision == (0 if session is None else session[1]):
        return News([], position, False, watched)
    owner, now = ("", 0) if session is None else session
    at = from_time(scope.clock())
    missed = Change(str(position), owner, watched.session_id or "", "missed", now, at)
    return News([missed], position, False, watched)


async def read_after(conn: Connection, scope: Scope, watched: Watched, position: Position) -> News:
    """What was committed after a position."""
    which, params = watched.which
    place = {"transaction": position.transaction, "number": position.number}
    rows = await conn.rows(
        f"SELECT {_COLUMNS[conn.engine]} FROM changes WHERE {_AFTER[conn.engine]}{which}"
        f" ORDER BY {_IN_ORDER[conn.engine]} LIMIT :limit",
        {**params, **place, "limit": PAGE},
    )
    held_back = _HELD_BACK[conn.engine]
    more = len(rows) == PAGE or (held_back is not None and await conn.row(held_back) is not None)
    watched = watched.whose({row[2] for row in rows if row[4] != ERASED}) if watched.session_id else watched
    changes = [change for row in rows if (change := watched.told(row)) is not None]
    end = Position(rows[-1][0], rows[-1][1]) if rows else position
    gone = await _gone_before(conn, position)
    if gone is not None:
        changes.insert(0, Change(str(gone), "", "", "missed", 0, from_time(scope.clock())))
        end = end if rows else gone
    if end != position:
        await conn.settle()
    return News(changes, end, more, watched)


async def _gone_before(conn: Connection, position: Position) -> Position | None:
    """The end of the removed rows, if there were any after the position.

    Rows of an erased owner are removed, too: so where the position is one of a row, its number counts as well.
    """
    oldest = await conn.row(_OLDEST[conn.engine])
    if oldest is None or oldest[1] is None or oldest[1] == 1:
        return None
    end = Position(oldest[0], oldest[1] - 1)
    heard = position.number >= end.number and position.number != _ANY_NUMBER
    return end if not heard and (position.transaction, position.number) < (end.transaction, end.number) else None
