"""Ways to run `ithaca`: in this process for speed, as a program of its own, and in a terminal."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ithaca import SessionManager
from ithaca.cli import main
from tests.support.forks import ended, fork

PROGRAM = str(Path(sys.executable).with_name("ithaca"))


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Ithaca:
    """Runs commands on a database, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, database: str) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.database = database

    def __call__(self, *arguments: str, stdin: bytes = b"", owner: str | None = None) -> Ran:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        self._capsys.readouterr()
        shared = ["--database", self.database, *([] if owner is None else ["--owner", owner])]
        # Before a `--`, after which there are no more options.
        end = arguments.index("--") if "--" in arguments else len(arguments)
        status = main([*arguments[:end], *shared, *arguments[end:]])
        return Ran(status, *self._capsys.readouterr())

    def json(self, *arguments: str, **options: Any) -> Any:
        """What a command that succeeds prints as JSON."""
        ran = self(*arguments, "--json", **options)
        assert (ran.status, ran.err) == (0, "")
        return ran.json

    def manager(self) -> SessionManager:
        return SessionManager(self.database)


def run(*arguments: str, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Ran:
    """The program in a process of its own, its output in pipes."""
    if any(name.startswith("PYTHON") for name in env or {}):  # is read when Python starts
        return _run_program(*arguments, env=env or {})
    (theirs, to_it), (out, stdout), (err, stderr) = (os.pipe() for _ in range(3))
    process = fork(_program, arguments, streams=(theirs, stdout, stderr), environment={**os.environ, **(env or {})})
    with os.fdopen(to_it, "wb") as given:
        given.write(stdin)
    with os.fdopen(out, encoding="utf-8") as printed, os.fdopen(err, encoding="utf-8") as complaints:
        seen = printed.read(), complaints.read()
    return Ran(ended(process) or 0, *seen)


def run_in_terminal(*arguments: str, columns: int = 80, env: Mapping[str, str] | None = None) -> Ran:
    """The program in a terminal, which gets both streams."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), **(env or {})}
    process = fork(_program, arguments, streams=(theirs, theirs, theirs), environment=environment)
    seen = _read_all(ours)
    os.close(ours)
    return Ran(ended(process) or 0, seen.decode().replace("\r\n", "\n"), "")


def _program(arguments: Sequence[str]) -> None:
    sys.exit(main(arguments))


def _run_program(*arguments: str, env: Mapping[str, str]) -> Ran:
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, env={**os.environ, **env}, check=False)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def _read_all(terminal: int) -> bytes:
    seen = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # on Linux, reading fails when nobody holds the other end any more
            more = b""
        if not more:
            return seen
        seen += more
