"""Other processes for the tests, and how many rounds a test makes."""

import os
import signal
from contextlib import suppress
from importlib import import_module

from tests.support.forks import ended, fork, kill_after


def soaking() -> bool:
    """Whether this is `make soak`: the same tests, for much longer and at random."""
    return bool(os.environ.get("SOAK"))


def rounds(usual: int) -> int:
    """How often a test that looks for rare accidents repeats itself."""
    return usual * 20 if soaking() else usual


class Worker:
    """A process of its own that runs a function of a module, and what it prints."""

    def __init__(self, function: str, *arguments: object, module: str = "tests.processes.work") -> None:
        (stdin, to_it), (from_it, stdout), (complaints, stderr) = (os.pipe() for _ in range(3))
        work = getattr(import_module(module), function)
        self._process = fork(work, *map(str, arguments), streams=(stdin, stdout, stderr))
        self._stdin, self._stdout, self._stderr = os.fdopen(to_it, "w"), os.fdopen(from_it), os.fdopen(complaints)

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
        kill_after(self._process, seconds)
        lines, complaints, status = self._end()
        assert status in (0, -signal.SIGKILL), (status, complaints)
        return lines

    def _end(self) -> tuple[list[str], str, int | None]:
        with suppress(BrokenPipeError):
            self._stdin.close()
        with self._stdout, self._stderr:
            printed, complaints = self._stdout.read(), self._stderr.read()
        return printed.splitlines(), complaints, ended(self._process)


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
