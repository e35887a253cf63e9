"""The call for those who watch: what changes, as it is committed."""

import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from ithaca.content import whole
from ithaca.errors import Described, InvalidArgument, ManagerClosed
from ithaca.manager.base import AsyncBase, Base, Common
from ithaca.models import Change
from ithaca.operations import changes
from ithaca.operations.changes import News, Position
from ithaca.storage.protocol import Storage

if TYPE_CHECKING:
    from ithaca.manager.opening import OpenedWhenUsed

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


class Asked(Common):
    """Checks what somebody wants to watch."""

    def _asked(
        self, owner: str | None, session: str | None, after: str | int | None, timeout: float | None
    ) -> tuple[str | None, str | None, Position | int | None]:
        door = self._door
        if timeout is not None:
            door.age("timeout", timeout)
        if isinstance(after, int) and session is None:
            raise InvalidArgument("after", after, "the cursor of a change; a revision goes with a session")
        if after is not None and not isinstance(after, str):
            after = whole("after", after, 0)
        place = Position.read(after) if isinstance(after, str) else after
        of_owner = None if owner is None else door.owner_filter(owner)
        if session is not None and not isinstance(session, str):
            raise InvalidArgument("session", Described(f"a {type(session).__name__}"), "a session's id")
        return of_owner, session, place


class Watching(Asked, Base):
    """The call for those who watch."""

    def watch(
        self,
        *,
        owner: str | None = None,
        session: str | None = None,
        after: str | int | None = None,
        timeout: float | None = None,
    ) -> Iterator[Change]:
        """Changes of sessions as they are committed, by any process, in order; all, an owner's, or one session's.

        Begins after the change whose `cursor` is given as `after`, or after a session's revision, or with what comes
        from now on. After a reconnect nothing is missed and nothing comes twice; who was away for so long that the
        news are gone gets one of the kind "missed". Ends when the manager is closed, or after `timeout` seconds
        without news. Of an incognito session it tells only where that is named. Raises `InvalidArgument`.
        """
        of_owner, session, place = self._asked(owner, session, after, timeout)
        return self._watch(of_owner, session, self._first(of_owner, session, place), timeout)

    def _where(self, session: str | None) -> Storage:
        return self._storage if session is None else self._at(session)

    def _first(self, owner: str | None, session: str | None, place: Position | int | None) -> News:
        scope = self._door.scope
        if isinstance(place, Position):
            return News([], place, True)
        if place is None or session is None:
            return News([], self._where(session).read(changes.latest, scope), True)
        return self._at(session).read(changes.after_revision, scope, owner, session, place)

    def _watch(self, owner: str | None, session: str | None, news: News, timeout: float | None) -> Iterator[Change]:
        rang = threading.Event()
        storage = self._where(session)
        with storage.bell.listening(rang.set):
            yield from news.changes
            patience = Patience(timeout)
            while True:
                rang.clear()
                try:
                    news = storage.read(changes.read_after, self._door.scope, owner, session, news.position)
                except ManagerClosed:
                    return
                yield from news.changes
                if news.changes:
                    patience = Patience(timeout)
                    continue
                rang.wait(HELD_BACK if news.more else patience.left)
                if patience.left == 0:
                    return


class AsyncWatching(Asked, AsyncBase):
    """The call for those who watch."""

    def watch(
        self,
        *,
        owner: str | None = None,
        session: str | None = None,
        after: str | int | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[Change]:
        of_owner, session, place = self._asked(owner, session, after, timeout)
        return self._watch(of_owner, session, place, timeout)

    def _where(self, session: str | None) -> "OpenedWhenUsed":
        return self._storage if session is None else self._at(session)

    async def _first(self, owner: str | None, session: str | None, place: Position | int | None) -> News:
        scope = self._door.scope
        if isinstance(place, Position):
            return News([], place, True)
        if place is None or session is None:
            return News([], await self._where(session).read(changes.latest, scope), True)
        return await self._at(session).read(changes.after_revision, scope, owner, session, place)

    async def _watch(
        self, owner: str | None, session: str | None, place: Position | int | None, timeout: float | None
    ) -> AsyncIterator[Change]:
        from ithaca.later_async import Rung

        rang = Rung()
        storage = self._where(session)
        with (await storage.open()).bell.listening(rang.ring):
            news = await self._first(owner, session, place)
            for change in news.changes:
                yield change
            patience = Patience(timeout)
            while True:
                rang.clear()
                try:
                    news = await storage.read(changes.read_after, self._door.scope, owner, session, news.position)
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


AsyncWatching.watch.__doc__ = Watching.watch.__doc__
