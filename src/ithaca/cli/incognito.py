"""`ithaca incognito`: commands line by line, in one process, whose memory is where incognito sessions live.

A line can change only the sessions that lines before it made. What is stored can be read, and nothing that is said here
gets into it.
"""

import inspect
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import typer

from ithaca.cli.arguments import is_there
from ithaca.cli.here import Here
from ithaca.errors import Described, InvalidArgument

if TYPE_CHECKING:
    from ithaca import Session, SessionManager

PROMPT = "incognito> "
#: Before the lines of a text in quotation marks that has several.
CONTINUED = "... "
IN_MEMORY = "sqlite:///:memory:"

#: How the names of calls that change nothing begin.
READING = (
    "context", "count_", "discover_", "get_", "info", "iter_", "latest_", "list_", "read_", "reply_events", "search",
    "test_", "trash", "usage", "verify", "wait_", "watch",
)  # fmt: skip


def incognito(here: Here) -> None:
    """Run commands on sessions that are never written to disk. They are given one a line, without the word ithaca.

    The sessions that are made here are gone at the end: exit, Ctrl-D, or the end of what is piped in. What is stored
    can be read, and not changed. In a pipe, the first line that fails ends it, with that line's exit status.
    """
    if here.incognito:
        here.fail("This is incognito already.")
    shell = Shell(here)
    if sys.stdin.isatty():
        for line in _lines(_typed):
            shell.run(line)
        return
    with _script() as read:
        for line in _lines(read):
            if status := shell.run(line):
                raise typer.Exit(status)


class Shell:
    """Runs lines of commands on one manager."""

    def __init__(self, here: Here) -> None:
        self._here = here
        # Where nothing is stored yet, nothing will be: not even an empty database.
        self._database = here.database if is_there(here.database) else IN_MEMORY
        self._manager = here.open_for_all(self._database)
        self._made: set[tuple[str, str]] = set()

    def run(self, line: str) -> int:
        """Runs a line; returns its exit status."""
        from ithaca.cli import USAGE, complain, run

        try:
            words = shlex.split(line)
        except ValueError as error:
            return complain(f"{error}.", USAGE)
        if words[:1] == ["help"]:
            words = [*words[1:], "--help"]
        return run(words, self._here_for)

    def _here_for(self, database: str | None, owner: str | None, json: bool) -> Here:
        if database is not None:
            raise typer.BadParameter("it is given once, to `ithaca incognito`.", param_hint="--database")
        return Line(self._database, owner, json or self._here.json, OffTheRecord(self._for(owner), self._made))

    def _for(self, owner: str | None) -> "SessionManager":
        owner = self._here.owner if owner is None else owner
        return self._manager if owner is None else self._manager.for_owner(owner)


class Line(Here):
    """Where a line of the shell runs."""

    incognito = True

    def __init__(self, database: str | None, owner: str | None, json: bool, manager: "OffTheRecord") -> None:
        super().__init__(database, owner, json)
        self.manager = cast("SessionManager", manager)  # the shell closes it


class OffTheRecord:
    """A manager's calls, those that would change what is stored refused."""

    def __init__(self, manager: "SessionManager", made: set[tuple[str, str]]) -> None:
        self._manager = manager
        #: Owners and ids of the sessions that were made here.
        self._made = made

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._manager, name)
        return call if name.startswith(READING) else self._guarded(call)

    def create_session(self, *arguments: Any, **options: Any) -> "Session":
        return self._learn(self._manager.create_session(*arguments, **{**options, "incognito": True}))

    def fork_session(self, session_id: str, **options: Any) -> "Session":
        self._refuse_stored(session_id)
        return self._learn(self._manager.fork_session(session_id, **options))

    def _learn(self, session: "Session") -> "Session":
        self._made.add((session.owner, session.id))
        return session

    def _guarded(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(first: Any = None, *arguments: Any, **options: Any) -> Any:
            match next(iter(inspect.signature(call).parameters), None):
                case "session_id":
                    self._refuse_stored(first)
                case "session_ids":
                    for session_id in first:
                        self._refuse_stored(session_id)
                case "reply_id":
                    self._refuse_stored(self._manager.get_reply(first).session_id)
                case _:
                    name = Described(call.__name__)
                    raise InvalidArgument("In incognito, a command", name, "one that changes nothing that is stored")
            return call(first, *arguments, **options)

        return guarded

    def _refuse_stored(self, session_id: str) -> None:
        owner = self._manager.owner
        if session_id not in {id for its_owner, id in self._made if owner in (None, its_owner)}:
            self._manager.get_session(session_id, last=0)  # raises if it isn't there
            raise InvalidArgument("In incognito, a session to change", session_id, "one that was made here")


def _lines(read: Callable[[], str]) -> Iterator[str]:
    """What is read that says something, until `exit` or `EOFError`."""
    while True:
        try:
            line = read()
        except EOFError:
            return
        if line.strip() in ("exit", "quit"):
            return
        if line.strip() and not line.lstrip().startswith("#"):
            yield line


def _typed() -> str:
    """A line that a person typed; Ctrl-C abandons one, Ctrl-D ends them."""
    import readline  # noqa: F401, lets `input` edit lines, and remember them until the process ends

    while True:
        try:
            return _whole(input)
        except KeyboardInterrupt:
            sys.stdout.write("\n")
        except EOFError:
            sys.stdout.write("\n")
            raise


@contextmanager
def _script() -> Iterator[Callable[[], str]]:
    """Lines from standard input, which is empty for the commands meanwhile: none takes the next line for a text."""
    given = sys.stdin
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        sys.stdin = nothing
        try:
            yield lambda: _whole(lambda _: _next_line(given.buffer))
        finally:
            sys.stdin = given


def _next_line(script: BinaryIO) -> str:
    line = script.readline()
    if not line:
        raise EOFError
    return os.fsdecode(line.removesuffix(b"\n"))  # as the arguments of a command are decoded


def _whole(read: Callable[[str], str]) -> str:
    """What is read for a prompt, and on as long as a quotation mark is open."""
    line = read(PROMPT)
    while _is_open(line):
        try:
            line += "\n" + read(CONTINUED)
        except EOFError:
            break
    return line


def _is_open(line: str) -> bool:
    if line.lstrip().startswith("#"):
        return False
    try:
        shlex.split(line)
    except ValueError as error:
        return "quotation" in str(error)
    return False
