"""What every part of a manager stands on: the door, the storage, and whose manager it is."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ithaca import columns
from ithaca.arguments import Door
from ithaca.config import Durability, Limits, Settings, read_settings, without_password
from ithaca.endpoints import Outgoing
from ithaca.errors import (
    AmbiguousId,
    DatabaseBusy,
    Described,
    InvalidArgument,
    InvalidInput,
    SessionExists,
)
from ithaca.later import Later, Recently, WhenQuiet
from ithaca.manager.engines import AsyncEngines, Engines
from ithaca.manager.histories import Histories
from ithaca.manager.incognito import Incognito, Known
from ithaca.operations import keys, search, sessions
from ithaca.operations.scope import Scope
from ithaca.retention import LONGEST
from ithaca.secrets import Vault
from ithaca.storage import open_storage
from ithaca.storage.protocol import Storage
from ithaca.tokens import TokenCounter, checked, counter

if TYPE_CHECKING:
    from ithaca.manager.incognito_async import AsyncIncognito
    from ithaca.manager.opening import Found, OpenedWhenUsed

T = TypeVar("T")


class Around:
    """A storage that does something of its own about writes; in all else, the storage within."""

    def __init__(self, storage: Any) -> None:
        self.inner = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def innermost(storage: Any) -> Any:
    """The storage within all that stands around it."""
    while isinstance(storage, Around):
        storage = storage.inner
    return storage


class Common:
    """What both managers are."""

    _settings: Settings
    _database: str
    _door: Door
    #: Where changes note their revisions that go another way than by the storage; None if nobody asks.
    _revisions: dict[str, int] | None = None
    _read_lately: Recently
    _used_lately: Recently
    _closes: bool
    _incognito: Known
    _histories: Histories
    #: How far the search index has got.
    _indexed: search.Reached | None = None

    def _begin(self, settings: Settings, count_tokens: TokenCounter | None, clock: Callable[[], int]) -> None:
        count_tokens = counter(settings.tokens) if count_tokens is None else checked(count_tokens)
        self._settings = settings
        self._database = without_password(settings.database)
        lifetime = int(min(settings.trash_days, LONGEST.days) * 24 * 3600 * 1_000_000)
        waited = Outgoing(
            first_token=settings.first_token_seconds, gap=settings.gap_seconds, whole=settings.reply_seconds
        )
        scope = Scope(None, Vault(settings), settings.limits, clock, count_tokens, lifetime, outgoing=waited)
        self._door = Door(scope)
        self._read_lately = Recently(sessions.ACCESS_GRAIN)
        self._used_lately = Recently(keys.USE_GRAIN)
        self._histories = Histories(settings.cache_bytes)
        self._closes = True

    def for_owner(self, owner: str | None) -> Self:
        """A manager confined to an owner, on the same connections. "" or None: to what nobody owns.

        For it, what others own does not exist. Closing it does nothing; it ends with the manager it is from.
        """
        confined = self._door.owner(owner if self._door.scope.owner is None else owner or "")
        other = self._copy()
        other._door = self._door.confined_to(confined)
        return other

    def _copy(self) -> Self:
        """A manager on the same connections, which doesn't close them."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._closes = False
        return other

    @property
    def owner(self) -> str | None:
        """The owner that this manager is confined to; None if it isn't."""
        return self._door.scope.owner

    @property
    def limits(self) -> Limits:
        """How much it takes, at most."""
        return self._door.scope.limits

    def _is_hidden(self, session_id: str, owner: str | None = None) -> bool:
        """Whether a session is incognito, or was; of trusted code's, the one of the `owner`, or anybody's."""
        confined = self._door.scope.owner
        return self._incognito.holds(owner if confined is None else confined, session_id)

    def _refuse_mixed(self, session_ids: Sequence[str], hidden: int) -> None:
        """Raises `InvalidArgument` if some of the sessions are incognito, and others are not."""
        if 0 < hidden < len(session_ids):
            described = Described(f"{hidden} incognito and {len(session_ids) - hidden} others")
            raise InvalidArgument("session_ids", described, "either all incognito, or none")

    def _first_reading(self, session_id: str, accessed: int | None) -> bool:
        """Whether a reading is to be noted: neither this manager nor the session, if that was read, knows of one."""
        scope = self._door.scope
        key, now = (scope.owner, session_id), scope.clock()
        if not self._read_lately.first(key, now):
            return False
        if accessed is None or accessed < now - sessions.ACCESS_GRAIN:
            return True
        self._read_lately.happened(key, min(accessed, now))
        return False

    def _forget_reading(self, session_id: str) -> None:
        """It could not be noted without waiting for somebody: the next reading is to try again."""
        self._read_lately.forget((self._door.scope.owner, session_id))


