"""SQLite for an event loop: one hop to a worker thread an operation, and one writer thread for all.

The operations that tasks queue while a commit is under way share the next one, and one call wakes the loop
for all of them.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from ithaca.config import Settings
from ithaca.connection import Operation, P, drive
from ithaca.errors import IthacaError
from ithaca.storage.bell import Bell
from ithaca.storage.forked_processes import ends_at_fork
from ithaca.storage.sqlite import SQLiteStorage
from ithaca.storage.sqlite_connection import SQLiteConnection
from ithaca.storage.sqlite_writer import Job, Writer

T = TypeVar("T")

READING_THREADS = 4


class AwaitedJob(Job):
    """An operation that a task waits for."""

    __slots__ = ("future", "loop")

    def __init__(self, run: Callable[[SQLiteConnection], Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(run)
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()

    @property
    def wanted(self) -> bool:
        return not self.future.cancelled()

    def resolve(self) -> None:
        if self.future.done():
            return  # cancelled while it ran
        if error := self.failure():
            self.future.set_exception(error)
        else:
            self.future.set_result(self.result)


class AwaitedWriter(Writer):
    """A writer that leads in a thread of its own, so that no event loop ever waits."""

    def __init__(self, storage: SQLiteStorage) -> None:
        super().__init__(
            lambda: storage.db, storage.lock, storage.place, storage.log, storage.bell, storage.busy_timeout
        )
        self._thread = ThreadPoolExecutor(1, "ithaca-writer")
        self._busy = False

    async def run(self, run: Callable[[SQLiteConnection], T]) -> T:
        job = AwaitedJob(run, asyncio.get_running_loop())
        with self.mutex:
            self.queue.append(job)
            idle, self._busy = not self._busy, True
        if idle:
            self._thread.submit(self._lead_all)
        result: T = await job.future
        return result

    async def run_if_nobody_else(self, run: Callable[[SQLiteConnection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.run_if_free, run)

    def _lead_all(self) -> None:
        while True:
            while self.head():
                self.lead()
            with self.mutex:
                if not self.queue:
                    self._busy = False
                    return

    def tell(self, jobs: list[Job]) -> None:
        awaited = [job for job in jobs if isinstance(job, AwaitedJob)]
        for loop in {job.loop for job in awaited}:
            mine = [job for job in awaited if job.loop is loop]
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_resolve, mine)

    def close(self) -> None:
        self._thread.shutdown()


def _resolve(jobs: list[AwaitedJob]) -> None:
    for job in jobs:
        job.resolve()


class AsyncSQLiteStorage:
    """A SQLite file, or a database in memory."""

    def __init__(self, path: str, settings: Settings) -> None:
        self.storage = SQLiteStorage(path, settings)
        self._writer = AwaitedWriter(self.storage)
        self._readers = ThreadPoolExecutor(READING_THREADS, "ithaca-reader")
        self._closing = False
        ends_at_fork(self)

    @classmethod
    async def open(cls, path: str, settings: Settings) -> "AsyncSQLiteStorage":
        return await asyncio.to_thread(cls, path, settings)

    async def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.storage.in_memory:
            return await self.write(op, *args, **kwargs)
        if self._closing:
            raise self.storage.ended()
        job = partial(self.storage.read, op, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._readers, job)

    async def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._closing:
            raise self.storage.ended()
        return await self._writer.run(lambda connection: drive(op, connection, *args, **kwargs))

    async def write_if_free(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._closing:
            raise self.storage.ended()
        return await self._writer.run_if_nobody_else(lambda connection: drive(op, connection, *args, **kwargs))

    @property
    def bell(self) -> Bell:
        return self.storage.bell

    async def scrub(self, *, whole: bool) -> None:
        await asyncio.to_thread(self.storage.scrub, whole=whole)

    async def close(self) -> None:
        self._closing = True  # what comes from now on would find no thread any more
        if self.storage.closed:
            return
        if self._writer.head():
            with contextlib.suppress(IthacaError):
                await self._writer.run(lambda _: None)  # what was queued before is done first
        await asyncio.to_thread(self._close)

    def forked(self) -> None:
        self._closing = True

    def _close(self) -> None:
        self._writer.close()
        self._readers.shutdown()
        self.storage.close()
