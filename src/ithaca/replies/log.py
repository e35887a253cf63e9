"""What this process knows of a reply: all that is stored of it after some place, and its end."""

import asyncio
from bisect import bisect_right
from operator import attrgetter

from ithaca.reply import Reply, Run


class Log:
    """Grows while a reply does; any number of watchers read it, each from its own place."""

    def __init__(self, start: int = 0) -> None:
        #: From where and up to where the reply is known: between the two, all of it is.
        self.start = self.stop = start
        self.ended: Reply | None = None
        self.error: BaseException | None = None
        self.watchers = 0
        self._runs: list[Run] = []
        self._changed = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether nothing comes any more."""
        return self.ended is not None or self.error is not None

    def add(self, run: Run) -> None:
        self._runs.append(run)
        self.stop = run.stop
        self._ring()

    def end(self, reply: Reply) -> None:
        self.ended = self.ended or reply
        self._ring()

    def fail(self, error: BaseException) -> None:
        """Nothing more can be known here; every watcher gets the error."""
        self.error = self.error or error
        self._ring()

    def after(self, offset: int) -> list[Run]:
        """What came after a number of characters; the first run may begin before it."""
        return self._runs[bisect_right(self._runs, offset, key=attrgetter("stop")) :]

    async def beyond(self, offset: int) -> None:
        """Returns when there is more than so many characters, or the end."""
        while self.stop <= offset and not self.over:
            await self._changed.wait()

    def _ring(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
