"""Search among many messages: the best 20 with snippets."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg

from benchmarks import given
from benchmarks.bench import Bench, vacuum
from benchmarks.floor_sqlite import Transaction, connect
from benchmarks.measuring import Outcome, Timed, at_most
from ithaca import SessionManager

_QUESTIONS = {
    "common word": given.COMMON,
    "rare word": given.RARE,
    "two words": f"{given.COMMON} {given.LESS_COMMON}",
}

_ON_SQLITE = (
    "SELECT rowid, snippet(said, 0, '[', ']', '…', 32), rank FROM said WHERE said MATCH ? ORDER BY rank LIMIT 20"
)

# Snippets are made of those that are shown only.
_ON_POSTGRES = """
    SELECT id, ts_headline('simple', text, query), rank FROM (
        SELECT id, text, query, ts_rank(words, query) AS rank FROM said, plainto_tsquery('simple', %s) AS query
        WHERE words @@ query ORDER BY rank DESC LIMIT 20
    ) AS best ORDER BY rank DESC
"""


def search_1m(bench: Bench) -> Iterator[Outcome]:
    """The best 20 of a million messages with snippets; the floor asks FTS5, or a GIN index of a stored tsvector."""
    for held in bench.sizes(1_000_000):
        for name, question in _QUESTIONS.items():
            yield from on_sqlite(bench, f"SQLite, {name}", held, question)
    for held in bench.sizes(1_000_000):
        yield from _on_postgres(bench, held)


def on_sqlite(bench: Bench, case: str, held: int, question: str, *, growth: bool = False) -> Iterator[Outcome]:
    kept, indexed = bench.conversation(held), bench.shared(f"fts5-{held}", lambda path: _index_on_sqlite(path, held))
    db = connect(indexed)
    with SessionManager(kept.ours) as manager:
        manager.search("settled")
        target, stored = (None, held) if growth else (at_most(1.5), None)
        yield from bench.compare(
            case,
            Timed(lambda: manager.search(question)),
            Timed(lambda: db.execute(_ON_SQLITE, (question,)).fetchall()),
            target,
            stored=stored,
        )
    db.close()


def _index_on_sqlite(path: str, held: int) -> None:
    db = connect(path)
    db.execute("PRAGMA journal_mode = WAL; CREATE VIRTUAL TABLE said USING fts5 (text)").fetchall()
    for numbers in given.batches(held, 50_000):
        with Transaction(db):
            db.executemany("INSERT INTO said VALUES (?)", ((given.text(number),) for number in numbers))
    db.close()


def _on_postgres(bench: Bench, held: int) -> Iterator[Outcome]:
    kept = bench.postgres_conversation(held)
    indexed = bench.postgres.create_database()
    db = psycopg.connect(indexed, autocommit=True)
    _index_on_postgres(db, held)
    vacuum(indexed)
    with SessionManager(kept.ours) as manager:
        manager.search("settled")
        for name, question in _QUESTIONS.items():
            yield from bench.compare(
                f"PostgreSQL, {name}",
                Timed(partial(manager.search, question)),
                Timed(partial(_ask_postgres, db, question)),
                at_most(1.5),
            )
    db.close()


def _ask_postgres(db: psycopg.Connection[Any], question: str) -> None:
    db.execute(_ON_POSTGRES, (question,), prepare=True).fetchall()


def _index_on_postgres(db: psycopg.Connection[Any], held: int) -> None:
    db.execute("CREATE TABLE said (id BIGINT PRIMARY KEY, text TEXT, words TSVECTOR)")
    with db.cursor() as cursor, cursor.copy("COPY said (id, text) FROM STDIN") as copy:
        for number in range(held):
            copy.write_row((number, given.text(number)))
    db.execute("UPDATE said SET words = to_tsvector('simple', text)")
    db.execute("CREATE INDEX said_words ON said USING GIN (words)")
