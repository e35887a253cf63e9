"""Lists of sessions: filters and orders."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from ithaca.columns import Row, to_time
from ithaca.connection import Connection, Engine, one_statement
from ithaca.content import MOST_INDEXED
from ithaca.cursors import read_cursor, write_cursor
from ithaca.models import Folder, Page, Session
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import LINEAGE, SESSION
from ithaca.operations.statements import SLOT

#: Order → the columns that lead it, and whether it runs downward.
ORDERS = {
    "activity": (("active_slot", "active_at"), True),
    "created": (("created_at",), True),
    "name": (("name_key",), False),
    "messages": (("size_class", "message_count"), True),
}

#: Order → the columns that cut a list into pages.
_KEYS = {by: [*names, "owner", "id"] for by, (names, _) in ORDERS.items()}

#: All but the lineage, by which histories are compared.
_SESSION = SESSION.split(", ")[:LINEAGE]

#: Order → the columns of a row: a session's, and those that lead the order where they are not among them.
_ROWS = {by: [*_SESSION, *(name for name in names if name not in _SESSION)] for by, (names, _) in ORDERS.items()}

#: Order → what takes out of a row whether the session is starred, and the key of a page that ends there.
_KEY_OF = {by: itemgetter(*map(row.index, ["is_important", *_KEYS[by]])) for by, row in _ROWS.items()}


class SessionFilter(NamedTuple):
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


class Order(NamedTuple):
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


class Run(NamedTuple):
    """A part of a list that an index has in the list's order, or that is small enough to be sorted."""

    indexed_by: str
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
    given = _given(scope, wanted, conn.engine)
    sql = _page(conn.engine, tuple(given), wanted.archived, wanted.important, order, last.get("key0"))
    if sql is None:
        return Page([], None)
    rows = await conn.rows(sql, {**given, **last, "limit": limit + 1})
    items = Session.listed(rows[:limit], scope.vault.open, incognito=scope.incognito)
    return Page(items, _cursor(order, rows[limit - 1]) if len(rows) > limit else None)


@one_statement
async def count_sessions(conn: Connection, scope: Scope, wanted: SessionFilter) -> int:
    """How many sessions fit."""
    given = _given(scope, wanted, conn.engine)
    row = await conn.row(f"SELECT count(*) FROM sessions{_where(_conditions(conn.engine, given))}", given)
    return 0 if row is None else int(row[0])


@one_statement
async def list_folders(conn: Connection, scope: Scope, owner: str | None, archived: bool | None) -> list[Folder]:
    """Every folder in which sessions are, by name, with how many."""
    given = _given(scope, SessionFilter(owner=owner, archived=archived), conn.engine)
    where = _where(["folder IS NOT NULL", *_conditions(conn.engine, given)])
    rows = await conn.rows(f"SELECT folder, count(*) FROM sessions{where} GROUP BY folder ORDER BY folder", given)
    return [Folder(name, int(count)) for name, count in rows]


#: What is asked for → the condition.
_CONDITIONS = {
    "owner": "owner = :owner",
    "of_owner": "owner = :of_owner",
    "archived": "archived = :archived",
    "important": "is_important = :important",
    "folder": "folder = :folder",
    "no_folder": "folder IS NULL",
    "model": "model = :model",
    "mode": "mode = :mode",
    "name": "position(:name IN name_key) > 0",
    "since": f"active_slot >= :since / {SLOT} AND active_at >= :since",
}

#: On PostgreSQL, a part of a name is found by LIKE, which its index of trigrams knows.
_ON_POSTGRES = _CONDITIONS | {"name": "name_key LIKE :name"}

#: What LIKE reads as itself only behind a backslash.
_LITERALLY = str.maketrans({sign: f"\\{sign}" for sign in "%_\\"})


def _given(scope: Scope, wanted: SessionFilter, engine: Engine) -> dict[str, Any]:
    """What is asked for, and the values."""
    asked = {
        "owner": scope.owner,
        "of_owner": wanted.owner,
        "archived": wanted.archived,
        "important": wanted.important,
        "folder": wanted.folder or None,
        "no_folder": True if wanted.folder == "" else None,
        "model": wanted.model,
        "mode": wanted.mode,
        "name": None if wanted.name is None else _part(wanted.name, engine),
        "since": None if wanted.active_since is None else to_time(wanted.active_since),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _part(name: str, engine: Engine) -> str:
    part = name_key(name)
    return part if engine == "sqlite" else f"%{part.translate(_LITERALLY)}%"


def _conditions(engine: Engine, given: Iterable[str]) -> list[str]:
    conditions = _CONDITIONS if engine == "sqlite" else _ON_POSTGRES
    return [conditions[name] for name in given]


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


@lru_cache(maxsize=256)
def _page(
    engine: Engine,
    given: tuple[str, ...],
    archived: bool | None,
    important: bool | None,
    order: Order,
    after_starred: bool | None,
) -> str | None:
    """The statement that reads a page; None if nothing is left to read. It takes a tenth of a page's time to write.

    `after_starred` is whether the page before ended with a starred session; None on the first page.
    """
    runs = list(_runs(given, archived, important, order, after_starred))
    return _merged(runs, _conditions(engine, given), order, engine) if runs else None


def _runs(
    given: tuple[str, ...], archived: bool | None, important: bool | None, order: Order, after_starred: bool | None
) -> Iterator[Run]:
    """The runs of a list, after the key of the page before: starred sessions apart if they come first."""
    apart = important or (order.important_first and important is None)
    goes_on = after_starred is not None
    if apart and not (order.important_first and after_starred is False):
        yield Run("sessions_starred", "is_important", goes_on, starred=True)
    if important:
        return
    goes_on = goes_on and not (order.important_first and after_starred)
    condition = "NOT is_important" if order.important_first else "TRUE"
    one_owner = "owner" in given or "of_owner" in given
    if "folder" in given and one_owner:
        yield Run("sessions_in_folder", condition, goes_on)
        return
    index = f"sessions_by_{order.by}{'' if one_owner else '_of_all'}"
    for either in [False, True] if archived is None else [archived]:
        yield Run(index, f"archived = {either} AND {condition}", goes_on)


def _select(run: Run, conditions: Sequence[str], order: Order) -> str:
    columns, down = _keys(order)
    after = [_after(columns, down)] if run.goes_on else []
    where = " AND ".join([run.condition, *conditions, *after])
    return f"SELECT {', '.join(_ROWS[order.by])} FROM sessions INDEXED BY {run.indexed_by} WHERE {where}"


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
    return _KEYS[order.by], ORDERS[order.by][1]


def _label(order: Order) -> tuple[str, bool]:
    return order.by, order.important_first


def _cursor(order: Order, row: Row) -> str:
    starred, *key = _KEY_OF[order.by](row)
    return write_cursor(_label(order), [bool(starred), *key])


def _kinds(order: Order) -> list[type]:
    columns, _ = ORDERS[order.by]
    return [bool, *(str if order.by == "name" else int for _ in columns), str, str]
