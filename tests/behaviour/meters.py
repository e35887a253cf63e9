"""What calls cost, counted by the databases themselves: statements, steps and rows, not seconds."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apsw
import psycopg

from tests.support.spares import CARETAKER


class SQLiteMeter:
    """Counts what the connections that are opened while it runs do."""

    def __init__(self) -> None:
        self.connections: list[apsw.Connection] = []
        self.statements: Counter[str] = Counter()
        #: Steps of SQLite's virtual machine: its work, whatever the machine's speed.
        self.steps = 0
        #: Rows that came out of it.
        self.rows = 0

    def watch(self, db: apsw.Connection) -> None:
        self.connections.append(db)
        db.trace_v2(apsw.SQLITE_TRACE_PROFILE | apsw.SQLITE_TRACE_ROW, self._note)

    def _note(self, event: dict[str, Any]) -> None:
        if event["code"] == apsw.SQLITE_TRACE_ROW:
            self.rows += 1
            return
        self.statements[" ".join(event["sql"].split())] += 1
        self.steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    def reset(self) -> None:
        self.statements.clear()
        self.steps = self.rows = 0

    def steps_of(self, call: Callable[[], object]) -> int:
        """How many steps a call takes."""
        self.reset()
        call()
        return self.steps


@contextmanager
def sqlite_meter() -> Iterator[SQLiteMeter]:
    meter = SQLiteMeter()
    apsw.connection_hooks.append(meter.watch)
    try:
        yield meter
    finally:
        apsw.connection_hooks.remove(meter.watch)


def postgres_rows_read(url: str, call: Callable[[], object]) -> dict[str, int]:
    """How many rows of each table a call reads; it has to close the connections that it opens.

    A server process reports what it has read when it ends, at the latest.
    """
    with psycopg.connect(url, autocommit=True) as db:
        before = _rows_read(db)
        call()
        return {table: count - before[table] for table, count in _rows_read(db).items() if count > before[table]}


_ALONE = f"""
    SELECT count(*) = 1 FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> '{CARETAKER}'
"""


def _rows_read(db: psycopg.Connection[Any]) -> dict[str, int]:
    while db.execute(_ALONE).fetchone() != (True,):
        db.execute("SELECT pg_sleep(0.01)")
    db.execute("SELECT pg_stat_clear_snapshot()")
    rows = db.execute("SELECT relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables")
    return {table: int(count) for table, count in rows}