class Base(Common):
    """A manager for code that waits in its thread."""

    _incognito: Incognito

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
        the time in microseconds since 1970. `count_tokens` counts the tokens of a text, for `context`, as an int
        of 0 or more; without it, the setting `tokens` decides. Raises `InvalidArgument`, `ConfigurationError`,
        `SchemaError` or `StorageError`.
        """
        settings = settings or read_settings(database, durability=durability)
        self._begin(settings, count_tokens, clock)
        self._storage = open_storage(settings)
        self._incognito = Incognito(settings)
        self._engines = Engines()
        self._later = Later()
        self._indexing = WhenQuiet(self._index_some)

    def close(self) -> None:
        """Ends all work on the database; calls after it raise `ManagerClosed`. Closing twice is fine."""
        if self._closes and not self._engines.elsewhere:
            self._engines.close()
            self._indexing.close()
            self._later.close()
            self._incognito.close()
            self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at(self, session_id: str, owner: str | None = None) -> Storage:
        """Where a session is kept; trusted code may say whose it is.

        Raises `AmbiguousId` if that isn't said, and one is incognito that has the id, and another isn't.
        """
        if not (self._incognito.used and self._is_hidden(session_id, owner)):
            return self._storage
        scope = self._door.scope
        if scope.owner is None and owner is None and self._storage.read(sessions.is_there, scope, session_id):
            if self._incognito.read(sessions.is_there, scope, session_id):
                raise AmbiguousId(session_id)
            return self._storage
        return self._incognito

    @property
    def _storages(self) -> list[Storage]:
        """What is stored, and what is in memory if anything ever was."""
        return [self._storage, self._incognito] if self._incognito.used else [self._storage]

    def _refuse_taken(self, session_id: str, *, incognito: bool) -> None:
        """Raises `SessionExists` if the id is taken where the session will not be made."""
        if incognito:
            self._storage.read(sessions.refuse_taken, self._door.scope, session_id)
        elif self._is_in_memory(session_id):
            raise SessionExists(session_id)

    def _at_one_place(self, session_ids: Sequence[str]) -> Storage:
        """Where several sessions are kept, to be changed in one transaction."""
        hidden = sum(self._at(session_id) is self._incognito for session_id in session_ids)
        self._refuse_mixed(session_ids, hidden)
        return self._incognito if hidden else self._storage

    def _is_in_memory(self, session_id: str) -> bool:
        """Whether there is an incognito session; if it was deleted, its id is free from now on."""
        if not self._is_hidden(session_id):
            return False
        scope = self._door.scope
        if self._incognito.read(sessions.is_there, scope, session_id):
            return True
        self._incognito.forget(scope.owner, session_id)
        return False

    def _refuse_hidden(
        self, field: str, session_id: str | None, refusal: type[InvalidInput], owner: str | None
    ) -> None:
        """Keeps what is stored from belonging to what isn't."""
        if session_id is not None and self._at(session_id, owner) is self._incognito:
            raise refusal(field, session_id, "a session that is not incognito")

    def _was_read(self, session_id: str, accessed: int | None = None) -> None:
        if self._first_reading(session_id, accessed):
            self._later.do(lambda: self._touch(session_id))

    def _touch(self, session_id: str) -> None:
        try:
            self._at(session_id).write_if_free(sessions.touch, self._door.scope, session_id)
        except DatabaseBusy:
            self._forget_reading(session_id)

    def _index_some(self) -> bool:
        """Makes something searchable that was stored; whether there is more."""
        scope, reached = self._door.scope, self._indexed or search.START
        try:
            self._indexed = self._storage.write_if_free(search.index, scope, search.Wanted(), reached)
        except DatabaseBusy:
            self._indexing.stored()  # somebody is storing something
            return True
        return self._indexed is not None


