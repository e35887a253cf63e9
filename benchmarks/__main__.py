"""Measures Ithaca against the floor: `python -m benchmarks [WORKLOAD …]`."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

import benchmarks
from benchmarks import machine, outcomes
from benchmarks.bench import Bench
from benchmarks.measuring import Outcome
from benchmarks.plots import draw
from benchmarks.workloads import WORKLOADS

BUILD = Path("build/bench")
FIGURES = Path("docs/assets/performance")


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    if asked.list:
        return _list()
    if unknown := set(asked.workloads) - WORKLOADS.keys():
        _parser().error(f"there is no workload {', '.join(sorted(unknown))}; --list shows them")
    found: list[Outcome] = []
    with _folder(asked.directory) as folder, closing(Bench(folder, quick=asked.quick, most=asked.most)) as bench:
        try:
            found.extend(_measure(bench, asked.workloads or list(WORKLOADS)))
        finally:  # what was measured before an error or Ctrl-C is kept
            facts = machine.described(folder, bench.postgres_version)
            _keep(found, facts | ({"sizes": "a hundredth, to try it out"} if asked.quick else {}), asked.out)
    _draw(found, asked.out if asked.quick else FIGURES)
    return 0


def _keep(found: list[Outcome], facts: dict[str, str], folder: Path) -> None:
    """Writes and shows what was found."""
    written = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    outcomes.write(written, facts, found)
    Console(width=max(120, Console().width)).print(outcomes.table(found))
    sys.stdout.write(f"\nwritten: {written}\n")


def _draw(found: list[Outcome], folder: Path) -> None:
    try:
        drawn = draw(found, folder)
    except ImportError:
        sys.stdout.write("no plots: matplotlib is not installed here (`make bench` has it)\n")
    else:
        sys.stdout.writelines(f"drawn: {path}\n" for path in drawn)


def _measure(bench: Bench, names: list[str]) -> Iterator[Outcome]:
    for name in names:
        for outcome in bench.run(WORKLOADS[name]):
            sys.stdout.write(f"{outcomes.line(outcome)}\n")
            sys.stdout.flush()
            yield outcome


def _list() -> int:
    for name, measure in WORKLOADS.items():
        sys.stdout.write(f"{name:<26}{(measure.__doc__ or '').splitlines()[0]}\n")
    return 0


@contextmanager
def _folder(parent: Path) -> Iterator[Path]:
    """A folder for the databases, on the disk that is to be measured; removed afterwards."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="databases-", dir=parent)).resolve()
    folder.chmod(0o755)  # a PostgreSQL server's account passes through it
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="all, if none is named")
    parser.add_argument("--list", action="store_true", help="show the workloads")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the sizes and few pairs: to try it out")
    parser.add_argument("--most", type=int, metavar="N", help="leave out cases with more than N stored")
    parser.add_argument("--directory", type=Path, default=BUILD, metavar="DIR", help=f"for databases ({BUILD})")
    parser.add_argument("--out", type=Path, default=BUILD, metavar="DIR", help=f"for results ({BUILD})")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
