"""A program in a terminal, with somebody who types and looks."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tests.cli.running import PROGRAM

#: Sequences that steer a terminal: colours, movements of the cursor, titles.
STEERING = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07|\x1b[()=>][0-9A-B]?")


class Terminal:
    """A running `ithaca`; what it has written is `seen`."""

    def __init__(self, arguments: tuple[str, ...], env: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        known = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", "COLUMNS": "80", "LINES": "24"}
        self.process = subprocess.Popen(
            [PROGRAM, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**os.environ, **known, **env}, preexec_fn=_take_terminal,
        )  # fmt: skip
        os.close(theirs)
        self._raw = b""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def seen(self) -> str:
        """What was written, without what only steers the terminal."""
        return STEERING.sub("", self.raw).replace("\r\n", "\n")

    @property
    def raw(self) -> str:
        """All that was written."""
        return self._raw.decode(errors="replace")

    def type(self, text: str) -> None:
        """Types something; `\\r` is Enter, `\\x03` Ctrl-C, `\\x04` Ctrl-D."""
        os.write(self._ours, text.encode())

    def enter(self, line: str) -> None:
        """Types a line, when it is asked for one: what is typed before may be lost."""
        self.ready()
        self.type(f"{line}\r")

    def ready(self) -> None:
        """Returns when a line is asked for."""
        self.wait_until(lambda: self.seen.rstrip(" \x08").endswith("›"), "the prompt")

    def leave(self) -> int:
        """Types Ctrl-D; the status with which the program has ended."""
        self.ready()
        self.type("\x04")
        return self.process.wait(20)

    def wait_for(self, text: str, count: int = 1, seconds: float = 20) -> str:
        """All that was seen, when a text was seen so often."""
        self.wait_until(lambda: self.seen.count(text) >= count, f"{text!r} {count} times", seconds)
        return self.seen

    def wait_until(self, is_so: Callable[[], bool], what: str, seconds: float = 20) -> None:
        """Returns when something is so."""
        until = time.monotonic() + seconds
        with self._changed:
            while not is_so():
                left = until - time.monotonic()
                assert left > 0, f"{what} did not come in {self.seen!r}"
                self._changed.wait(min(left, 0.5))

    def kill(self) -> None:
        """As a terminal that crashes, or a machine that loses its power, ends a program."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._reader.join(5)
        os.close(self._ours)

    def _read(self) -> None:
        while True:
            try:
                more = os.read(self._ours, 65536)
            except OSError:
                more = b""
            with self._changed:
                self._raw += more
                self._changed.notify_all()
            if not more:
                return


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def terminal(*arguments: str, **env: str) -> Iterator[Terminal]:
    """The program in a terminal, ended in the end."""
    running = Terminal(arguments, env)
    try:
        yield running
    finally:
        running.close()
