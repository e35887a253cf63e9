"""Incognito sessions on an event loop: see `ithaca.manager.incognito`."""

from typing import TypeVar

from ithaca.config import Settings
from ithaca.connection import Operation, P
from ithaca.manager.incognito import Known, hidden, in_memory
from ithaca.manager.opening import OpenedWhenUsed

T = TypeVar("T")


class AsyncIncognito(Known, OpenedWhenUsed):
    """The `AsyncStorage` of incognito sessions."""

    def __init__(self, settings: Settings) -> None:
        Known.__init__(self)
        OpenedWhenUsed.__init__(self, in_memory(settings))

    async def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = await hidden((await self.open()).read, op, args, kwargs)
        return result

    async def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = await hidden((await self.open()).write, op, args, kwargs)
        return result

    async def write_if_free(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = await hidden((await self.open()).write_if_free, op, args, kwargs)
        return result
