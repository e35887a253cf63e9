"""The calls for those who watch: what changes, as it is committed."""

import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from ithaca.errors import ManagerClosed
from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.models import Change
from ithaca.operations import changes
from ithaca.operations.changes import Position, Watched
from ithaca.storage.protocol import Storage

if TYPE_CHECKING:
    from ithaca.manager.opening import Found, OpenedWhenUsed

#: Seconds before another look at news that a transaction under way still holds back.
HELD_BACK = 0.02


class Patience:
    """How long to wait for news, however often the bell rings for nothing."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    @property
    def left(self) -> float | None:
        """Seconds; None for ever."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())


class Watching(Base):
    """The calls for those who watch."""

    def watch(
        self,
        *,
        owner: str | None = None,
        session_id: str | None = None,
        after: str | int | None = None,
        timeout: float | None = None,
    ) -> Iterator[Change]:
        """Changes of sessions as they are committed, by any process, in order; all, an owner's, or one session's.

        Begins after the change whose `cursor` is given as `after`, or after a session's revision; else with what comes
        after the iterator is asked for the first change. So to miss nothing, give `after`: the `revision` of the
        session that you have read, or a `latest_cursor()` from before you read anything. After a reconnect nothing is
        missed; it comes twice only where a session's id was deleted and used again and a revision is given. Who was
        away for so long that the news are gone, gets one of the kind "missed". Ends when the manager is closed, or
        after `timeout` seconds without news. Of an incognito session it tells only where that is named. Raises
        `InvalidArgument` at the call.
        """
        return self._watch(*self._door.watched(owner, session_id, after, timeout), timeout)

    def latest_cursor(self) -> str:
        """Where the news stand: `watch(after=…)` with it tells of all that is committed from now on.

        On PostgreSQL it may tell again of what was committed just before.
        """
        return self._storage.read(changes.cursor, self._door.scope)

    def _where(self, watched: Watched) -> Storage:
        return self._storage if watched.session_id is None else self._at(watched.session_id, watched.owner)

    def _watch(self, watched: Watched, place: Position | int | None, timeout: float | None) -> Iterator[Change]:
        rang = threading.Event()
        storage = self._where(watched)
        with storage.bell.listening(rang.set):
            news = storage.read(changes.begin, self._door.scope, watched, place)
            yield from news.changes
            patience = Patience(timeout)
            while True:
                rang.clear()
                try:
                    news = storage.read(changes.read_after, self._door.scope, news.watched, news.position)
                except ManagerClosed:
                    return
                yield from news.changes
                if news.changes:
                    patience = Patience(timeout)
                    continue
                rang.wait(HELD_BACK if news.more else patience.left)
                if patience.left == 0:
                    return


@documented_by(Watching)
class AsyncWatching(AsyncBase):
    """The calls for those who watch."""

    def watch(
        self,
        *,
        owner: str | None = None,
        session_id: str | None = None,
        after: str | int | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[Change]:
        return self._watch(*self._door.watched(owner, session_id, after, timeout), timeout)

    async def latest_cursor(self) -> str:
        return await self._storage.read(changes.cursor, self._door.scope)

    def _where(self, watched: Watched) -> "OpenedWhenUsed | Found":
        return self._storage if watched.session_id is None else self._at(watched.session_id, watched.owner)

    async def _watch(
        self, watched: Watched, place: Position | int | None, timeout: float | None
    ) -> AsyncIterator[Change]:
        from ithaca.later_async import Rung

        rang = Rung()
        storage = self._where(watched)
        with (await storage.open()).bell.listening(rang.ring):
            news = await storage.read(changes.begin, self._door.scope, watched, place)
            for change in news.changes:
                yield change
            patience = Patience(timeout)
            while True:
                rang.clear()
                try:
                    news = await storage.read(changes.read_after, self._door.scope, news.watched, news.position)
                except ManagerClosed:
                    return
                for change in news.changes:
                    yield change
                if news.changes:
                    patience = Patience(timeout)
                    continue
                await rang.wait(HELD_BACK if news.more else patience.left)
                if patience.left == 0:
                    return
