"""What a manager asks of a database, whichever it is."""

from typing import Protocol, TypeVar

from ithaca.connection import Operation, P
from ithaca.storage.bell import Bell

T = TypeVar("T")


class Storage(Protocol):
    """A database, for callers that wait in their thread."""

    @property
    def bell(self) -> Bell:
        """Rings when something may have been committed, here or by another process."""

    def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs an operation on one consistent state of the database."""

    def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs an operation as one transaction; it is durable when this returns."""

    def write_if_free(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `write`, but raises `DatabaseBusy` if another would have to be waited for, for longer than a moment."""

    def scrub(self, *, whole: bool) -> None:
        """Makes what was deleted vanish from the database's files; `whole`: writes them anew."""

    def close(self) -> None: ...


class AsyncStorage(Protocol):
    """A database, for callers on an event loop."""

    @property
    def bell(self) -> Bell: ...

    async def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    async def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    async def write_if_free(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    async def scrub(self, *, whole: bool) -> None: ...

    async def close(self) -> None: ...
