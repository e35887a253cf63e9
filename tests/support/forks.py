"""Processes that are forked from one that has everything imported: to start Python takes a third of a second each time.

What is forked has no connection, no file and no thread of anybody else's: nothing but modules.
"""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import reduction
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "ithaca.cli.app",
        "ithaca.cli.tables",
        "ithaca.cli.transcript",
        "ithaca.storage.postgres_async",
        "ithaca.storage.sqlite_async",
        "tests.cli.running",
        "tests.processes.main_job",
        "tests.processes.operations",
        "tests.storage.work",
    ]
)


# To start a process, multiprocessing asks all the others whether they have ended. The answer can be read only once.
_asking = threading.Lock()


class _Descriptor:
    """An open file, on its way to another process."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Callable[..., int], tuple[Any, ...]]:
        return _arrived, (reduction.DupFd(self._number),)


def _arrived(descriptor: Any) -> int:
    return int(descriptor.detach())


def fork(
    function: Callable[..., object],
    *arguments: object,
    streams: Sequence[int],
    environment: Mapping[str, str] | None = None,
) -> BaseProcess:
    """A process that calls a function; `streams` are its standard ones, and are closed here."""
    variables = dict(os.environ if environment is None else environment)
    work = (function, arguments, variables, [_Descriptor(stream) for stream in streams])
    process = _context.Process(target=_run, args=work, daemon=True)
    with _asking:
        process.start()
    for stream in set(streams):
        os.close(stream)
    return process


def kill_after(process: BaseProcess, seconds: float) -> None:
    """Kills a process unless it has ended by then."""
    wait([process.sentinel], seconds)
    process.kill()


def ended(process: BaseProcess) -> int | None:
    """The exit status of a process, once it has ended."""
    wait([process.sentinel])
    with _asking:
        process.join()
        status = process.exitcode
        process.close()
    return status


def _run(
    function: Callable[..., object], arguments: Sequence[object], variables: Mapping[str, str], streams: Sequence[int]
) -> None:
    """What happens in the new process."""
    for standard, stream in enumerate(streams):
        os.dup2(stream, standard)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    os.environ.clear()
    os.environ.update(variables)
    function(*arguments)
