"""Lists of sessions: filters and orders."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ithaca.columns import Row, to_time
from ithaca.connection import Connection, one_statement
from ithaca.models import Page, Session
from ithaca.operations.pages import read_cursor, write_cursor
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import SESSION
from ithaca.operations.statements import ANY_SLOT, SLOT

#: Order → the columns that lead it, and whether it runs downward.
ORDERS = {
    "activity": (("active_slot", "active_at"), True),
    "created": (("created_at",), True),
    "name": (("name_key",), False),
    "messages": (("message_count",), True),
}


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


@one_statement
async def list_sessions(
    conn: Connection, scope: Scope, wanted: SessionFilter, order: Order, cursor: str | None, limit: int
) -> Page[Session]:
    """One page of the sessions that fit."""
    conditions, params = _conditions(scope, wanted)
    keys = _keys(order)
    if order.by == "activity" and not order.important_first:
        conditions.append(ANY_SLOT)
    if cursor is not None:
        conditions.append(_after(keys))
        params |= read_cursor(cursor, _label(order), _kinds(order))
    rows = await conn.rows(
        f"SELECT {SESSION}, {', '.join(column for column, _ in keys)} FROM sessions{_where(conditions)}"
        f" ORDER BY {', '.join(column + (' DESC' if down else '') for column, down in keys)} LIMIT :limit",
        {**params, "limit": limit + 1},
    )
    items = Session.listed(rows[:limit], scope.vault.open, incognito=scope.incognito)
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(items, write_cursor(_label(order), _key_of(order, last, keys)) if last else None)


@one_statement
async def count_sessions(conn: Connection, scope: Scope, wanted: SessionFilter) -> int:
    """How many sessions fit."""
    conditions, params = _conditions(scope, wanted)
    row = await conn.row(f"SELECT count(*) FROM sessions{_where(conditions)}", params)
    return 0 if row is None else int(row[0])


def _conditions(scope: Scope, wanted: SessionFilter) -> tuple[list[str], dict[str, Any]]:
    asked: list[tuple[str, str, Any]] = [
        ("owner = :owner", "owner", scope.owner),
        ("owner = :of_owner", "of_owner", wanted.owner),
        ("archived = :archived", "archived", wanted.archived),
        ("is_important = :important", "important", wanted.important),
        ("folder = :folder", "folder", wanted.folder),
        ("model = :model", "model", wanted.model),
        ("mode = :mode", "mode", wanted.mode),
        ("position(:name IN name_key) > 0", "name", None if wanted.name is None else fold(wanted.name)),
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


def _keys(order: Order) -> list[tuple[str, bool]]:
    columns, down = ORDERS[order.by]
    keys = [(column, down) for column in (*columns, "owner", "id")]
    return [("is_important", True), *keys] if order.important_first else keys


def _after(keys: list[tuple[str, bool]]) -> str:
    """The condition that a row comes after the cursor's, in an order that may run both ways."""
    if len({down for _, down in keys}) == 1:
        columns = ", ".join(column for column, _ in keys)
        values = ", ".join(f":key{i}" for i in range(len(keys)))
        return f"({columns}) {'<' if keys[0][1] else '>'} ({values})"
    column, down = keys[0]
    rest = ", ".join(column for column, _ in keys[1:])
    values = ", ".join(f":key{i}" for i in range(1, len(keys)))
    sign, rest_sign = ("<" if down else ">"), ("<" if keys[1][1] else ">")
    return f"({column} {sign} :key0 OR ({column} = :key0 AND ({rest}) {rest_sign} ({values})))"


def _label(order: Order) -> tuple[str, bool]:
    return order.by, order.important_first


def _key_of(order: Order, row: Row, keys: list[tuple[str, bool]]) -> list[Any]:
    key = list(row[-len(keys) :])
    return [bool(key[0]), *key[1:]] if order.important_first else key


def _kinds(order: Order) -> list[type]:
    columns, _ = ORDERS[order.by]
    kinds: list[type] = [str if order.by == "name" else int for _ in columns]
    return [*([bool] if order.important_first else []), *kinds, str, str]
