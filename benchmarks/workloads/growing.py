"""How cost grows with what is stored, from a thousand to a million; shown as plots."""

from collections.abc import Iterator

from benchmarks import given
from benchmarks.bench import Bench
from benchmarks.measuring import Outcome
from benchmarks.workloads import appending, listing, reading, searching

_SIZES = (1_000, 10_000, 100_000, 1_000_000)


def growth_append(bench: Bench) -> Iterator[Outcome]:
    """Append, one caller, SQLite, by the messages in the session."""
    for stored in bench.sizes(*_SIZES):
        yield from appending.append_to(bench, f"{stored:,} messages", stored, growth=True)


def growth_last_50(bench: Bench) -> Iterator[Outcome]:
    """The last 50 messages, SQLite, by the messages in the session."""
    for stored in bench.sizes(*_SIZES):
        yield from reading.last_50_of(bench, f"{stored:,} messages", stored, growth=True)


def growth_list(bench: Bench) -> Iterator[Outcome]:
    """The newest 50 sessions of an owner, SQLite, by the sessions of all."""
    for stored in bench.sizes(*_SIZES):
        yield from listing.newest_50(bench, f"{stored:,} sessions", stored, growth=True)


def growth_open(bench: Bench) -> Iterator[Outcome]:
    """Opening the database and closing it, SQLite, by the sessions in it."""
    for stored in bench.sizes(*_SIZES):
        yield from listing.opened(bench, f"{stored:,} sessions", stored, growth=True)


def growth_search(bench: Bench) -> Iterator[Outcome]:
    """The best 20 messages with two words, SQLite, by the messages searched."""
    question = f"{given.COMMON} {given.LESS_COMMON}"
    for stored in bench.sizes(*_SIZES):
        yield from searching.on_sqlite(bench, f"{stored:,} messages", stored, question, growth=True)
