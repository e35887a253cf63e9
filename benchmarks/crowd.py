"""Other processes that append at the same time, and what they say of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.measuring import Reading, p99

_CHECKOUT = Path(__file__).parent.parent

#: Seconds between the order and the moment to begin, so that all have read it.
_HEAD_START = 0.05


class Worker:
    """A process that runs a job of `benchmarks.worker`."""

    def __init__(self, job: str, *arguments: str, preload: Path | None = None) -> None:
        environment = os.environ | ({"LD_PRELOAD": str(preload)} if preload else {})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", job, *arguments],
            cwd=_CHECKOUT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, order: object) -> None:
        assert self._process.stdin is not None  # noqa: S101, it is a pipe
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """What it says next."""
        assert self._process.stdout is not None  # noqa: S101, it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended early: {self._process.args!r}")
        return json.loads(line)

    def close(self) -> None:
        self._process.communicate()


class Crowd:
    """A sampler: processes with one thread or task for each of their sessions, which append for some seconds."""

    def __init__(
        self,
        job: str,
        database: str,
        sessions: Sequence[Sequence[str]],
        seconds: float,
        preload: Path | None = None,
        unit: str = "messages/s",
    ) -> None:
        self._seconds = seconds
        self._unit = unit
        self._workers = [Worker(job, database, *own, preload=preload) for own in sessions]
        for worker in self._workers:
            worker.hear()

    def __call__(self) -> Reading:
        """How many a second of all together, and how long the slowest hundredth and the slowest one waited."""
        begin = time.monotonic() + _HEAD_START
        for worker in self._workers:
            worker.tell([begin, self._seconds])
        of_each = list(chain.from_iterable(worker.hear() for worker in self._workers))
        waits = list(chain.from_iterable(of_each))
        return {
            self._unit: sum(len(own) / sum(own) for own in of_each),
            "p99": p99(waits),
            "worst": max(waits),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.close()


class Once:
    """A sampler: what a job that does one thing in a process of its own says of it."""

    def __init__(self, job: str, *arguments: str, quantity: str = "time") -> None:
        self._call = (job, *arguments)
        self._quantity = quantity

    def __call__(self) -> Reading:
        worker = Worker(*self._call)
        said = worker.hear()
        worker.close()
        return {self._quantity: said}
