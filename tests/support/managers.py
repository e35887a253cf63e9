"""Managers and clients for the tests: all behind the face of `SessionManager`, so that each test is written once."""

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any, Literal, Self, TypeAlias, TypeVar, cast

import apsw
import psycopg

from ithaca import AsyncClient, AsyncSessionManager, ManagerClosed, Problem, SessionManager
from ithaca.storage import is_postgres, sqlite_path
from tests.support.clocks import FakeClock as FakeClock
from tests.support.remote import Remote

T = TypeVar("T")

Facade: TypeAlias = Literal["sync", "async", "client", "async-client"]


class LoopThread:
    """An event loop that runs in a thread of its own, for tests that wait in theirs."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-loop", daemon=True)
        self._thread.start()

    def wait_for(self, awaitable: Awaitable[T]) -> T:
        """What the awaitable returns."""
        return asyncio.run_coroutine_threadsafe(_awaited(awaitable), self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


class Blocking:
    """An `AsyncSessionManager` or an `AsyncClient` whose calls wait, and whose async iterators are plain ones."""

    def __init__(self, manager: AsyncSessionManager | AsyncClient, loop: LoopThread) -> None:
        self._manager = manager
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._manager, name)
        return partial(self._call, found) if callable(found) else found

    def __enter__(self) -> Self:
        self._loop.wait_for(self._manager.__aenter__())
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.wait_for(self._manager.__aexit__(*error))

    def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        if inspect.isawaitable(result):
            return self._loop.wait_for(result)
        if isinstance(result, AsyncGenerator):
            return self._iterate(result)
        if isinstance(result, (AsyncSessionManager, AsyncClient)):
            return Blocking(result, self._loop)
        return result

    def _iterate(self, items: AsyncGenerator[Any, None]) -> Iterator[Any]:
        try:
            while True:
                yield self._loop.wait_for(anext(items))
        except StopAsyncIteration:
            return
        finally:
            self._loop.wait_for(items.aclose())


class Opener:
    """Opens managers of one kind, on one database unless told otherwise, and closes them all."""

    def __init__(
        self, url: str | None, facade: Facade, loop: LoopThread, remote: Callable[[], Remote] | None = None
    ) -> None:
        self.url = url
        self.facade = facade
        self._loop = loop
        self._remote = remote
        #: Of the managers that clients use.
        self._addresses: list[str] = []
        self._opened: list[tuple[SessionManager, dict[str, Any]]] = []

    def __call__(self, database: str | None = None, **options: Any) -> SessionManager:
        """A manager that sees what another process would see; `options` as `SessionManager` takes them."""
        if "settings" not in options:
            options["database"] = self.url if database is None else database
        manager = self._open(options)
        self._opened.append((manager, options))
        return manager

    def verify(self) -> list[Problem]:
        """What the first manager that was opened finds broken; it is opened again if the test closed it."""
        if not self._opened:
            return []
        manager, options = self._opened[0]
        try:
            return manager.verify()
        except ManagerClosed:
            with self._open(options) as again:
                return again.verify()

    def close(self) -> None:
        for manager, _ in self._opened:
            manager.close()
        for address in self._addresses:
            assert self._remote is not None
            self._remote().close_manager(address)

    def _open(self, options: dict[str, Any]) -> SessionManager:
        if self.facade == "sync":
            return SessionManager(**options)
        if self.facade == "async":
            manager = cast(SessionManager, Blocking(AsyncSessionManager(**options), self._loop))
            return manager.__enter__()
        return self._open_client(options)

    def _open_client(self, options: dict[str, Any]) -> SessionManager:
        """A client of a manager that a server opens for it."""
        assert self._remote is not None
        remote, clock = self._remote(), options.get("clock")
        address = remote.open({name: value for name, value in options.items() if name != "clock"}, timed=bool(clock))
        self._addresses.append(address)
        if self.facade == "client":
            return cast(SessionManager, remote.client(address, clock))
        return cast(SessionManager, Blocking(remote.async_client(address, clock), self._loop))


def execute(url: str, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a statement that is run past Ithaca, on either database."""
    if is_postgres(url):
        with psycopg.connect(url, autocommit=True) as db:
            cursor = db.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []
    file = apsw.Connection(sqlite_path(url))
    try:
        file.set_busy_timeout(10_000)
        return list(file.execute(sql))
    finally:
        file.close()
