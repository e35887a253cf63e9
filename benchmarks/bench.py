"""What a workload works with: the comparison, the sizes, and the databases, each made once and shared."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Generic, Protocol, Self, TypeAlias, TypeVar

import psycopg

from benchmarks import floor_lists, floor_postgres, floor_sqlite, given, owners
from benchmarks.measuring import Outcome, Reading, Result, Sampler, Skipped, Target, Timed, figure_of, in_turn, summary
from ithaca import SessionManager
from tests.support.postgres import Server, ServerMissing, running_server

#: Pairs of samples where a sample takes some tens of milliseconds, and where it takes seconds.
PAIRS, FEW_PAIRS = 25, 5
#: With `--quick`, sizes are divided by so much.
QUICKER = 100

#: Seconds of calls before the first sample: the write-ahead log is reused by then.
WARM_UP = 0.4
#: Seconds that a sample takes at least, so that neither the clock nor one slow flush decides it.
LEAST, LEAST_QUICK = 0.05, 0.005

#: What measures; its docstring says what.
Workload: TypeAlias = "Callable[[Bench], Iterator[Outcome]]"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One session with so many messages, kept by Ithaca and by the floor: paths on SQLite, URLs on PostgreSQL."""

    ours: str
    floor: str
    messages: int
    id: str = "the-long-conversation"


@dataclass(frozen=True, slots=True)
class Owned:
    """Many sessions of many owners, kept by Ithaca and by the floor, on SQLite."""

    ours: str
    floor: str
    sessions: int


