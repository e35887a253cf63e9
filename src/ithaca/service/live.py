"""Live events: one watcher in each process, and all who listen to it.

The watcher reads what changes from the database, once for everybody, and hands it to the listeners in memory. So who
listens and hears nothing costs nothing but his connection. Each listener has a place of his own in the news: who
comes with one that the watcher has passed, or does not keep up, reads what he missed from the database, and then goes
on with what the watcher hands him. What was told is known by its place; so nothing is missed, and nothing doubled.
"""

import asyncio
import json
import logging
import random
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Literal, TypeAlias

from fastapi.sse import format_sse_event

from ithaca import AsyncSessionManager
from ithaca.errors import IthacaError, ManagerClosed
from ithaca.models import Change
from ithaca.service.access import Access, Revocable, Visitor
from ithaca.service.problems import unforeseen

_log = logging.getLogger("ithaca.service")

#: Why a stream ends: the server stops (come back), who listens may not any more, nothing came for as long as was asked
#: for, or the database could not be asked (come back).
End: TypeAlias = Literal["stopping", "signed out", "timeout", "trouble"]

#: Seconds after which a listener who hears nothing is sent a comment, so that nobody on the way takes it for dead.
HEARTBEAT = 15.0

#: So many changes wait for a listener; who is further behind reads them from the database.
MOST_WAITING = 1000

#: So many changes that somebody missed are sent in one piece.
TOGETHER = 100

#: Seconds before a watcher that lost the database tries again.
AGAIN = 1.0

#: Seconds between two looks at who may not listen any more.
REVIEW = 5.0

#: Seconds that the watcher goes on when nobody listens any more: most come back at once, as when a page is loaded anew.
STAY = 10.0

#: Milliseconds after which a client comes back, at random, so that not all come at once.
COME_BACK = (1000, 3000)

#: A line that is no event.
COMMENT = b": \n\n"

Place: TypeAlias = tuple[int, int]


def place_of(cursor: str) -> Place:
    """Where a change stands in the order of all."""
    transaction, _, number = cursor.partition("-")
    return int(transaction), int(number)


def event(name: str, data: dict[str, Any], id: str | None = None, retry: int | None = None) -> bytes:
    """An event as it is sent."""
    return format_sse_event(data_str=json.dumps(data, separators=(",", ":")), event=name, id=id, retry=retry)


def told(change: Change) -> bytes:
    """A change as it is sent."""
    return event("change", change.to_dict(), change.cursor)


def ready(cursor: str) -> bytes:
    """Word that all up to a place is told."""
    return event("ready", {"cursor": cursor}, cursor, random.randint(*COME_BACK))  # noqa: S311, no secret


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to hear: whose, of which session, after what, and for how long without any."""

    visitor: Visitor
    manager: AsyncSessionManager
    #: None: everybody's.
    owner: str | None
    session_id: str | None = None
    after: str | int | None = None
    timeout: float | None = None

    def check(self) -> None:
        """Raises `InvalidArgument` if there is something wrong with it."""
        self.manager.watch(owner=self.owner, session_id=self.session_id, after=self.after, timeout=self.timeout)

    def missed(self, after: str | int) -> AsyncIterator[Change]:
        """What was committed after a place, up to now."""
        return self.manager.watch(owner=self.owner, session_id=self.session_id, after=after, timeout=0)


class Patience:
    """How long a stream without news goes on."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self.begin()

    def begin(self) -> None:
        """Begins anew."""
        self._end = inf if self._seconds is None else time.monotonic() + self._seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return self._end - time.monotonic()


class Listener:
    """Somebody who listens, and what is to be sent to him."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        #: After what he is to hear all.
        self.after: str | int = wanted.after or 0
        #: Whether he has to ask the database for what he missed.
        self.behind = False
        self.end: End | None = None
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._something = asyncio.Event()

    def hand(self, change: Change, sent: bytes) -> None:
        """Puts a change down for him, unless he is behind anyway."""
        session_id = self.wanted.session_id
        if self.behind or (session_id is not None and change.session_id not in (session_id, "")):
            return
        self._waiting.append((change.cursor, sent))
        if len(self._waiting) > MOST_WAITING:
            self._waiting.clear()
            self.behind = True
        self._something.set()

    def stop(self, reason: End) -> None:
        """Ends his stream."""
        self.end = self.end or reason
        self._something.set()

    async def catch_up(self, reached: str) -> AsyncIterator[bytes]:
        """What he missed; the database has at least all that the watcher has reached."""
        self.behind = False
        pieces = []
        async for change in self.wanted.missed(self.after):
            self.after = change.cursor
            pieces.append(told(change))
            if len(pieces) == TOGETHER:
                yield b"".join(pieces)
                pieces.clear()
        if pieces:
            yield b"".join(pieces)
        if isinstance(self.after, int) or place_of(self.after) < place_of(reached):
            self.after = reached

    def take(self) -> bytes:
        """What is to be sent to him now; what he heard while he caught up is not among it."""
        self._something.clear()
        heard = place_of(str(self.after))
        news = [(cursor, sent) for cursor, sent in self._waiting if place_of(cursor) > heard]
        self._waiting.clear()
        if news:
            self.after = news[-1][0]
        return b"".join(sent for _, sent in news)

    async def wait(self, seconds: float) -> bool:
        """Whether there is something for him within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await self._something.wait()
        except TimeoutError:
            return False


