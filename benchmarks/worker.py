"""A process that does a job of a workload: `python -m benchmarks.worker JOB DATABASE SESSION …`.

It talks in lines of JSON. Where it is to append, it says "ready", reads when to begin and for how many seconds, says
how long each of its threads or tasks waited for each of its appends; and again, until its standard input ends.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeAlias

from benchmarks import floor_postgres, floor_sqlite, given
from benchmarks.asking import Asker
from ithaca import AsyncSessionManager, ChatMessage, SessionManager

Append: TypeAlias = Callable[[], object]
AppendAwaited: TypeAlias = Callable[[], Awaitable[object]]

_ROW = given.row(0)


def threads_of_ours(database: str, *sessions: str) -> None:
    """A thread for each session, all on one manager."""
    with SessionManager(database) as manager:
        _in_threads([partial(_add, manager, id) for id in sessions])


def threads_of_floor(database: str, *sessions: str) -> None:
    """A thread for each session, each with a connection of its own."""
    connections = [floor_sqlite.Floor(database) for _ in sessions]
    _in_threads([partial(floor.append, id, *_ROW) for floor, id in zip(connections, sessions, strict=True)])


def _add(manager: SessionManager, session_id: str) -> object:
    return manager.add_message(session_id, ChatMessage(*_ROW))


def tasks_of_ours(database: str, *sessions: str) -> None:
    """A task for each session, all on one manager."""

    async def work() -> None:
        async with AsyncSessionManager(database) as manager:
            await _in_tasks([partial(_add_awaited, manager, id) for id in sessions])

    asyncio.run(work())


def _add_awaited(manager: AsyncSessionManager, session_id: str) -> Awaitable[object]:
    return manager.add_message(session_id, ChatMessage(*_ROW))


def tasks_of_floor(database: str, *sessions: str) -> None:
    """A task for each session, each with a connection of its own; on PostgreSQL."""

    async def work() -> None:
        connections = [await floor_postgres.AsyncFloor.open(database) for _ in sessions]
        await _in_tasks([partial(floor.append, id, *_ROW) for floor, id in zip(connections, sessions, strict=True)])
        for floor in connections:
            await floor.close()

    asyncio.run(work())


def asks(address: str, token: str, route: str, *sessions: str) -> None:
    """A connection for each session, each with a request to a server."""

    async def work() -> None:
        askers = [await Asker.open(address, token, route, id) for id in sessions]
        await _in_tasks([asker.ask for asker in askers])
        for asker in askers:
            asker.close()

    asyncio.run(work())


def last_of_ours(database: str, *sessions: str) -> None:
    """A task for each session, all on one manager, each reading the last 50."""
    _tasks_of_one_manager(database, [partial(_last, id) for id in sessions])


def _last(session_id: str, manager: AsyncSessionManager) -> Awaitable[object]:
    return manager.get_messages(session_id, limit=50)


def list_of_ours(database: str, *sessions: str) -> None:
    """A task for each session, all on one manager, each listing 50 sessions."""
    _tasks_of_one_manager(database, [lambda manager: manager.list_sessions(limit=50) for _ in sessions])


def _tasks_of_one_manager(database: str, calls: Sequence[Callable[[AsyncSessionManager], Awaitable[object]]]) -> None:
    async def work() -> None:
        async with AsyncSessionManager(database) as manager:
            owned = manager.for_owner("telemachus")
            await _in_tasks([partial(call, owned) for call in calls])

    asyncio.run(work())


def cold_ours(database: str, session: str) -> None:
    """Opens the database and reads the last 50; everything is imported by then."""
    with SessionManager("sqlite:///:memory:"):
        started = time.perf_counter()
        with SessionManager(database) as manager:
            manager.get_messages(session, limit=50)
            _say(time.perf_counter() - started)


def cold_floor(database: str, session: str) -> None:
    """The same with the bare driver."""
    started = time.perf_counter()
    db = floor_sqlite.connect(database)
    db.execute(floor_sqlite.LAST, (session, 50)).fetchall().reverse()
    _say(time.perf_counter() - started)


def stream_ours(database: str, session: str) -> None:
    """Bytes that streaming a session takes at its peak, beyond what an open manager takes that has read."""
    with SessionManager(database) as manager:
        manager.get_messages(session, limit=50)
        _say(_peak_of(manager.iter_messages(session)))


def stream_floor(database: str, session: str) -> None:
    """The same with a cursor of the bare driver."""
    db = floor_sqlite.connect(database)
    db.execute(floor_sqlite.LAST, (session, 50)).fetchall()
    _say(_peak_of(db.execute(floor_sqlite.ALL, (session,))))


def _peak_of(stream: Iterable[object]) -> int:
    """Bytes by which this process grows at most while it goes through a stream."""
    gc.collect()
    CLEAR_PEAK.write_text("5", encoding="ascii")
    idle = _memory("VmRSS")
    for _ in stream:
        pass
    return _memory("VmHWM") - idle


#: Written to, it makes the present memory the peak (man 5 proc_pid_clear_refs).
CLEAR_PEAK = Path("/proc/self/clear_refs")


def _memory(which: str) -> int:
    """Bytes of memory that the process has now, or had at its peak."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(which)


def _in_threads(appends: Sequence[Append]) -> None:
    with ThreadPoolExecutor(len(appends)) as threads:
        for begin, seconds in _orders():
            work = partial(_append_until, begin=begin, end=begin + seconds)
            _say(list(threads.map(work, appends)))


def _append_until(append: Append, begin: float, end: float) -> list[float]:
    time.sleep(max(0.0, begin - time.monotonic()))
    waits = []
    started = time.monotonic()
    while started < end:
        append()
        ended = time.monotonic()
        waits.append(ended - started)
        started = ended
    return waits


async def _in_tasks(appends: Sequence[AppendAwaited]) -> None:
    for begin, seconds in _orders():
        _say(await asyncio.gather(*(_append_awaited_until(append, begin, begin + seconds) for append in appends)))


async def _append_awaited_until(append: AppendAwaited, begin: float, end: float) -> list[float]:
    await asyncio.sleep(max(0.0, begin - time.monotonic()))
    waits = []
    started = time.monotonic()
    while started < end:
        await append()
        ended = time.monotonic()
        waits.append(ended - started)
        started = ended
    return waits


def _orders() -> Iterator[tuple[float, float]]:
    """When to begin, by the clock that all processes share, and for how many seconds."""
    _say("ready")
    for line in sys.stdin:
        begin, seconds = json.loads(line)
        yield begin, seconds


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


_JOBS: dict[str, Callable[..., None]] = {
    "threads_of_ours": threads_of_ours,
    "threads_of_floor": threads_of_floor,
    "tasks_of_ours": tasks_of_ours,
    "tasks_of_floor": tasks_of_floor,
    "asks": asks,
    "last_of_ours": last_of_ours,
    "list_of_ours": list_of_ours,
    "cold_ours": cold_ours,
    "cold_floor": cold_floor,
    "stream_ours": stream_ours,
    "stream_floor": stream_floor,
}

if __name__ == "__main__":
    _JOBS[sys.argv[1]](*sys.argv[2:])
