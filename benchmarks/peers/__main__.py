"""Measures Ithaca beside other stores of conversations: `python -m benchmarks.peers [NAME …]`."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console

from benchmarks import floor_postgres, floor_sqlite, machine
from benchmarks.measuring import summary
from benchmarks.peers import report
from benchmarks.peers.catalogue import PEERS, Database, Peer, chosen
from benchmarks.peers.environments import EnvironmentFailed, interpreter
from benchmarks.peers.running import ProgramFailed, results
from benchmarks.peers.workloads import CHARACTERS, Plan
from tests.support.postgres import Server, ServerMissing, running_server

ENVIRONMENTS = Path("build/peers")
#: Seconds of silence, beyond those that a measurement may take, after which a store is given up.
_PATIENCE = 60
#: For each of the stores the same; its database is filled in.
_FULL = Plan("", [0, 1_000, 10_000], 500, 500, 25, 1_000, 100, 8, 250, seconds=20, filling_seconds=300)
_QUICK = Plan("", [0, 100, 1_000], 50, 50, 5, 100, 10, 8, 20, seconds=5, filling_seconds=60)


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    out = asked.out or Path("build/bench", "peers-quick.json" if asked.quick else "peers.json")
    try:
        peers = chosen(asked.names)
    except KeyError as unknown:
        _parser().error(f"there is no store {unknown}; there are {', '.join(peer.name for peer in PEERS)}")
    if asked.names or not asked.report:
        _measure(peers, out, quick=asked.quick)
    if asked.report:
        report.insert(asked.report, report.markdown(report.read(out)))
    return 0


def _measure(peers: list[Peer], out: Path, *, quick: bool) -> None:
    """Measure one store after the other; each is kept as soon as it is there."""
    with _databases() as databases:
        for peer in peers:
            report.write(out, {peer.name: measured(peer, databases, quick=quick)})
    records = {name: record for name, record in report.read(out).items() if name in {peer.name for peer in peers}}
    console = Console(width=max(160, Console().width))
    for database in dict.fromkeys(peer.database for peer in peers):
        console.print(report.table(database, records))
    for record in records.values():
        console.print(f"• {report.about_store(record)}", markup=False)
    _say(f"\nwritten: {out}")


class Databases:
    """New databases, on the disk that is measured."""

    def __init__(self, folder: Path, exits: ExitStack) -> None:
        self.folder = folder
        self._exits = exits
        self._numbers = count(1)

    def new(self, database: Database) -> str:
        """The URL of an empty one. Raises ServerMissing."""
        if database == "sqlite":
            return f"sqlite:///{self.folder}/{next(self._numbers)}.db"
        return self._server.create_database()

    @property
    def postgres_version(self) -> str | None:
        return self._server.major if "_server" in self.__dict__ else None

    @cached_property
    def _server(self) -> Server:
        return self._exits.enter_context(running_server("newest", durable_in=self.folder))


@contextmanager
def _databases() -> Iterator[Databases]:
    parent = Path("build/bench")
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="peers-", dir=parent, ignore_cleanup_errors=True) as folder:
        path = Path(folder).resolve()
        path.chmod(0o755)  # a PostgreSQL server's account passes through it
        with ExitStack() as exits:
            yield Databases(path, exits)


def measured(peer: Peer, databases: Databases, *, quick: bool) -> dict[str, Any]:
    """All that is found out about a store; what keeps it from being measured is told in words under "failed"."""
    plan = _QUICK if quick else _FULL
    record: dict[str, Any] = {
        "label": peer.label,
        "database": peer.database,
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "quick": quick,
        "sizes": plan.sizes,
        "floor_us": [],  # before and after
        "results": [],
    }
    try:
        _fill_in(record, peer, plan, databases)
    except (EnvironmentFailed, ProgramFailed, ServerMissing) as reason:
        record["failed"] = str(reason)
        _say(f"{peer.name:<30}failed: {reason}")
    record["machine"] = machine.described(databases.folder, databases.postgres_version)
    return record


def _fill_in(record: dict[str, Any], peer: Peer, plan: Plan, databases: Databases) -> None:
    floor = databases.new(peer.database)
    plan = replace(plan, url=databases.new(peer.database))
    record["floor_us"].append(bare_append(peer.database, floor))
    for found in _found(peer, plan, databases.folder):
        if found.pop("kind") == "store":
            record |= found
        else:
            record["results"].append(found)
            _say(report.line(peer.name, found))
    record["floor_us"].append(bare_append(peer.database, floor))


def _found(peer: Peer, plan: Plan, home: Path) -> Iterator[dict[str, Any]]:
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    python = interpreter(peer.environment, ENVIRONMENTS.resolve())
    patience = plan.seconds + plan.filling_seconds + _PATIENCE
    return results(python, peer.module, plan, home, ENVIRONMENTS / f"{peer.name}.log", patience)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def bare_append(database: Database, url: str) -> float:
    """Microseconds of an append by the bare driver (see `floor_sqlite`): how quick the disk is at this moment."""
    if database == "sqlite":
        floor = floor_sqlite.Floor(url.removeprefix("sqlite:///"))
        return _median_us(floor, floor.db.close)
    bare = floor_postgres.Floor(url)
    return _median_us(bare, bare.close)


def _median_us(floor: floor_sqlite.Floor | floor_postgres.Floor, close: Callable[[], None]) -> float:
    session, text = f"session at {perf_counter()}", "x" * CHARACTERS
    floor.create(session)
    times: list[float] = []
    for _ in range(200):
        begun = perf_counter()
        floor.append(session, "user", text, {})
        times.append(perf_counter() - begun)
    close()
    return summary(times).median * 1e6


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a store, or several by the beginning of their names")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that everything works")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to keep the results as JSON")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="put the table into this page; without a NAME, what is kept already, measuring nothing",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
