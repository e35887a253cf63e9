"""What an operation may ask of a database, whichever it is.

An operation is a coroutine function over a `Connection`. It opens no transaction and catches no driver error:
a storage's `read` and `write` begin, commit, roll back, retry and translate, in one place a database. It
may be run again from its start (a deadlock, a connection that broke), so it keeps no state of its own.

SQL names its parameters `:so`. Six forms stand for what the databases write differently: `IN (EACH(:ids))` takes
a list as its parameter, `position(:text IN column)` finds a text, ` FOR UPDATE` locks the rows it reads (on SQLite a
writer is alone already), ` INDEXED BY name` tells SQLite, which keeps no statistics, what PostgreSQL knows,
`in_turn(:owner, :id)` makes those who change one session wait for one another before they begin, and `in_turn(:id)`
those who use an id for something new, whosever it will be.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from itertools import starmap
from operator import methodcaller
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeAlias, TypeVar

from ithaca.columns import Row
from ithaca.content import Draft

P = ParamSpec("P")
T = TypeVar("T")

Params: TypeAlias = Mapping[str, Any]
Operation: TypeAlias = Callable[Concatenate["Connection", P], Coroutine[Any, Any, T]]
Engine: TypeAlias = Literal["sqlite", "postgres"]

#: For statements without parameters.
NOTHING: Params = {}


class Connection(Protocol):
    """A connection within a transaction."""

    @property
    def engine(self) -> Engine: ...

    async def row(self, sql: str, params: Params = NOTHING) -> Row | None:
        """The first row, or None."""

    async def rows(self, sql: str, params: Params = NOTHING, *, binary: bool = False) -> list[Row]:
        """Every row. `binary` is for those that hold bytes: they are sent as they are, not written out in digits."""

    async def run(self, sql: str, params: Params = NOTHING) -> int:
        """How many rows were inserted, updated or deleted."""

    async def run_many(self, sql: str, params: Iterable[Params]) -> None:
        """Runs a statement once for each set of parameters."""

    async def add_messages(self, rows: Iterable[Row]) -> None:
        """Inserts messages: all columns of each, the owner and the session's id first, in a draft's order."""

    async def append(self, session: Params, drafts: Sequence[Draft]) -> tuple[int, int] | None:
        """Takes numbers in a session and inserts messages under them.

        Returns the first number and the session's new revision; or None, with nothing changed, when the session isn't
        there, isn't at the expected revision, or holds one of the messages already. An owner of None stands for whoever
        alone has a session of that id.
        """

    async def settle(self) -> None:
        """Returns when what was read will stay, even after a power cut.

        Where a commit can be read a moment before it is on the disk, whoever tells of what happened waits for that:
        if what was told of were gone, a watcher would have a place in the news that others take.
        """


Op = TypeVar("Op", bound=Callable[..., Any])


def one_statement(op: Op) -> Op:
    """Marks an operation whose last statement alone does the work.

    It is right without a transaction around it, whatever others do between its statements, so a database
    where each transaction costs round trips may run it bare.
    """
    op.one_statement = True  # type: ignore[attr-defined]
    return op


def repeatable(op: Op) -> Op:
    """Marks a writing operation that may run again even after it was committed, without doing it twice."""
    op.repeatable = True  # type: ignore[attr-defined]
    return op


def is_repeatable(op: Callable[..., Any]) -> bool:
    """Whether the operation was marked by `repeatable`."""
    return getattr(op, "repeatable", False)


def is_one_statement(op: Callable[..., Any]) -> bool:
    """Whether the operation was marked by `one_statement`."""
    return getattr(op, "one_statement", False)


_begin = methodcaller("send", None)


def drive(op: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """What an operation returns whose connection never suspends: it runs to its end like a plain function.

    Its coroutine is made and begun in one step of the interpreter. Between two of them, Ctrl-C could leave a coroutine
    that was never begun, of which Python would complain on standard error.
    """
    try:
        next(map(_begin, starmap(partial(op, **kwargs) if kwargs else op, (args,))))
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("an operation waited for something else than its connection")
