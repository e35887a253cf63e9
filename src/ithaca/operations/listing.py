"""Lists of sessions: filters and orders."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ithaca.columns import Row, to_time
from ithaca.connection import Connection, Engine, one_statement
from ithaca.content import MOST_INDEXED
from ithaca.cursors import read_cursor, write_cursor
from ithaca.models import Folder, Page, Session
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import SESSION
from ithaca.operations.statements import SLOT

#: Order → the columns that lead it, and whether it runs downward.
ORDERS = {
    "activity": (("active_slot", "active_at"), True),
    "created": (("created_at",), True),
    "name": (("name_key",), False),
    "messages": (("size_class", "message_count"), True),
}

_SESSION = SESSION.split(", ")

#: Order → the columns of a row: a session's, and those that lead the order where they are not among them.
_ROWS = {by: [*_SESSION, *(name for name in names if name not in _SESSION)] for by, (names, _) in ORDERS.items()}


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions; None leaves a question open. An owner or a folder of "" means: of none."""

    owner: str | None = None
    archived: bool | None = None
    important: bool | None = None
    folder: str | None = None
    model: str | None = None
    mode: str | None = None
    #: Found anywhere in the name, whatever its case and accents.
    name: str | None = None
    active_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Which first."""

    by: str = "activity"
    important_first: bool = False


def fold(text: str) -> str:
    """The text without case and accents, for finding and sorting."""
    bare = unicodedata.normalize("NFKD", text.casefold()).casefold()  # decomposing brings capitals back: "𝐓"
    return unicodedata.normalize("NFC", "".join(c for c in bare if not unicodedata.combining(c)))


def name_key(name: str) -> str:
    """By what a session is found and sorted: its folded name, as far as every database's index can hold it."""
    return fold(name).encode()[:MOST_INDEXED].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class Run:
    """A part of a list that an index has in the list's order, or that is small enough to be sorted."""

    index: str
    condition: str
    #: Whether it goes on where the page before ended, rather than beginning.
    goes_on: bool
    #: Whether it holds the starred sessions.
    starred: bool = False


@one_statement
async def list_sessions(
    conn: Connection, scope: Scope, wanted: SessionFilter, order: Order, cursor: str | None, limit: int
) -> Page[Session]:
    """One page of the sessions that fit: what comes first in the runs that the list is made of."""
    last = {} if cursor is None else read_cursor(cursor, _label(order), _kinds(order))
    conditions, params = _conditions(scope, wanted, conn.engine)
    runs = list(_runs(scope, wanted, order, last))
    if not runs:
        return Page([], None)
    rows = await conn.rows(_merged(runs, conditions, order, conn.engine), {**params, **last, "limit": limit + 1})
    items = Session.listed(rows[:limit], scope.vault.open, incognito=scope.incognito)
    return Page(items, _cursor(order, rows[limit - 1]) if len(rows) > limit else None)


@one_statement
async def count_sessions(conn: Connection, scope: Scope, wanted: SessionFilter) -> int:
    """How many sessions fit."""
    conditions, params = _conditions(scope, wanted, conn.engine)
    row = await conn.row(f"SELECT count(*) FROM sessions{_where(conditions)}", params)
    return 0 if row is None else int(row[0])


@one_statement
async def list_folders(conn: Connection, scope: Scope, owner: str | None, archived: bool | None) -> list[Folder]:
    """Every folder in which sessions are, by name, with how many."""
    conditions, params = _conditions(scope, SessionFilter(owner=owner, archived=archived), conn.engine)
    where = _where(["folder IS NOT NULL", *conditions])
    rows = await conn.rows(f"SELECT folder, count(*) FROM sessions{where} GROUP BY folder ORDER BY folder", params)
    return [Folder(name, int(count)) for name, count in rows]


#: What LIKE reads as itself only behind a backslash.
_LITERALLY = str.maketrans({sign: f"\\{sign}" for sign in "%_\\"})


def _named(name: str | None, engine: Engine) -> tuple[str, str, str | None]:
    """The condition that finds a part of a name: on PostgreSQL by LIKE, which its index of trigrams knows."""
    part = None if name is None else name_key(name)
    if part is None or engine == "sqlite":
        return "position(:name IN name_key) > 0", "name", part
    return "name_key LIKE :name", "name", f"%{part.translate(_LITERALLY)}%"


