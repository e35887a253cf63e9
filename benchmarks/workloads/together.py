"""Many who append at the same time: threads, tasks, processes."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import floor_postgres
from benchmarks.bench import Bench
from benchmarks.crowd import Crowd
from benchmarks.floor_sqlite import Floor
from benchmarks.measuring import Outcome, Target, at_least, at_most
from ithaca import SessionManager

_SHIM = Path(__file__).parent.parent / "slow_flush.c"
_SECONDS = 2.0


def append_threads(bench: Bench) -> Iterator[Outcome]:
    """Append, 16 threads with a session each, SQLite; the floor has a connection for each thread."""
    targets = {"messages/s": at_least(2.5), "p99": at_most(0.2)}
    yield from _on_sqlite(bench, "16 threads", "threads_of_ours", [own_sessions(16)], targets)


def append_tasks(bench: Bench) -> Iterator[Outcome]:
    """Append, 16 tasks on asyncio with a session each, SQLite; the floor has 16 threads with a connection each."""
    targets = {"messages/s": at_least(2.5), "p99": at_most(0.2)}
    yield from _on_sqlite(bench, "16 tasks", "tasks_of_ours", [own_sessions(16)], targets)


def append_threads_slow_disk(bench: Bench) -> Iterator[Outcome]:
    """Append, 16 and 64 threads, SQLite, on a disk that takes 2 ms longer to flush; the floor flushes for each."""
    for count, target in ((16, at_least(6)), (64, at_least(14))):
        case = f"{count} threads"
        try:
            shim = _compiled(bench.folder)
        except (OSError, subprocess.CalledProcessError) as error:
            yield bench.skipped(case, f"no C compiler made the slower flush ({error})")
            continue
        sessions = [own_sessions(count)]
        yield from _on_sqlite(bench, case, "threads_of_ours", sessions, {"messages/s": target}, shim)


def append_processes(bench: Bench) -> Iterator[Outcome]:
    """Append, 4 processes, SQLite: with a session each, and all to one session."""
    targets = {"messages/s": at_least(1.0), "p99": at_most(0.5), "worst": at_most(0.333)}
    own = [[id] for id in own_sessions(4)]
    yield from _on_sqlite(bench, "4 processes, own sessions", "threads_of_ours", own, targets)
    yield from _on_sqlite(bench, "4 processes, one session", "threads_of_ours", [["shared"]] * 4, targets)


def append_tasks_pg(bench: Bench) -> Iterator[Outcome]:
    """Append, 16 tasks on asyncio with a session each, PostgreSQL; the floor has a connection for each task."""
    kept = bench.postgres_conversation(0)
    sessions = own_sessions(16)
    with SessionManager(kept.ours) as manager:
        floor = floor_postgres.Floor(kept.floor)
        for id in sessions:
            manager.create_session(id)
            floor.create(id)
        floor.close()
    with (
        Crowd("tasks_of_ours", kept.ours, [sessions], _seconds(bench)) as ours,
        Crowd("tasks_of_floor", kept.floor, [sessions], _seconds(bench)) as floor_crowd,
    ):
        yield from bench.compare("16 tasks", ours, floor_crowd, {"messages/s": at_least(0.9)}, few=True)


def own_sessions(count: int) -> list[str]:
    return [f"session-{number}" for number in range(count)]


def _on_sqlite(
    bench: Bench,
    case: str,
    job: str,
    sessions: Sequence[Sequence[str]],
    targets: dict[str, Target],
    preload: Path | None = None,
) -> Iterator[Outcome]:
    """The sessions of each process, in a new database, appended to by ours and by threads of the floor."""
    ours_path, floor_path = bench.path("ours"), bench.path("floor")
    floor = Floor(floor_path)
    with SessionManager(ours_path) as manager:
        for id in {id for own in sessions for id in own}:
            manager.create_session(id)
            floor.create(id)
    floor.close()
    with (
        Crowd(job, ours_path, sessions, _seconds(bench), preload) as ours_crowd,
        Crowd("threads_of_floor", floor_path, sessions, _seconds(bench), preload) as floor_crowd,
    ):
        yield from bench.compare(case, ours_crowd, floor_crowd, targets, few=True)
    bench.remove(ours_path)
    bench.remove(floor_path)


def _seconds(bench: Bench) -> float:
    """How long a sample takes."""
    return 0.2 if bench.quick else _SECONDS


def _compiled(folder: Path) -> Path:
    """The library that makes a flush take 2 ms longer when it is preloaded."""
    library = folder / "slow_flush.so"
    compiler = shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError("there is no program cc")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, _SHIM, "-ldl"], check=True, capture_output=True)
    return library
