"""Runs the replies of a manager, and tells of them and of those that other processes run.

What is generated here is told from memory, as soon as it is stored. Replies of other processes are followed by one
lookout for all of them, which looks when the bell rings: so any number of watchers cost the database one question.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ithaca.errors import InvalidArgument, IthacaError, ManagerClosed, ReplyNotFound, StorageError
from ithaca.later import note
from ithaca.later_async import Rung
from ithaca.operations import replies
from ithaca.operations.replies import INTERRUPTED, STOPPED, Begun
from ithaca.operations.reply_reading import Key, Look, Standing, lapsed, look, runs_after, standings
from ithaca.operations.scope import Scope
from ithaca.providers import Limits, Piece
from ithaca.replies.log import Log
from ithaca.replies.producer import Producer
from ithaca.replies.store import Store
from ithaca.reply import Reply, ReplyEvent

if TYPE_CHECKING:
    from ithaca.providers.network import Lines

T = TypeVar("T")

_log = logging.getLogger("ithaca")

#: Seconds after which the lookout looks though no bell rang: a process that died rings none.
LOOK_AGAIN = 1.0

#: Seconds between two looks at least, however often the bell rings.
TOGETHER = 0.03

#: Replies that are marked as interrupted in one go.
SWEPT = 100


class Engine:
    """The replies of one storage, on one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._produced: dict[Key, Producer] = {}
        self._followed: dict[Key, Log] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lookout: asyncio.Task[None] | None = None
        self._lines: Lines | None = None
        self._closed = False

    @property
    def lines(self) -> "Lines":
        """Connections to endpoints that are kept."""
        from ithaca.providers.network import Lines

        self._lines = self._lines or Lines(Limits())
        return self._lines

    # Generating

    def start(
        self,
        scope: Scope,
        begun: Begun,
        pieces: AsyncGenerator[Piece, None],
        then: Callable[[Reply], Awaitable[object]],
    ) -> None:
        """Generates a reply that has begun; `then` is awaited with it when it has ended."""
        key = Key(begun.reply.owner, begun.reply.id)
        self._produced[key] = Producer(self._store, scope, begun, pieces)
        self._do(self._produce(key, then))

    async def _produce(self, key: Key, then: Callable[[Reply], Awaitable[object]]) -> None:
        producer = self._produced[key]
        try:
            reply = await producer.run()
        finally:
            del self._produced[key]
        if reply is not None and not self._closed:
            await then(reply)

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(self._noted(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _noted(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except IthacaError as error:
            note(error)

    async def stop(self, scope: Scope, reply_id: str) -> Reply:
        """Ends a reply, whichever process generates it; one that has ended stays as it is."""
        key = (await self._store.read(look, scope, reply_id, None)).key
        reply: Reply = await self._store.write(replies.end, scope, *key, STOPPED)
        if key in self._produced:
            self._produced[key].lose()
        return reply

    async def settled(self, seconds: float) -> bool:
        """Whether nothing is generated here any more, for which so many seconds are waited."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        return not self._produced

    async def close(self) -> None:
        """Ends what is generated here as interrupted."""
        self._closed = True
        for producer in self._produced.values():
            producer.interrupt()
        while self._produced:
            await asyncio.wait(set(self._tasks), return_when=asyncio.FIRST_COMPLETED)
        others = [task for task in (*self._tasks, self._lookout) if task is not None]
        for task in others:
            task.cancel()
        for log in self._followed.values():
            log.fail(ManagerClosed())
        await asyncio.gather(*others, return_exceptions=True)
        if self._lines is not None:
            await self._lines.close()

    # Looking

    async def get(self, scope: Scope, reply_id: str) -> Reply:
        """How a reply stands."""
        return (await self._look(scope, reply_id, None)).reply

    async def _look(self, scope: Scope, reply_id: str, after: int | None) -> Look:
        """A reply as it truly stands: one whose process has died is ended first."""
        found: Look = await self._store.read(look, scope, reply_id, after)
        if found.lapsed:
            await self._interrupt(scope, found.key)
            found = await self._store.read(look, scope, reply_id, after)
        return found

    async def _interrupt(self, scope: Scope, key: Key) -> None:
        await self._store.write(replies.end, scope, *key, INTERRUPTED, lapsed=True)

    async def sweep(self, scope: Scope) -> int:
        """Ends replies whose process has died; how many."""
        return sum([await self._swept(scope, key) for key in await self._store.read(lapsed, scope, SWEPT)])

    async def _swept(self, scope: Scope, key: Key) -> bool:
        """Whether it is ended. One that is damaged doesn't keep the others from it."""
        try:
            await self._interrupt(scope, key)
        except StorageError:
            raise
        except ReplyNotFound:  # deleted meanwhile
            return False
        except Exception:  # noqa: BLE001, the log says what
            _log.exception("a reply whose process has died can't be ended: %s", key.id)
            return False
        return True

    # Telling

    async def events(self, scope: Scope, reply_id: str, after: int) -> AsyncGenerator[ReplyEvent, None]:
        """What a reply says after a number of characters, and its end. Ends early when the manager is closed."""
        found = await self._look(scope, reply_id, after)
        reply, offset = found.reply, after
        if after > reply.size + 1:
            raise InvalidArgument("after", after, f"at most {reply.size}, what the reply has said")
        if after > reply.size and not reply.running:
            return
        yield ReplyEvent.begun(reply, after)
        if not found.kept and after < reply.size:
            yield ReplyEvent("missed", reply.size)
        for run in found.runs:
            yield ReplyEvent.of(run, offset)
            offset = run.stop
        if not reply.running:
            yield ReplyEvent.ended(reply)
            return
        with self._log_of(scope, found.key, offset) as log:
            if offset < log.start:  # somebody began to follow it later than this one looked
                for run in await self._store.read(runs_after, scope, found.key, offset):
                    yield ReplyEvent.of(run, offset)
                    offset = run.stop
            async for event in _told(log, max(offset, log.start)):
                yield event

    @contextmanager
    def _log_of(self, scope: Scope, key: Key, start: int) -> Iterator[Log]:
        """What is known here of a reply, from a place that is stored, or a later one if others follow it already.

        It is followed as long as anybody wants it.
        """
        if key in self._produced:
            yield self._produced[key].log
            return
        log = self._followed.setdefault(key, Log(start))
        log.watchers += 1
        self._see_to_lookout(scope)
        try:
            yield log
        finally:
            log.watchers -= 1
            if not log.watchers and self._followed.get(key) is log:
                del self._followed[key]

    def _see_to_lookout(self, scope: Scope) -> None:
        if self._lookout is None and not self._closed:
            self._lookout = asyncio.get_running_loop().create_task(self._look_out(scope))

    async def _look_out(self, scope: Scope) -> None:
        try:
            await self._keep_looking(scope)
        except Exception as error:  # noqa: BLE001, whoever watches is told; who comes later has another one look
            _log.exception("replies of other processes can't be followed")
            self._fail_all(error)
        finally:
            self._lookout = None

    async def _keep_looking(self, scope: Scope) -> None:
        rang = Rung()
        with (await self._store.open()).bell.listening(rang.ring):
            while self._followed:
                rang.clear()
                try:
                    await self._look_at_all(scope)
                except ManagerClosed as closed:
                    self._fail_all(closed)
                except StorageError as error:  # asked again in a moment
                    note(error)
                await asyncio.sleep(TOGETHER)
                await rang.wait(LOOK_AGAIN)

    def _fail_all(self, error: Exception) -> None:
        for log in self._followed.values():
            log.fail(error)
        self._followed.clear()

    async def _look_at_all(self, scope: Scope) -> None:
        logs = dict(self._followed)
        found = await self._store.read(standings, scope, list(logs))
        for key, log in logs.items():
            await self._bring_on(scope.of(key.owner), key, log, found.get(key))

    async def _bring_on(self, scope: Scope, key: Key, log: Log, standing: Standing | None) -> None:
        """Brings a log to where its reply stands."""
        if standing is None:
            log.fail(ReplyNotFound(key.id))
        elif standing.size > log.stop or standing.lapsed or not standing.running:
            try:
                found = await self._look(scope, key.id, log.stop)
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001, it is handed to those whom it concerns
                log.fail(error)
                return
            for run in found.runs:
                log.add(run)
            if not found.reply.running:
                log.end(found.reply)


async def _told(log: Log, offset: int) -> AsyncGenerator[ReplyEvent, None]:
    while True:
        for run in log.after(offset):
            yield ReplyEvent.of(run, offset)
            offset = run.stop
        if log.stop <= offset and log.over:
            break
        await log.beyond(offset)
    if log.ended is not None:
        yield ReplyEvent.ended(log.ended)
    elif log.error is not None and not isinstance(log.error, ManagerClosed):
        raise log.error
