"""The floor on PostgreSQL: bare psycopg, an append being one prepared statement that commits by itself.

`synchronous_commit` is on, as it is by default; the connection lies on a Unix socket.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from benchmarks import given
from benchmarks.floor_sqlite import Said, kept

_TABLES = """
    CREATE TABLE IF NOT EXISTS sessions (
        id TEXT COLLATE "C" PRIMARY KEY, next_seq BIGINT NOT NULL
    ) WITH (fillfactor = 50);
    CREATE TABLE IF NOT EXISTS messages (
        session_id TEXT COLLATE "C", seq BIGINT, id TEXT, role TEXT, content TEXT, tool_calls TEXT, tool_call_id TEXT,
        name TEXT, metadata TEXT, created_at BIGINT, PRIMARY KEY (session_id, seq)
    )
"""

APPEND = """
    WITH taken AS (UPDATE sessions SET next_seq = next_seq + 1 WHERE id = %s RETURNING id, next_seq - 1 AS seq)
    INSERT INTO messages SELECT id, seq, %s, %s, %s, %s, %s, %s, %s, %s FROM taken RETURNING seq
"""
_TAKE_MANY = "UPDATE sessions SET next_seq = next_seq + %s WHERE id = %s RETURNING next_seq - %s"
_COPY = "COPY messages FROM STDIN"


class Floor:
    """One connection."""

    def __init__(self, url: str) -> None:
        self.db = psycopg.connect(url, autocommit=True)
        self.db.execute(_TABLES, prepare=False)
        self._cursor = self.db.cursor()

    def create(self, session_id: str) -> None:
        self.db.execute("INSERT INTO sessions VALUES (%s, 1)", (session_id,))

    def append(self, session_id: str, role: str, content: str, metadata: dict[str, Any]) -> int:
        self._cursor.execute(APPEND, (session_id, *kept(role, content, metadata)), prepare=True)
        return _seq(self._cursor.fetchone())

    def append_many(self, session_id: str, messages: Sequence[Said]) -> None:
        count = len(messages)
        with self.db.transaction(), self.db.cursor() as cursor:
            first = _seq(cursor.execute(_TAKE_MANY, (count, session_id, count), prepare=True).fetchone())
            with cursor.copy(_COPY) as copy:
                for seq, said in enumerate(messages, first):
                    copy.write_row((session_id, seq, *kept(*said)))

    def bring_in(self, session_ids: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """Stores whole sessions, in one transaction."""
        with self.db.transaction(), self.db.cursor() as cursor:
            with cursor.copy("COPY sessions FROM STDIN") as copy:
                for id in session_ids:
                    copy.write_row((id, 1))
            with cursor.copy(_COPY) as copy:
                for row in rows:
                    copy.write_row(row)

    def close(self) -> None:
        self.db.close()


class AsyncFloor:
    """One connection for an event loop."""

    def __init__(self, db: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
        self._db = db
        self._cursor = db.cursor()

    @classmethod
    async def open(cls, url: str) -> "AsyncFloor":
        return cls(await psycopg.AsyncConnection.connect(url, autocommit=True))

    async def append(self, session_id: str, role: str, content: str, metadata: dict[str, Any]) -> int:
        await self._cursor.execute(APPEND, (session_id, *kept(role, content, metadata)), prepare=True)
        return _seq(await self._cursor.fetchone())

    async def close(self) -> None:
        await self._db.close()


def _seq(row: tuple[Any, ...] | None) -> int:
    if row is None:
        raise LookupError("there is no such session")
    return int(row[0])


def fill(url: str, session_id: str, count: int) -> None:
    """Makes the tables, and one session of so many messages."""
    floor = Floor(url)
    floor.create(session_id)
    for numbers in given.batches(count):
        floor.append_many(session_id, list(map(given.row, numbers)))
    floor.close()
