"""Many sessions of many owners: opening the database, the newest of one owner, clean-up."""

import random
import time
from collections.abc import Iterator
from functools import partial

import apsw

from benchmarks import floor_lists, owners
from benchmarks.bench import Anew, Bench, Owned
from benchmarks.floor_sqlite import connect
from benchmarks.measuring import Outcome, Timed, at_most
from ithaca import SessionManager

_HOUR = 3600


def list_owner(bench: Bench) -> Iterator[Outcome]:
    """The newest 50 sessions of one owner among a million of 10,000 owners; and opening such a database."""
    for count in bench.sizes(1_000_000):
        yield from newest_50(bench, f"newest 50 among {count:,}", count)
        yield from newest_50(bench, f"newest 50 among {count:,}, for_owner", count, confined=True)
        yield from opened(bench, f"open, {count:,} sessions", count)
        yield from _opened_among_few_and_many(bench, bench.owned(bench.size(1_000)), bench.owned(count))


def _opened_among_few_and_many(bench: Bench, few: Owned, many: Owned) -> Iterator[Outcome]:
    """Whether opening grows: both sides are ours."""
    at_many = Timed(lambda: SessionManager(many.ours).close())
    at_few = Timed(lambda: SessionManager(few.ours).close())
    yield from bench.compare(f"open, {many.sessions:,} ÷ {few.sessions:,} sessions", at_many, at_few, at_most(1.2))


def newest_50(
    bench: Bench, case: str, count: int, *, confined: bool = False, growth: bool = False
) -> Iterator[Outcome]:
    kept = bench.owned(count)
    mine, theirs = _owners(count), _owners(count)
    floor = connect(kept.floor)
    cursor = floor.cursor()
    with SessionManager(kept.ours) as manager:
        if confined:
            ours = Timed(lambda: manager.for_owner(next(mine)).list_sessions(limit=50))
        else:
            ours = Timed(lambda: manager.list_sessions(owner=next(mine), limit=50))
        least = Timed(lambda: cursor.execute(floor_lists.NEWEST, (next(theirs),)).fetchall())
        target, stored = (None, count) if growth else (at_most(1.3), None)
        yield from bench.compare(case, ours, least, target, stored=stored)
    floor.close()


def _owners(count: int) -> Iterator[str]:
    """Owners at random, the same ones for both sides."""
    chance = random.Random(8)  # noqa: S311, nothing is to be kept secret
    while True:
        yield owners.owner(chance.randrange(max(1, count // owners.EACH)))


def opened(bench: Bench, case: str, count: int, *, growth: bool = False) -> Iterator[Outcome]:
    """Opening a database and closing it; the floor asks one question, for SQLite reads the file only then."""
    kept = bench.owned(count)
    target, stored = (None, count) if growth else (at_most(1.3), None)
    yield from bench.compare(
        case,
        Timed(lambda: SessionManager(kept.ours).close()),
        Timed(lambda: _open_and_close(kept)),
        target,
        stored=stored,
    )


def _open_and_close(kept: Owned) -> None:
    db = connect(kept.floor)
    db.execute("PRAGMA user_version").fetchall()
    db.close()


def cleanup_1m(bench: Bench) -> Iterator[Outcome]:
    """Clean-up over a million sessions: one of a hundred is deleted for being empty, one archived.

    The floor deletes and archives in a statement each; ours can be undone.
    """
    for count in bench.sizes(1_000_000):
        kept = bench.owned(count)
        with (
            Anew(partial(bench.copy, kept.ours), SessionManager, bench.remove) as ours,
            Anew(partial(bench.copy, kept.floor), connect, bench.remove) as floor,
        ):
            yield from bench.compare(
                f"{count:,} sessions",
                Timed(lambda: ours.opened.cleanup_empty_sessions(), before=ours.renew, times=1),
                Timed(lambda: _clean_up(floor.opened), before=floor.renew, times=1),
                at_most(1.5),
                few=True,
            )


def _clean_up(db: apsw.Connection) -> None:
    now = time.time()
    floor_lists.clean_up(db, now - _HOUR, now - 30 * 24 * _HOUR)
