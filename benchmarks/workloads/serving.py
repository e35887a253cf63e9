"""What HTTP costs: `ithaca serve` against a bare FastAPI route, and against the library."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import given
from benchmarks.bench import Bench
from benchmarks.crowd import Crowd
from benchmarks.measuring import Outcome
from ithaca import SessionManager

_OWNER = "telemachus"

#: Connections that ask at the same time, each of a session of its own.
_ASKING = 8

#: Messages of each session, and sessions, before anything is asked.
_MESSAGES, _SESSIONS = 1_000, 1_000

_SECONDS = 2.0


def http_append(bench: Bench) -> Iterator[Outcome]:
    """Append over HTTP, 8 connections with a session each, SQLite, with a key; the floor keeps nothing."""
    yield from _compare(bench, "append", "tasks_of_ours")


def http_last_50(bench: Bench) -> Iterator[Outcome]:
    """Read the last 50 messages over HTTP, 8 connections; the floor gives as many that it has at hand."""
    yield from _compare(bench, "last_50", "last_of_ours")


def http_list(bench: Bench) -> Iterator[Outcome]:
    """List 50 of an owner's sessions over HTTP, 8 connections; the floor gives as many that it has at hand."""
    yield from _compare(bench, "list", "list_of_ours")


def _compare(bench: Bench, route: str, job: str) -> Iterator[Outcome]:
    path, ids = bench.path("served"), [f"session-{number}" for number in range(_ASKING)]
    token = _fill(path, ids, bench.size(_MESSAGES), bench.size(_SESSIONS))
    seconds = 0.2 if bench.quick else _SECONDS
    command = [str(Path(sys.executable).with_name("ithaca")), "serve", "--database", path, "--port", "0", "--json"]
    with (
        _running(*command) as ours,
        _running(sys.executable, "-m", "benchmarks.bare_route") as bare,
        Crowd("asks", ours, [[token, route, *ids]], seconds, unit="requests/s") as asking_ours,
        Crowd("asks", bare, [[token, route, *ids]], seconds, unit="requests/s") as asking_bare,
    ):
        yield from bench.compare("over a bare route", asking_ours, asking_bare, few=True)
        with Crowd(job, path, [ids], seconds, unit="requests/s") as library:
            yield from bench.compare("over the library", asking_ours, library, few=True)
    bench.remove(path)


def _fill(path: str, ids: Sequence[str], messages: int, sessions: int) -> str:
    """Gives a database sessions to be asked for, and others; the key of their owner."""
    with SessionManager(path) as opened:
        manager = opened.for_owner(_OWNER)
        for number in range(sessions):
            manager.create_session(name=f"session {number}", model="qwen3")
        for id in ids:
            manager.create_session(id, name=id, model="qwen3")
            manager.add_messages(id, map(given.message, range(messages)))
        manager.search("settled")  # otherwise what was stored is indexed while others are measured
        return manager.create_key("benchmark").token


@contextmanager
def _running(*command: str) -> Iterator[str]:
    """The address of a server that tells it in JSON, and is ended afterwards."""
    checkout = Path(__file__).parents[2]
    told, log = subprocess.PIPE, subprocess.DEVNULL  # each request has a line in the log, as it has by default
    process = subprocess.Popen(command, stdout=told, stderr=log, text=True, cwd=checkout)
    with process:
        assert process.stdout is not None  # noqa: S101, it is a pipe
        try:
            yield str(json.loads(process.stdout.readline())["address"])
        finally:
            process.terminate()
