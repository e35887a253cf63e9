"""Operations on SQLite: their statements, and the driver's errors as ours."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import apsw

from ithaca.columns import Row, to_json
from ithaca.connection import NOTHING, Engine, Params
from ithaca.errors import DatabaseBusy, DatabaseUnavailable, StorageError
from ithaca.operations.statements import (
    CHANGES_KEPT,
    HOLDS_ANY,
    INSERT_MESSAGE,
    PLACE,
    PRUNE_CHANGES,
    RECORD_CHANGE,
    TAKE_NUMBERS,
)

#: After so many changes, old news are removed.
PRUNE_EVERY = 5_000


class SQLiteConnection:
    """A `Connection` that never suspends."""

    engine: Engine = "sqlite"

    def __init__(self, db: apsw.Connection) -> None:
        self.db = db

    async def row(self, sql: str, params: Params = NOTHING) -> Row | None:
        rows = self._execute(sql, params).fetchall()
        return rows[0] if rows else None

    async def rows(self, sql: str, params: Params = NOTHING, *, binary: bool = False) -> list[Row]:
        return self._execute(sql, params).fetchall()

    async def run(self, sql: str, params: Params = NOTHING) -> int:
        self._execute(sql, params)
        return self.db.changes()

    async def run_many(self, sql: str, params: Iterable[Params]) -> None:
        self.db.executemany(_translated(sql).text, params)

    def _execute(self, sql: str, params: Params) -> apsw.Cursor:
        statement = _translated(sql)
        if statement.lists:
            params = {**params, **{name: to_json(params[name]) for name in statement.lists}}
        return self.db.execute(statement.text, params)

    async def append(self, session: Params, drafts: Sequence[Params]) -> int | None:
        if session["ids"] is not None and await self.row(HOLDS_ANY, session):
            return None
        taken = await self.row(TAKE_NUMBERS, session)
        if taken is None:
            return None
        if not taken[2]:
            await self.run(PLACE, session)
        place = {"owner": session["owner"], "session_id": session["session_id"]}
        numbered = ({**draft, **place, "seq": seq} for seq, draft in enumerate(drafts, taken[0]))
        self.db.executemany(INSERT_MESSAGE, numbered)
        self.db.execute(RECORD_CHANGE, {**session, "kind": "messages added", "revision": taken[1]})
        if self.db.last_insert_rowid() % PRUNE_EVERY == 0:
            self.db.execute(PRUNE_CHANGES, {"kept": CHANGES_KEPT})
        return int(taken[0])


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL as SQLite writes it, and which of its parameters are lists."""

    text: str
    lists: tuple[str, ...]


_SQL: dict[str, Statement] = {}


def _translated(sql: str) -> Statement:
    return _SQL.get(sql) or _translate(sql)


def _translate(sql: str) -> Statement:
    lists = tuple(set(re.findall(r"EACH\(:(\w+)\)", sql)))
    text = re.sub(r"EACH\((:\w+)\)", r"SELECT value FROM json_each(\1)", sql).replace(" FOR UPDATE", "")
    text = re.sub(r" AND in_turn\(:\w+, :\w+\)", "", text)
    text = re.sub(r"position\((:\w+) IN (\w+)\)", r"instr(\2, \1)", text)
    return _SQL.setdefault(sql, Statement(text, lists))


def translated(error: BaseException) -> BaseException:
    """A driver's error as one of ours, most specific first; anything else as it is."""
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return DatabaseBusy(str(error))
    if isinstance(error, (apsw.CantOpenError, apsw.IOError, apsw.FullError, apsw.ReadOnlyError, apsw.PermissionsError)):
        return DatabaseUnavailable(f"{type(error).__name__}: {error}")
    if isinstance(error, apsw.Error):
        return StorageError(f"{type(error).__name__}: {error}")
    return error
