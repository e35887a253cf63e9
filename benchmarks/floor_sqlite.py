"""The floor on SQLite: bare APSW, with the tables and indexes that the order of messages and durability need, no more.

It keeps the message that Ithaca keeps: all that its author may give comes back, with an id and a time, which are made
here. It doesn't check what it is given, and has none of the rest: no way to find a message by its id, no counts,
revisions, tokens, news, trash, search or owners. The journal is a write-ahead log, flushed at each commit
(`synchronous = FULL`), as Ithaca has it by default.
"""

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast

import apsw
from uuid_utils import uuid7

from benchmarks import given

#: What is given: role, content, metadata.
Said: TypeAlias = tuple[str, str, dict[str, Any]]

#: What is kept: id, role, content, tool calls, the call that is answered, name, metadata as JSON, time.
Kept: TypeAlias = tuple[str, str, str, None, None, None, str, int]

FIELDS = "id, role, content, tool_calls, tool_call_id, name, metadata, created_at"


def kept(role: str, content: str, metadata: dict[str, Any]) -> Kept:
    """A message as it is to be kept."""
    return str(uuid7()), role, content, None, None, None, json.dumps(metadata), time.time_ns() // 1000


_TABLES = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, next_seq INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS messages (
        session_id TEXT, seq INTEGER, id TEXT, role TEXT, content TEXT, tool_calls TEXT, tool_call_id TEXT, name TEXT,
        metadata TEXT, created_at INTEGER, PRIMARY KEY (session_id, seq)
    ) WITHOUT ROWID;
"""

# In one call of the driver: coming back to Python between the statements costs more than the second look at the row.
_APPEND = """
    BEGIN IMMEDIATE;
    UPDATE sessions SET next_seq = next_seq + 1 WHERE id = ? RETURNING next_seq - 1;
    INSERT INTO messages SELECT id, next_seq - 1, ?, ?, ?, ?, ?, ?, ?, ? FROM sessions WHERE id = ?;
    COMMIT
"""
_TAKE_MANY = "UPDATE sessions SET next_seq = next_seq + ? WHERE id = ? RETURNING next_seq - ?"
_CUT_LAST = """
    DELETE FROM messages WHERE session_id = ?
    AND seq = (SELECT seq FROM messages WHERE session_id = ? ORDER BY seq DESC LIMIT 1)
"""
_FORK = f"INSERT INTO messages SELECT ?, seq, {FIELDS} FROM messages WHERE session_id = ?"
_INSERT = "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

#: The newest messages of a session, newest first.
LAST = f"SELECT seq, {FIELDS} FROM messages WHERE session_id = ? ORDER BY seq DESC LIMIT ?"
ALL = f"SELECT seq, {FIELDS} FROM messages WHERE session_id = ? ORDER BY seq"


def connect(path: str) -> apsw.Connection:
    """A connection that waits for others, and flushes each commit."""
    db = apsw.Connection(path)
    db.set_busy_timeout(60_000)
    db.execute("PRAGMA synchronous = FULL")
    return db


class Floor:
    """One connection to a file of conversations."""

    def __init__(self, path: str) -> None:
        self.db = connect(path)
        self.db.execute(_TABLES).fetchall()
        # Each keeps its statement prepared.
        self._append, self._read = self.db.cursor(), self.db.cursor()

    def create(self, session_id: str) -> None:
        self.db.execute("INSERT INTO sessions VALUES (?, 1)", (session_id,))

    def append(self, session_id: str, role: str, content: str, metadata: dict[str, Any]) -> int:
        message = kept(role, content, metadata)
        rows = self._append.execute(_APPEND, (session_id, *message, session_id)).fetchall()
        return cast(int, rows[0][0])

    def append_many(self, session_id: str, messages: Sequence[Said]) -> None:
        with self.transaction():
            count = len(messages)
            first = cast(int, self.db.execute(_TAKE_MANY, (count, session_id, count)).fetchall()[0][0])
            self.db.executemany(_INSERT, [(session_id, seq, *kept(*said)) for seq, said in enumerate(messages, first)])

    def bring_in(self, session_ids: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """Stores whole sessions, in one transaction."""
        with self.transaction():
            self.db.executemany("INSERT INTO sessions VALUES (?, 1)", ((id,) for id in session_ids))
            self.db.executemany(_INSERT, rows)

    def cut_last(self, session_id: str) -> None:
        self._append.execute(_CUT_LAST, (session_id, session_id)).fetchall()

    def fork(self, session_id: str, new_id: str) -> None:
        with self.transaction():
            self.db.execute("INSERT INTO sessions SELECT ?, next_seq FROM sessions WHERE id = ?", (new_id, session_id))
            self.db.execute(_FORK, (new_id, session_id))

    def last(self, session_id: str, count: int) -> list[tuple[object, ...]]:
        rows = self._read.execute(LAST, (session_id, count)).fetchall()
        rows.reverse()
        return rows

    def history(self, session_id: str) -> list[tuple[object, ...]]:
        return self._read.execute(ALL, (session_id,)).fetchall()

    def transaction(self) -> "Transaction":
        return Transaction(self.db)

    def close(self) -> None:
        self.db.close()


class Transaction:
    """`BEGIN IMMEDIATE` … `COMMIT`, or `ROLLBACK` where it fails. (APSW's own context manager makes a savepoint.)"""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def fill(path: str, session_id: str, count: int) -> None:
    """Makes a file with one session of so many messages."""
    floor = Floor(path)
    floor.create(session_id)
    for numbers in given.batches(count):
        floor.append_many(session_id, list(map(given.row, numbers)))
    floor.close()
