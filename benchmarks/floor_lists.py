"""The floor of lists and clean-up on SQLite: a table of sessions, and the index that gives the order of activity."""

from collections.abc import Iterable, Iterator

import apsw

from benchmarks.floor_sqlite import Transaction, connect
from benchmarks.owners import Owned

_TABLES = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE sessions (
        owner TEXT, id TEXT, name TEXT, model TEXT, active_at INTEGER, last_accessed INTEGER,
        message_count INTEGER, starred INTEGER, archived INTEGER, PRIMARY KEY (owner, id)
    ) WITHOUT ROWID;
    CREATE INDEX sessions_by_activity ON sessions (owner, active_at);
"""
_INSERT = "INSERT INTO sessions VALUES (?, ?, ?, 'qwen3', ?, ?, ?, 0, 0)"

NEWEST = (
    "SELECT id, name, model, active_at, message_count, starred, archived FROM sessions"
    " WHERE owner = ? ORDER BY active_at DESC LIMIT 50"
)

_DELETE_EMPTY = "DELETE FROM sessions WHERE message_count = 0 AND starred = 0 AND active_at < ?"
_ARCHIVE = (
    "UPDATE sessions SET archived = 1 WHERE message_count > 0 AND starred = 0 AND archived = 0 AND last_accessed < ?"
)


def fill(path: str, sessions: Iterable[Owned]) -> None:
    db = connect(path)
    db.execute(_TABLES).fetchall()
    with Transaction(db):
        db.executemany(_INSERT, _rows(sessions))
    db.close()


def _rows(sessions: Iterable[Owned]) -> Iterator[tuple[str | int, ...]]:
    for one in sessions:
        at = int(one.at.timestamp())
        yield one.owner, one.id, one.name, at, at, one.messages


def clean_up(db: apsw.Connection, empty_before: float, unused_since: float) -> None:
    """Deletes sessions without messages and archives those that nobody used, in a statement each."""
    with Transaction(db):
        db.execute(_DELETE_EMPTY, (int(empty_before),))
        db.execute(_ARCHIVE, (int(unused_since),))
