"""Operations on SQLite: their statements, and the driver's errors as ours."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import apsw

from ithaca.columns import Row, to_json
from ithaca.connection import NOTHING, Engine, Params
from ithaca.content import Draft, numbered
from ithaca.errors import DatabaseBusy, DatabaseDamaged, DatabaseUnavailable, DiskFull, StorageError
from ithaca.operations.statements import (
    ALL_OF_MESSAGE,
    CHANGES_KEPT,
    HOLDS_ANY,
    OWNER_OF_ANYBODY,
    PLACE,
    PRUNE_CHANGES,
    RECORD_CHANGE,
    RESIZE,
    TAKE_NUMBERS,
    of_anybody,
    size_class,
)

#: After so many changes, old news are removed.
PRUNE_EVERY = 5_000

#: Messages that are inserted by one statement where there are many: each statement opens all indexes of the table.
AT_ONCE = 16


class SQLiteConnection:
    """A `Connection` that never suspends."""

    engine: Engine = "sqlite"

    def __init__(self, db: apsw.Connection, settle: Callable[[], None] | None = None) -> None:
        """`settle` flushes what was committed; it is None for the connection that writes, which does afterwards."""
        self.db = db
        self._cursor = db.cursor()  # `db.execute` makes one at each call, which takes as long as running SELECT 1
        self._settle = settle

    async def row(self, sql: str, params: Params = NOTHING) -> Row | None:
        return self._row(sql, params)

    async def rows(self, sql: str, params: Params = NOTHING, *, binary: bool = False) -> list[Row]:
        return self._execute(sql, params).fetchall()

    async def run(self, sql: str, params: Params = NOTHING) -> int:
        for _ in self._execute(sql, params):
            pass  # SQLite counts what a statement with RETURNING changes when its last row is read
        return self.db.changes()

    async def run_many(self, sql: str, params: Iterable[Params]) -> None:
        statement = _SQL.get(sql) or _translate(sql)
        self.db.executemany(statement.text, map(statement.values, params))

    async def add_messages(self, rows: Iterable[Row]) -> None:
        self._add_messages(list(rows))

    def _add_messages(self, rows: list[Row]) -> None:
        whole = len(rows) // AT_ONCE * AT_ONCE
        several = (tuple(chain.from_iterable(rows[at : at + AT_ONCE])) for at in range(0, whole, AT_ONCE))
        self.db.executemany(_INSERT_SEVERAL, several)
        self.db.executemany(_INSERT, rows[whole:])

    async def append(self, session: Params, drafts: Sequence[Draft]) -> tuple[int, int] | None:
        if session["ids"] is not None and self._holds_any(session):
            return None
        execute, session_id = self._cursor.execute, session["session_id"]
        take = _TAKE_OF_ANYBODY if session["owner"] is None else _TAKE
        taken: list[Any] = execute(take.text, take.values(session)).fetchall()
        if not taken:
            return None
        first, revision, owner, is_placed, is_sized, count = taken[0]
        if not is_placed:
            self._execute(PLACE, {"owner": owner, "session_id": session_id})
        if not is_sized:
            resized = {"owner": owner, "session_id": session_id, "size_class": size_class(count)}
            self._execute(RESIZE, resized)
        if len(drafts) == 1:
            execute(_INSERT, (owner, session_id, first, *drafts[0]))
        else:
            self._add_messages(list(numbered(owner, session_id, drafts, first)))
        execute(_RECORD, (owner, session_id, "messages added", revision, session["now"]))
        if self.db.last_insert_rowid() % PRUNE_EVERY == 0:
            self._execute(PRUNE_CHANGES, {"kept": CHANGES_KEPT})
        return first, revision

    async def settle(self) -> None:
        if self._settle is not None:
            self._settle()

    def _holds_any(self, session: Params) -> bool:
        if session["owner"] is None:
            found = self._row(OWNER_OF_ANYBODY, session)
            session = {**session, "owner": found and found[0]}
        return self._row(HOLDS_ANY, session) is not None

    def _row(self, sql: str, params: Params) -> Row | None:
        rows = self._execute(sql, params).fetchall()
        return rows[0] if rows else None

    def _execute(self, sql: str, params: Params) -> apsw.Cursor:
        statement = _SQL.get(sql) or _translate(sql)
        if statement.lists:
            params = {**params, **{name: to_json(params[name]) for name in statement.lists}}
        return self._cursor.execute(statement.text, statement.values(params))


class Statement(NamedTuple):
    """SQL as SQLite writes it, with numbers for its parameters: bound by number they cost less than half."""

    text: str
    #: Takes the values out of the parameters, in the order of the numbers.
    values: Callable[[Params], tuple[Any, ...]]
    #: The parameters that are lists.
    lists: tuple[str, ...]


_SQL: dict[str, Statement] = {}


def _translate(sql: str) -> Statement:
    lists = tuple(set(re.findall(r"EACH\(:(\w+)\)", sql)))
    text = re.sub(r"EACH\((:\w+)\)", r"SELECT value FROM json_each(\1)", sql).replace(" FOR UPDATE", "")
    text = re.sub(r" AND in_turn\(([^,()]+|\([^()]*\))(, :\w+)?\)", "", text)
    text = re.sub(r"position\((:\w+) IN (\w+)\)", r"instr(\2, \1)", text)
    names = list(dict.fromkeys(re.findall(_PARAMETER, text)))
    text = re.sub(_PARAMETER, lambda found: f"?{names.index(found[1]) + 1}", text)
    text = re.sub(r"\s*\n\s*", " ", text).strip()  # the driver goes through a statement's text at each call
    return _SQL.setdefault(sql, Statement(text, _values(names), lists))


_PARAMETER = r"(?<!:):([a-z_]\w*)"


def _values(names: Sequence[str]) -> Callable[[Params], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda params: tuple(params[name] for name in names)


def _insert(count: int) -> str:
    row = f"({', '.join('?' * (ALL_OF_MESSAGE.count(',') + 1))})"
    return f"INSERT INTO messages ({ALL_OF_MESSAGE}) VALUES {', '.join([row] * count)}"


# What an append executes, found beforehand.
_TAKE, _TAKE_OF_ANYBODY = map(_translate, (TAKE_NUMBERS, of_anybody(TAKE_NUMBERS)))
_RECORD = _translate(RECORD_CHANGE).text
_INSERT, _INSERT_SEVERAL = _insert(1), _insert(AT_ONCE)


def translated(error: BaseException) -> BaseException:
    """A driver's error as one of ours, most specific first; anything else as it is."""
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return DatabaseBusy(str(error))
    if isinstance(error, apsw.FullError):
        return DiskFull(str(error))
    if isinstance(error, (apsw.CantOpenError, apsw.IOError, apsw.ReadOnlyError, apsw.PermissionsError)):
        return DatabaseUnavailable(f"{type(error).__name__}: {error}")
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return DatabaseDamaged(str(error))
    if isinstance(error, apsw.Error):
        return StorageError(f"{type(error).__name__}: {error}")
    return error
