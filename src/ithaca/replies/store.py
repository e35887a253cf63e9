"""What the engine asks of a storage, whichever manager it works for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

from ithaca.storage.bell import Bell
from ithaca.storage.protocol import Storage


class Rings(Protocol):
    """Something with a bell."""

    @property
    def bell(self) -> Bell: ...


class Store(Protocol):
    """A storage, awaited."""

    async def open(self) -> Rings: ...

    async def read(self, op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any: ...

    async def write(self, op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any: ...


#: Replies of a `SessionManager` that are saved at the same time; what waits meanwhile shares the next commit.
THREADS = 16


class Threaded:
    """A waiting storage, each call in a thread of its own."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._threads = ThreadPoolExecutor(THREADS, "ithaca-replies")

    async def open(self) -> Rings:
        return self._storage

    async def read(self, op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self._run(self._storage.read, op, *args, **kwargs)

    async def write(self, op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self._run(self._storage.write, op, *args, **kwargs)

    async def _run(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *args, **kwargs))

    def close(self) -> None:
        self._threads.shutdown()
