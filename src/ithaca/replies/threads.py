"""An engine for a manager that waits: on an event loop in a thread of its own, which the first reply starts."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, TypeVar

from ithaca.errors import ManagerClosed
from ithaca.replies.engine import Engine
from ithaca.replies.store import Threaded
from ithaca.storage.protocol import Storage

T = TypeVar("T")


class EngineThread:
    """An engine that any thread may ask."""

    def __init__(self, storage: Storage) -> None:
        self.store = Threaded(storage)
        self.engine = Engine(self.store)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ithaca-replies", daemon=True)
        self._thread.start()
        self._lock = threading.Lock()
        self._closed = False
        self._closing = set[asyncio.Task[None]]()

    def ask(self, question: Callable[[Engine], Coroutine[Any, Any, T]]) -> T:
        """What the engine answers."""
        return self._wait_for(question(self.engine))

    def tell(self, telling: Callable[[Engine], object]) -> None:
        """Has the engine do something that doesn't wait."""

        async def do() -> None:
            telling(self.engine)

        self._wait_for(do())

    def each(self, items: AsyncGenerator[T, None]) -> Iterator[T]:
        """What an asynchronous generator of the engine's yields."""
        try:
            while True:
                yield self._wait_for(anext(items))
        except (StopAsyncIteration, ManagerClosed):
            return
        finally:  # on any thread, the loop's too, and as late as when the interpreter ends: nothing may wait here
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._close_items, items)

    def _close_items(self, items: AsyncGenerator[Any, None]) -> None:
        if not self._closed:
            task = self._loop.create_task(_closed(items))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _wait_for(self, awaitable: Awaitable[T]) -> T:
        with self._lock:  # what is begun before the end is known there
            if self._closed:
                if asyncio.iscoroutine(awaitable):
                    awaitable.close()
                raise ManagerClosed
            future = asyncio.run_coroutine_threadsafe(_awaited(awaitable), self._loop)
        try:
            return future.result()
        except CancelledError:
            if self._closed:
                raise ManagerClosed from None
            raise
        except BaseException:  # interrupted, perhaps: nobody waits for it any more
            future.cancel()
            raise

    def close(self) -> None:
        """Ends what is generated as interrupted; whoever still waits for an answer gets `ManagerClosed`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        try:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self.store.close()

    async def _end(self) -> None:
        try:
            await self.engine.close()
        finally:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


async def _closed(items: AsyncGenerator[Any, None]) -> None:
    """Closes a generator, of which the last step may just be being cancelled."""
    for _ in range(100):
        try:
            await items.aclose()
        except RuntimeError:
            await asyncio.sleep(0.01)
        else:
            return
