"""One message after the other, by one caller."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from benchmarks import floor_postgres, given
from benchmarks.bench import Bench
from benchmarks.floor_sqlite import Floor, Said
from benchmarks.measuring import Outcome, Timed, TimedAwaits, at_most
from ithaca import AsyncSessionManager, ChatMessage, SessionManager

#: The message as the floor takes it.
ROW: Said = given.row(0)


def said() -> ChatMessage:
    """The message as a caller of Ithaca makes it; its making is part of our time."""
    return ChatMessage(*ROW)


class Place:
    """The session that is appended to; a new one for each sample where it is to hold nothing yet."""

    _numbers = count(1)

    def __init__(self, session_id: str) -> None:
        self.id = session_id

    def move(self) -> str:
        self.id = f"empty-{next(self._numbers)}"
        return self.id


def append_one(bench: Bench) -> Iterator[Outcome]:
    """Append, one caller, SQLite, to a session that holds messages already."""
    for held in bench.sizes(0, 10_000, 1_000_000):
        yield from append_to(bench, f"{held:,} held", held)
    for held in bench.sizes(10_000):
        yield from append_to(bench, f"{held:,} held, for_owner", held, owner="telemachus")


def append_to(
    bench: Bench, case: str, held: int, *, owner: str | None = None, growth: bool = False
) -> Iterator[Outcome]:
    """Appends to a session; `owner` to confine the manager to."""
    kept = bench.conversation(held)
    here, there = Place(kept.id), Place(kept.id)
    floor = Floor(kept.floor)
    with SessionManager(kept.ours) as opened:
        manager = opened.for_owner(owner) if owner else opened
        ours = Timed(
            lambda: manager.add_message(here.id, said()),
            before=None if held else lambda: manager.create_session(here.move()),
        )
        least = Timed(
            lambda: floor.append(there.id, *ROW),
            before=None if held else lambda: floor.create(there.move()),
        )
        target, stored = (None, held) if growth else (at_most(1.25), None)
        yield from bench.compare(case, ours, least, target, stored=stored)
    floor.close()


def append_one_async(bench: Bench) -> Iterator[Outcome]:
    """Append, one task on asyncio, SQLite; the floor in a thread of its own, so that the loop never waits."""
    kept = bench.conversation(bench.size(10_000))
    floor = Floor(kept.floor)
    with asyncio.Runner() as runner, ThreadPoolExecutor(1) as thread:
        loop = runner.get_loop()
        manager = AsyncSessionManager(kept.ours)
        yield from bench.compare(
            f"{kept.messages:,} held",
            TimedAwaits(runner, lambda: manager.add_message(kept.id, said())),
            TimedAwaits(runner, lambda: loop.run_in_executor(thread, floor.append, kept.id, *ROW)),
        )
        runner.run(manager.close())
    floor.close()


def append_pg(bench: Bench) -> Iterator[Outcome]:
    """Append, one caller, PostgreSQL."""
    kept = bench.postgres_conversation(bench.size(10_000))
    floor = floor_postgres.Floor(kept.floor)
    with SessionManager(kept.ours) as manager:
        yield from bench.compare(
            f"{kept.messages:,} held",
            Timed(lambda: manager.add_message(kept.id, said())),
            Timed(lambda: floor.append(kept.id, *ROW)),
            at_most(1.2),
        )
    floor.close()


def append_pg_async(bench: Bench) -> Iterator[Outcome]:
    """Append, one task on asyncio, PostgreSQL."""
    kept = bench.postgres_conversation(bench.size(10_000))
    with asyncio.Runner() as runner:
        floor = runner.run(floor_postgres.AsyncFloor.open(kept.floor))
        manager = AsyncSessionManager(kept.ours)
        yield from bench.compare(
            f"{kept.messages:,} held",
            TimedAwaits(runner, lambda: manager.add_message(kept.id, said())),
            TimedAwaits(runner, lambda: floor.append(kept.id, *ROW)),
            at_most(1.2),
        )
        runner.run(manager.close())
        runner.run(floor.close())