class AsyncBase(Common):
    """A manager for code on an event loop."""

    _incognito: "AsyncIncognito"

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
        from ithaca.manager.incognito_async import AsyncIncognito
        from ithaca.manager.opening import OpenedWhenUsed

        settings = settings or read_settings(database, durability=durability)
        self._begin(settings, count_tokens, clock)
        self._storage = OpenedWhenUsed(settings)
        self._incognito = AsyncIncognito(settings)
        self._engines = AsyncEngines()
        self._later = AsyncLater()
        self._indexing = AsyncWhenQuiet(self._index_some)

    async def close(self) -> None:
        """Ends all work on the database; calls after it raise `ManagerClosed`. Closing twice is fine."""
        if self._closes and not self._engines.elsewhere:
            await self._engines.close()
            await self._indexing.close()
            await self._later.close()
            await self._incognito.close()
            await self._storage.close()

    async def __aenter__(self) -> Self:
        if self._closes:
            await self._storage.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _at(self, session_id: str, owner: str | None = None) -> "OpenedWhenUsed | Found":
        """What `_place` finds, when it is used."""
        if not self._is_hidden(session_id, owner):
            return self._storage
        from ithaca.manager.opening import Found

        return Found(lambda: self._place(session_id, owner))

    async def _place(self, session_id: str, owner: str | None = None) -> "OpenedWhenUsed":
        """Where a session is kept, as `Base._at`."""
        if not self._is_hidden(session_id, owner):
            return self._storage
        scope = self._door.scope
        if scope.owner is None and owner is None and await self._storage.read(sessions.is_there, scope, session_id):
            if await self._incognito.read(sessions.is_there, scope, session_id):
                raise AmbiguousId(session_id)
            return self._storage
        return self._incognito

    @property
    def _storages(self) -> "list[OpenedWhenUsed]":
        return [self._storage, self._incognito] if self._incognito.used else [self._storage]

    async def _refuse_taken(self, session_id: str, *, incognito: bool) -> None:
        if incognito:
            await self._storage.read(sessions.refuse_taken, self._door.scope, session_id)
        elif await self._is_in_memory(session_id):
            raise SessionExists(session_id)

    async def _at_one_place(self, session_ids: Sequence[str]) -> "OpenedWhenUsed":
        hidden = sum([await self._place(session_id) is self._incognito for session_id in session_ids])
        self._refuse_mixed(session_ids, hidden)
        return self._incognito if hidden else self._storage

    async def _is_in_memory(self, session_id: str) -> bool:
        if not self._is_hidden(session_id):
            return False
        scope = self._door.scope
        if await self._incognito.read(sessions.is_there, scope, session_id):
            return True
        self._incognito.forget(scope.owner, session_id)
        return False

    async def _refuse_hidden(
        self, field: str, session_id: str | None, refusal: type[InvalidInput], owner: str | None
    ) -> None:
        if session_id is not None and await self._place(session_id, owner) is self._incognito:
            raise refusal(field, session_id, "a session that is not incognito")

    def _was_read(self, session_id: str, accessed: int | None = None) -> None:
        if self._first_reading(session_id, accessed):
            self._later.do(self._touch(session_id))

    async def _touch(self, session_id: str) -> None:
        try:
            await self._at(session_id).write_if_free(sessions.touch, self._door.scope, session_id)
        except DatabaseBusy:
            self._forget_reading(session_id)

    async def _index_some(self) -> bool:
        scope, reached = self._door.scope, self._indexed or search.START
        try:
            self._indexed = await self._storage.write_if_free(search.index, scope, search.Wanted(), reached)
        except DatabaseBusy:
            self._indexing.stored()
            return True
        return self._indexed is not None


def documented_by(waiting: type[Any]) -> Callable[[type[T]], type[T]]:
    """Gives each awaited call the docstring of its twin: what comes back and what is raised is the same."""

    def document(awaited: type[T]) -> type[T]:
        for name, call in vars(awaited).items():
            if not name.startswith("_") and getattr(call, "__doc__", "") is None:
                call.__doc__ = getattr(waiting, name).__doc__
        return awaited

    return document
