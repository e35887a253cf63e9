"""Work that nobody waits for, on an event loop."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from ithaca.errors import IthacaError
from ithaca.later import Pace, note


class AsyncLater:
    """Tasks on the event loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def do(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Returns when all that was handed over is done."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _run(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except IthacaError as error:
            note(error)


class Rung:
    """An event of a loop that any thread may set."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def ring(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._event.set)

    def clear(self) -> None:
        self._event.clear()

    async def wait(self, timeout: float | None) -> bool:
        """Whether it rang within so many seconds."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout)
        except TimeoutError:
            return False
        return True


class AsyncWhenQuiet:
    """Work in small steps, done while nobody stores anything: see `WhenQuiet`."""

    def __init__(self, step: Callable[[], Awaitable[bool]]) -> None:
        self._step = step
        self._stored = False
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def stored(self) -> None:
        self._stored = True
        if self._task is None and not self._closing.is_set():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        try:
            await self._work()
        except IthacaError as error:
            note(error)
        self._task = None
        if self._stored:
            self.stored()

    async def _work(self) -> None:
        pace = Pace()
        while not await self._closes_within(pace.pause):
            stored, self._stored = self._stored, False
            if pace.may_work(stored) and not await self._step():
                return

    async def _closes_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds or 0.001)
        except TimeoutError:
            return False
        return True