class Live:
    """The watcher of a process, while anybody listens, and its listeners."""

    def __init__(self, manager: AsyncSessionManager, access: Access) -> None:
        self._manager = manager
        self._access = access
        self._listeners: dict[str | None, set[Listener]] = {}
        self._starting = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        #: What the watcher has told last.
        self._reached = ""
        self._closed = False

    @property
    def listeners(self) -> list[Listener]:
        """All who listen."""
        return [listener for some in self._listeners.values() for listener in some]

    def close(self) -> None:
        """Ends every stream in order; whoever comes later is sent away."""
        self._closed = True
        for listener in self.listeners:
            listener.stop("stopping")
        self._rest()

    async def review(self) -> None:
        """Ends the streams of those who may not listen any more; done every few seconds by itself."""
        if isinstance(self._access, Revocable):
            gone = await self._access.ended({listener.wanted.visitor for listener in self.listeners})
            for listener in self.listeners:
                if listener.wanted.visitor in gone:
                    listener.stop("signed out")

    async def listen(self, wanted: Wanted) -> AsyncIterator[bytes]:
        """The stream of somebody. Raises what the manager raises, so before the stream begins."""
        wanted.check()
        await self._start()
        return self._stream(wanted)

    async def _start(self) -> None:
        async with self._starting:
            if self._closed:
                raise ManagerClosed
            if not self._tasks:
                self._reached = await self._manager.latest_cursor()
                self._tasks = [asyncio.create_task(work) for work in (self._watch(), self._keep_reviewing())]
                for task in self._tasks:
                    task.add_done_callback(self._task_ended)
                self._rest_later()

    async def _stream(self, wanted: Wanted) -> AsyncIterator[bytes]:
        listener = Listener(wanted)
        try:
            await self._join(listener)
            async for piece in self._pieces(listener):
                yield piece
        except IthacaError as error:
            _log.warning("Somebody could not be told the news: %s", type(error).__name__)
            listener.stop("stopping" if isinstance(error, ManagerClosed) else "trouble")
        finally:
            self._leave(listener)
        yield event("end", {"reason": listener.end})

    async def _join(self, listener: Listener) -> None:
        """From now on he is handed the news; who names no place begins after what is committed by now."""
        await self._start()  # the watcher may have come to rest meanwhile
        self._listeners.setdefault(listener.wanted.owner, set()).add(listener)
        if listener.wanted.after is None:
            listener.after = await self._manager.latest_cursor()
        else:
            listener.behind = listener.after != self._reached

    async def _pieces(self, listener: Listener) -> AsyncIterator[bytes]:
        async for piece in self._missed(listener):
            yield piece
        if listener.end is None:
            yield ready(str(listener.after))
        patience = Patience(listener.wanted.timeout)
        while listener.end is None:
            async for piece in self._missed(listener):
                yield piece
            if news := listener.take():
                yield news
                patience.begin()
            elif patience.left <= 0:
                listener.stop("timeout")
            elif not await listener.wait(min(HEARTBEAT, patience.left)) and patience.left > 0:
                yield COMMENT

    async def _missed(self, listener: Listener) -> AsyncIterator[bytes]:
        while listener.behind and listener.end is None:
            async for piece in listener.catch_up(self._reached):
                yield piece

    def _leave(self, listener: Listener) -> None:
        others = self._listeners.get(listener.wanted.owner, set())
        others.discard(listener)
        if not others:
            self._listeners.pop(listener.wanted.owner, None)
        if not self._listeners:
            self._rest_later()

    def _rest_later(self) -> None:
        asyncio.get_running_loop().call_later(STAY, self._rest)

    def _rest(self) -> None:
        """Stops watching, unless there is somebody to watch for."""
        if self._closed or not self._listeners:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def _watch(self) -> None:
        """Hands on what is committed until the manager is closed, whatever happens to the database meanwhile."""
        while not self._closed:
            try:
                async for change in self._manager.watch(after=self._reached):
                    self._hand_on(change)
                self.close()
            except ManagerClosed:
                self.close()
            except IthacaError as error:
                _log.warning("The news could not be read: %s", type(error).__name__)
                await asyncio.sleep(AGAIN)

    def _hand_on(self, change: Change) -> None:
        self._reached = change.cursor
        for owner in self._concerned(change):
            named = replace(change, owner=owner) if owner and change.kind == "erased" else change
            sent = told(named)
            for listener in self._listeners[owner]:
                listener.hand(named, sent)

    def _concerned(self, change: Change) -> list[str | None]:
        """The owners of whom there are listeners that a change concerns; None: of everybody."""
        if change.kind in ("erased", "missed"):
            return [owner for owner in self._listeners if owner is None or change.concerns(owner)]
        return [owner for owner in (change.owner, None) if owner in self._listeners]

    async def _keep_reviewing(self) -> None:
        while True:
            await asyncio.sleep(REVIEW)
            try:
                await self.review()
            except IthacaError as error:
                _log.warning("Who may listen could not be asked: %s", type(error).__name__)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """What nobody thought of ends the streams; their listeners come back, and a new watcher begins."""
        if not task.cancelled() and (error := task.exception()) is not None:
            assert isinstance(error, Exception)  # noqa: S101
            unforeseen(error)
            for other in self._tasks:
                other.cancel()
            self._tasks = []
            for listener in self.listeners:
                listener.stop("trouble")
