"""What it takes to begin, and what a long stream takes: imports, the command line, memory."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.crowd import Once
from benchmarks.measuring import Outcome, Timed, at_most
from benchmarks.worker import CLEAR_PEAK


def stream_1m(bench: Bench) -> Iterator[Outcome]:
    """The memory that streaming a million messages takes at its peak, over that of a manager that has read a page."""
    if not CLEAR_PEAK.exists():
        yield bench.skipped("", f"there is no {CLEAR_PEAK} here, by which Linux measures a peak")
        return
    for held in bench.sizes(1_000_000):
        kept = bench.conversation(held)
        yield from bench.compare(
            f"{held:,} messages",
            Once("stream_ours", kept.ours, kept.id, quantity="memory"),
            Once("stream_floor", kept.floor, kept.id, quantity="memory"),
            at_most(30e6, "value"),
            few=True,
        )


def imports(bench: Bench) -> Iterator[Outcome]:
    """A process that imports Ithaca, over one that imports APSW; and one that shows the help, over an empty one."""
    apsw = _python("import apsw")
    yield from bench.compare("import ithaca", _python("import ithaca"), apsw, at_most(0.040, "difference"))
    names = _python("from ithaca import ChatMessage, SessionManager")
    yield from bench.compare("from ithaca import SessionManager", names, apsw, at_most(0.040, "difference"))
    opened = _python("from ithaca import SessionManager; SessionManager(':memory:').close()")
    yield from bench.compare("…, and open a database", opened, apsw, at_most(0.040, "difference"))
    help = _process(str(Path(sys.executable).with_name("ithaca")), "--help")
    yield from bench.compare("ithaca --help", help, _python("pass"), at_most(0.150, "value"))


def _python(code: str) -> Timed:
    return _process(sys.executable, "-c", code)


def _process(*command: str) -> Timed:
    # The first run leaves the compiled modules for the others, as an installation has them.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return Timed(lambda: subprocess.run(command, check=True, capture_output=True, env=environment), times=1)
