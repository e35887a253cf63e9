"""Storages on an event loop that the first call opens or finds, since what makes them cannot await."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ithaca.config import Settings
from ithaca.connection import Operation, P
from ithaca.errors import ManagerClosed
from ithaca.observing import observed
from ithaca.storage import open_async_storage
from ithaca.storage.bell import Bell
from ithaca.storage.protocol import AsyncStorage

T = TypeVar("T")


class OpenedWhenUsed:
    """An `AsyncStorage` that is opened when it is first used."""

    def __init__(self, settings: Settings) -> None:
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
        storage = self._storage or await self.open()
        with observed(op):
            return await storage.read(op, *args, **kwargs)

    async def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        storage = self._storage or await self.open()
        with observed(op):
            return await storage.write(op, *args, **kwargs)

    async def write_if_free(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        storage = self._storage or await self.open()
        with observed(op):
            return await storage.write_if_free(op, *args, **kwargs)

    async def scrub(self, *, whole: bool) -> None:
        await (self._storage or await self.open()).scrub(whole=whole)

    async def close(self) -> None:
        async with self._opening:
            self._closed = True
            if self._storage is not None:
                await self._storage.close()


class Found:
    """An `AsyncStorage` that takes a look to be found, at each call."""

    def __init__(self, find: Callable[[], Awaitable[OpenedWhenUsed]]) -> None:
        self._find = find

    async def open(self) -> AsyncStorage:
        return await (await self._find()).open()

    async def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await (await self._find()).read(op, *args, **kwargs)

    async def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await (await self._find()).write(op, *args, **kwargs)

    async def write_if_free(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await (await self._find()).write_if_free(op, *args, **kwargs)
