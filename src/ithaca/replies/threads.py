"""An engine for a manager that waits: on an event loop in a thread of its own, which the first reply starts."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
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
        self._closed = False

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
        finally:
            if not self._closed:
                self._wait_for(_closed(items))

    def _wait_for(self, awaitable: Awaitable[T]) -> T:
        if self._closed:
            raise ManagerClosed
        future = asyncio.run_coroutine_threadsafe(_awaited(awaitable), self._loop)
        try:
            return future.result()
        except BaseException:  # interrupted, perhaps: nobody waits for it any more
            future.cancel()
            raise

    def close(self) -> None:
        """Ends what is generated as interrupted."""
        if self._closed:
            return
        self._wait_for(self.engine.close())
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.store.close()


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