class Bench:
    """One run."""

    def __init__(self, folder: Path, *, quick: bool = False, most: int | None = None) -> None:
        self.folder = folder
        self.quick = quick
        #: Cases with more stored than this are left out.
        self._most = most
        self._workload = ""
        self._numbers = itertools.count(1)
        self._exits = ExitStack()
        self._conversations: dict[tuple[int, bool], Conversation] = {}
        self._owned: dict[int, Owned] = {}
        self._shared: dict[str, str] = {}

    def run(self, workload: Workload) -> Iterator[Outcome]:
        """The outcomes of a workload, each as soon as it is there."""
        self._workload = workload.__name__
        try:
            yield from workload(self)
        except ServerMissing as missing:
            yield self.skipped("", str(missing))

    def skipped(self, case: str, reason: str) -> Skipped:
        return Skipped(self._workload, case, reason)

    def close(self) -> None:
        self._exits.close()

    # Sizes

    def size(self, count: int) -> int:
        return max(1, count // QUICKER) if self.quick and count else count

    def sizes(self, *counts: int) -> list[int]:
        """Those of the sizes that are wanted."""
        return [self.size(count) for count in counts if self._most is None or count <= self._most]

    # Comparing

    def compare(
        self,
        case: str,
        ours: Sampler,
        floor: Sampler,
        target: Target | Mapping[str, Target] | None = None,
        *,
        few: bool = False,
        stored: int | None = None,
    ) -> Iterator[Result]:
        """A result for each quantity that the samplers read. `few` pairs where a sample is long."""
        for sampler in (ours, floor):
            if isinstance(sampler, Timed):
                sampler.warm_up(0 if self.quick or few else WARM_UP, LEAST_QUICK if self.quick else LEAST)
            elif not self.quick:
                sampler()
        count = 2 if self.quick else FEW_PAIRS if few else PAIRS
        pairs = list(in_turn(ours, floor, count))
        for quantity in pairs[0][0]:
            wanted = target if isinstance(target, Target) else (target or {}).get(quantity)
            yield self._result(case, quantity, pairs, wanted, stored)

    def _result(
        self,
        case: str,
        quantity: str,
        pairs: Iterable[tuple[Reading, Reading]],
        target: Target | None,
        stored: int | None,
    ) -> Result:
        values = [(ours[quantity], floor[quantity]) for ours, floor in pairs]
        kind = "ratio" if target is None else target.kind
        figures = summary([figure_of(ours, floor, kind) for ours, floor in values])
        ours, floor = (summary(side).median for side in zip(*values, strict=True))
        spread = (figures.median, figures.low, figures.high)
        return Result(self._workload, case, quantity, ours, floor, *spread, len(values), target, stored)

    # Databases

    def path(self, name: str) -> str:
        """Where a new SQLite database may lie."""
        return str(self.folder / f"{name}-{next(self._numbers)}.db")

    def remove(self, path: str) -> None:
        """Removes a SQLite database's files."""
        for file in Path(path).parent.glob(f"{Path(path).name}*"):
            file.unlink()

    def conversation(self, messages: int) -> Conversation:
        """A session of so many messages on SQLite, shared by all that ask for it."""
        made = self._conversations.get((messages, False))
        if made is None:
            made = Conversation(self.path(f"ours-{messages}"), self.path(f"floor-{messages}"), messages)
            floor_sqlite.fill(made.floor, made.id, messages)
            fill(made.ours, made.id, messages)
            self._conversations[messages, False] = made
        return made

    def postgres_conversation(self, messages: int) -> Conversation:
        """The same on PostgreSQL."""
        made = self._conversations.get((messages, True))
        if made is None:
            made = Conversation(self.postgres.create_database(), self.postgres.create_database(), messages)
            floor_postgres.fill(made.floor, made.id, messages)
            fill(made.ours, made.id, messages)
            vacuum(made.floor)
            vacuum(made.ours)
            self._conversations[messages, True] = made
        return made

    def shared(self, name: str, make: Callable[[str], None]) -> str:
        """A SQLite database that is made once, at the path that `make` is given."""
        if name not in self._shared:
            self._shared[name] = self.path(name)
            make(self._shared[name])
        return self._shared[name]

    def owned(self, sessions: int) -> Owned:
        """So many sessions, a hundred of each owner, on SQLite; shared by all that ask for them."""
        made = self._owned.get(sessions)
        if made is None:
            made = Owned(self.path(f"ours-of-{sessions}"), self.path(f"floor-of-{sessions}"), sessions)
            now = datetime.now(UTC)
            floor_lists.fill(made.floor, owners.sessions(sessions, now))
            owners.fill(made.ours, owners.sessions(sessions, now))
            self._owned[sessions] = made
        return made

    @cached_property
    def postgres(self) -> Server:
        """A server of our own, which flushes its commits to the disk that is measured."""
        return self._exits.enter_context(running_server("newest", durable_in=self.folder))

    @property
    def postgres_version(self) -> str | None:
        """The server's, if one was started."""
        return self.postgres.major if "postgres" in self.__dict__ else None

    def copy(self, path: str) -> str:
        """A copy of a closed SQLite database, written out so that nothing of it is left to be flushed later."""
        copied = self.path("copy")
        shutil.copyfile(path, copied)
        with Path(copied).open("rb+") as file:
            os.fsync(file.fileno())
        return copied


def vacuum(url: str) -> None:
    """Does at once what the server does by itself some minutes after so much was stored."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("VACUUM ANALYZE")


class Closable(Protocol):
    def close(self) -> None: ...


Opened = TypeVar("Opened", bound=Closable)


class Anew(Generic[Opened]):
    """A database that is made anew for each sample, since what is measured can only be done to it once."""

    def __init__(self, make: Callable[[], str], open: Callable[[str], Opened], remove: Callable[[str], object]) -> None:
        self._make, self._open, self._remove = make, open, remove
        self._begin()

    def renew(self) -> None:
        self.__exit__()
        self._begin()

    def _begin(self) -> None:
        self._database = self._make()
        #: What `open` gave for it.
        self.opened = self._open(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()
        self._remove(self._database)


def fill(database: str, session_id: str, count: int) -> None:
    """Gives a database of Ithaca's a session of so many messages, all of them found by a search."""
    with SessionManager(database) as manager:
        manager.create_session(session_id, name="The long one", model="qwen3", owner="telemachus")
        for numbers in given.batches(count):
            manager.add_messages(session_id, map(given.message, numbers))
        manager.search("settled")  # otherwise what was stored is indexed in the background while others are measured
