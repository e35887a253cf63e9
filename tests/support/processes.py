"""Other processes for the tests, and how many rounds a test makes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).parent.parent.parent


def soaking() -> bool:
    """Whether this is `make soak`: the same tests, for much longer and at random."""
    return bool(os.environ.get("SOAK"))


def rounds(usual: int) -> int:
    """How often a test that looks for rare accidents repeats itself."""
    return usual * 20 if soaking() else usual


class Worker:
    """A Python process that runs a function of a module, and what it prints."""

    def __init__(self, function: str, *arguments: object, module: str = "tests.processes.work") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, function, *map(str, arguments)],
            cwd=_CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        """Returns when it has imported everything and waits to be told to begin."""
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        assert first == "ready\n", first + self._end()[1]

    def begin(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("begin\n")
        self._process.stdin.flush()

    def result(self) -> list[str]:
        """The lines that it prints until it ends by itself; its standard input is closed."""
        lines, complaints = self._end()
        assert self._process.returncode == 0, complaints
        return lines

    def kill_after(self, seconds: float) -> list[str]:
        """Kills it, wherever it is then, unless it has ended; gives the lines that it had printed."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
        lines, complaints = self._end()
        assert self._process.returncode in (0, -signal.SIGKILL), complaints
        return lines

    def _end(self) -> tuple[list[str], str]:
        with self._process:
            printed, complaints = self._process.communicate()
        return printed.splitlines(), complaints


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
