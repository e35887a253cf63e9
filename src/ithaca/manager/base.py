"""What every part of a manager stands on: the door, the storage, and whose manager it is."""

import os
from collections.abc import Callable
from typing import Any, Self, TypeVar

from ithaca import columns
from ithaca.arguments import Door
from ithaca.config import Durability, Settings, read_settings, without_password
from ithaca.errors import ManagerClosed
from ithaca.later import Later, Recently, WhenQuiet
from ithaca.operations import search, sessions
from ithaca.operations.scope import Scope
from ithaca.secrets import Vault
from ithaca.storage import open_async_storage, open_storage
from ithaca.storage.bell import Bell
from ithaca.storage.connection import AsyncStorage, Operation, P, Storage
from ithaca.tokens import TokenCounter, counter

T = TypeVar("T")


class Common:
    """What both managers are."""

    _database: str
    _door: Door
    _read_lately: Recently
    _closes: bool
    #: How far the search index has got.
    _indexed: search.Reached | None = None

    def _begin(self, settings: Settings, count_tokens: TokenCounter | None, clock: Callable[[], int]) -> None:
        count_tokens = count_tokens or counter(settings.tokens)
        self._database = without_password(settings.database)
        lifetime = int(settings.trash_days * 24 * 3600 * 1_000_000)
        self._door = Door(Scope(None, Vault(settings), settings.limits, clock, count_tokens, lifetime))
        self._read_lately = Recently(sessions.ACCESS_GRAIN)
        self._closes = True

    def for_owner(self, owner: str | None) -> Self:
        """A manager confined to an owner, on the same connections. "" or None: to what nobody owns.

        For it, what others own does not exist. Closing it does nothing; it ends with the manager it is from.
        """
        confined = self._door.owner(owner if self._door.scope.owner is None else owner or "")
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._door = self._door.confined_to(confined)
        other._closes = False
        return other

    @property
    def owner(self) -> str | None:
        """The owner that this manager is confined to; None if it isn't."""
        return self._door.scope.owner

    def _first_reading(self, session_id: str) -> bool:
        scope = self._door.scope
        return self._read_lately.first((scope.owner, session_id), scope.clock())


class Base(Common):
    """A manager for code that waits in its thread."""

    def __init__(
        self,
        database: str | os.PathLike[str] | None = None,
        *,
        durability: Durability | None = None,
        settings: Settings | None = None,
        count_tokens: TokenCounter | None = None,
        clock: Callable[[], int] = columns.now,
    ) -> None:
        """Opens the database in constant time; a new one is made.

        `durability="relaxed"` risks the last commits in a power cut, never in a killed process. `clock` gives
        the time in microseconds since 1970. `count_tokens` counts the tokens of a text, for `context`; without
        it, the setting `tokens` decides. Raises `ConfigurationError`, `SchemaError` or `StorageError`.
        """
        settings = settings or read_settings(database, durability=durability)
        self._begin(settings, count_tokens, clock)
        self._storage = open_storage(settings)
        self._later = Later()
        self._indexing = WhenQuiet(self._index_some)

    def close(self) -> None:
        """Ends all work on the database; calls after it raise `ManagerClosed`. Closing twice is fine."""
        if self._closes:
            self._indexing.close()
            self._later.close()
            self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at(self, session_id: str) -> Storage:
        """Where a session is kept."""
        return self._storage

    def _was_read(self, session_id: str) -> None:
        if self._first_reading(session_id):
            scope = self._door.scope
            self._later.do(lambda: self._at(session_id).write(sessions.touch, scope, session_id))

    def _index_some(self) -> bool:
        """Makes something searchable that was stored; whether there is more."""
        scope, reached = self._door.scope, self._indexed or search.START
        self._indexed = self._storage.write(search.index, scope, search.Wanted(), reached)
        return self._indexed is not None


class OpenedWhenUsed:
    """A storage that the first call opens, since a constructor cannot await."""

    def __init__(self, settings: Settings) -> None:
        import asyncio

        self._settings = settings
        self._storage: AsyncStorage | None = None
        self._closed = False
        self._opening = asyncio.Lock()

    async def open(self) -> AsyncStorage:
        async with self._opening:
            if self._closed:
                raise ManagerClosed
            if self._storage is None:
                self._storage = await open_async_storage(self._settings)
            return self._storage

    @property
    def bell(self) -> Bell:
        """The opened storage's."""
        if self._storage is None:
            raise ManagerClosed
        return self._storage.bell

    async def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await (self._storage or await self.open()).read(op, *args, **kwargs)

    async def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await (self._storage or await self.open()).write(op, *args, **kwargs)

    async def scrub(self, *, whole: bool) -> None:
        await (self._storage or await self.open()).scrub(whole=whole)

    async def close(self) -> None:
        async with self._opening:
            self._closed = True
            if self._storage is not None:
                await self._storage.close()


class AsyncBase(Common):
    """A manager for code on an event loop."""

    def __init__(
        self,
        database: str | os.PathLike[str] | None = None,
        *,
        durability: Durability | None = None,
        settings: Settings | None = None,
        count_tokens: TokenCounter | None = None,
        clock: Callable[[], int] = columns.now,
    ) -> None:
        """Reads the settings; the first call opens the database, or `async with`. Arguments as in `SessionManager`."""
        from ithaca.later_async import AsyncLater, AsyncWhenQuiet

        settings = settings or read_settings(database, durability=durability)
        self._begin(settings, count_tokens, clock)
        self._storage = OpenedWhenUsed(settings)
        self._later = AsyncLater()
        self._indexing = AsyncWhenQuiet(self._index_some)

    async def close(self) -> None:
        """Ends all work on the database; calls after it raise `ManagerClosed`. Closing twice is fine."""
        if self._closes:
            await self._indexing.close()
            await self._later.close()
            await self._storage.close()

    async def __aenter__(self) -> Self:
        if self._closes:
            await self._storage.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _at(self, session_id: str) -> AsyncStorage:
        """Where a session is kept."""
        return self._storage

    def _was_read(self, session_id: str) -> None:
        if self._first_reading(session_id):
            self._later.do(self._at(session_id).write(sessions.touch, self._door.scope, session_id))

    async def _index_some(self) -> bool:
        scope, reached = self._door.scope, self._indexed or search.START
        self._indexed = await self._storage.write(search.index, scope, search.Wanted(), reached)
        return self._indexed is not None


def documented_by(waiting: type[Any]) -> Callable[[type[T]], type[T]]:
    """Gives each awaited call the docstring of its twin: what comes back and what is raised is the same."""

    def document(awaited: type[T]) -> type[T]:
        for name, call in vars(awaited).items():
            if not name.startswith("_") and getattr(call, "__doc__", "") is None:
                call.__doc__ = getattr(waiting, name).__doc__
        return awaited

    return document