def _conditions(scope: Scope, wanted: SessionFilter, engine: Engine) -> tuple[list[str], dict[str, Any]]:
    asked: list[tuple[str, str, Any]] = [
        ("owner = :owner", "owner", scope.owner),
        ("owner = :of_owner", "of_owner", wanted.owner),
        ("archived = :archived", "archived", wanted.archived),
        ("is_important = :important", "important", wanted.important),
        ("folder = :folder", "folder", wanted.folder),
        ("model = :model", "model", wanted.model),
        ("mode = :mode", "mode", wanted.mode),
        _named(wanted.name, engine),
        (
            f"active_slot >= :since / {SLOT} AND active_at >= :since",
            "since",
            None if wanted.active_since is None else to_time(wanted.active_since),
        ),
    ]
    given = [(sql, name, value) for sql, name, value in asked if value is not None]
    conditions = ["folder IS NULL" if name == "folder" and value == "" else sql for sql, name, value in given]
    return conditions, {name: value for _, name, value in given}


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _runs(scope: Scope, wanted: SessionFilter, order: Order, last: dict[str, Any]) -> Iterator[Run]:
    """The runs of a list, after the key of the page before: starred sessions apart if they come first."""
    apart = wanted.important or (order.important_first and wanted.important is None)
    if apart and not (order.important_first and last.get("key0") is False):
        yield Run("sessions_starred", "is_important", goes_on=bool(last), starred=True)
    if wanted.important:
        return
    goes_on = bool(last) and not (order.important_first and last["key0"])
    condition = "NOT is_important" if order.important_first else "TRUE"
    one_owner = scope.owner is not None or wanted.owner is not None
    if wanted.folder and one_owner:
        yield Run("sessions_in_folder", condition, goes_on)
        return
    index = f"sessions_by_{order.by}{'' if one_owner else '_of_all'}"
    for archived in [False, True] if wanted.archived is None else [wanted.archived]:
        yield Run(index, f"archived = {archived} AND {condition}", goes_on)


def _select(run: Run, conditions: Sequence[str], order: Order) -> str:
    columns, down = _keys(order)
    after = [_after(columns, down)] if run.goes_on else []
    where = " AND ".join([run.condition, *conditions, *after])
    return f"SELECT {', '.join(_ROWS[order.by])} FROM sessions INDEXED BY {run.index} WHERE {where}"


def _after(columns: Sequence[str], down: bool) -> str:
    values = ", ".join(f":key{i}" for i, _ in enumerate(columns, 1))
    return f"({', '.join(columns)}) {'<' if down else '>'} ({values})"


def _merged(runs: Sequence[Run], conditions: Sequence[str], order: Order, engine: Engine) -> str:
    """The statement that reads the first rows of several runs in their common order."""
    columns, down = _keys(order)
    keys = ", ".join(f"{column}{' DESC' if down else ''}" for column in columns)
    selects = [_select(run, conditions, order) for run in runs]
    first = "is_important DESC, " if any(run.starred for run in runs[:-1]) else ""
    # Else PostgreSQL would sort each run whole; so would SQLite, if they differ in more than one column.
    if len(runs) > 1 and (first or engine == "postgres"):
        selects = [f"SELECT * FROM ({select} ORDER BY {keys} LIMIT :limit) AS run" for select in selects]
    return f"{' UNION ALL '.join(selects)} ORDER BY {first}{keys} LIMIT :limit"


def _keys(order: Order) -> tuple[list[str], bool]:
    """The columns that cut a list into pages, and whether it runs downward."""
    columns, down = ORDERS[order.by]
    return [*columns, "owner", "id"], down


def _label(order: Order) -> tuple[str, bool]:
    return order.by, order.important_first


def _cursor(order: Order, row: Row) -> str:
    names, _ = _keys(order)
    values = dict(zip(_ROWS[order.by], row, strict=True))
    return write_cursor(_label(order), [bool(values["is_important"]), *(values[name] for name in names)])


def _kinds(order: Order) -> list[type]:
    columns, _ = ORDERS[order.by]
    return [bool, *(str if order.by == "name" else int for _ in columns), str, str]
