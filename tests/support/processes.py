"""Other processes for the tests, and how many rounds a test makes."""

import multiprocessing
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from typing import IO, Any


def soaking() -> bool:
    """Whether this is `make soak`: the same tests, for much longer and at random."""
    return bool(os.environ.get("SOAK"))


def rounds(usual: int) -> int:
    """How often a test that looks for rare accidents repeats itself."""
    return usual * 20 if soaking() else usual


# Forked from a process that has imported everything: to start Python anew takes a third of a second each time.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "ithaca.storage.postgres_async",
        "ithaca.storage.sqlite_async",
        "tests.processes.main_job",
        "tests.processes.operations",
        "tests.storage.work",
    ]
)


class Worker:
    """A process of its own that runs a function of a module, and what it prints."""

    def __init__(self, function: str, *arguments: object, module: str = "tests.processes.work") -> None:
        stdin, to_it = _forks.Pipe(duplex=False)
        from_it, stdout = _forks.Pipe(duplex=False)
        complaints, stderr = _forks.Pipe(duplex=False)
        streams = (stdin, stdout, stderr)
        work = (module, function, [str(argument) for argument in arguments], dict(os.environ), streams)
        self._process = _forks.Process(target=_run, args=work, daemon=True)
        self._process.start()
        for stream in streams:
            stream.close()
        self._stdin, self._stdout, self._stderr = _file(to_it, "w"), _file(from_it, "r"), _file(complaints, "r")

    def wait_until_ready(self) -> None:
        """Returns when it waits to be told to begin."""
        first = self._stdout.readline()
        assert first == "ready\n", first + self._end()[1]

    def begin(self) -> None:
        self._stdin.write("begin\n")
        self._stdin.flush()

    def result(self) -> list[str]:
        """The lines that it prints until it ends by itself; its standard input is closed."""
        lines, complaints, status = self._end()
        assert status == 0, complaints
        return lines

    def kill_after(self, seconds: float) -> list[str]:
        """Kills it, wherever it is then, unless it has ended; gives the lines that it had printed."""
        self._process.join(seconds)
        self._process.kill()
        lines, complaints, status = self._end()
        assert status in (0, -signal.SIGKILL), complaints
        return lines

    def _end(self) -> tuple[list[str], str, int | None]:
        with suppress(BrokenPipeError):
            self._stdin.close()
        with self._stdout, self._stderr:
            printed, complaints = self._stdout.read(), self._stderr.read()
        self._process.join()
        status = self._process.exitcode
        self._process.close()
        return printed.splitlines(), complaints, status


def _file(end: Connection, mode: str) -> IO[Any]:
    with end:
        return os.fdopen(os.dup(end.fileno()), mode)


def _run(
    module: str, function: str, arguments: list[str], environment: dict[str, str], streams: tuple[Connection, ...]
) -> None:
    """What is run in the new process."""
    for descriptor, stream in enumerate(streams):
        os.dup2(stream.fileno(), descriptor)
        stream.close()
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    os.environ.clear()
    os.environ.update(environment)
    getattr(import_module(module), function)(*arguments)


def run(worker: Worker) -> list[str]:
    """What a worker printed, when it has ended."""
    return run_together([worker])[0]


def run_together(workers: list[Worker]) -> list[list[str]]:
    """Lets workers begin at once; gives what each printed, when all have ended."""
    for worker in workers:
        worker.wait_until_ready()
    for worker in workers:
        worker.begin()
    return [worker.result() for worker in workers]
