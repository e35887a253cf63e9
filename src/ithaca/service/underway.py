"""What is under way by an `Idempotency-Key` and takes several transactions, and streams that belong to it."""

import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

import anyio
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ithaca import AsyncSessionManager
from ithaca.service.answers import Answer

#: Seconds after which a stream notes that it goes on: else its process would be taken to have died.
GOES_ON = 180.0

#: Bytes of a streamed answer that are kept at most; of a longer one, it is only known that it was given.
MOST_KEPT = 16 * 1024 * 1024


class Running:
    """Something under way by a key. It ends by its answer; without one, it is given up, and may be tried again."""

    def __init__(
        self, manager: AsyncSessionManager, key: str, fingerprint: str, sessions: Collection[str] = ()
    ) -> None:
        self._manager, self._key, self._fingerprint, self._sessions = manager, key, fingerprint, sessions

    async def begin(self) -> None:
        """Raises `AlreadyDone`, `StillRunning`, `KeyReused`."""
        await self._manager.begin_once(self._key, self._fingerprint, sessions=self._sessions)
        self._noted = time.monotonic()

    async def go_on(self) -> None:
        """To be called now and then where it takes long."""
        if time.monotonic() - self._noted > GOES_ON:
            await self._manager.go_on_once(self._key, sessions=self._sessions)
            self._noted = time.monotonic()

    async def end(self, answer: Answer | None, *, fingerprint: str | None = None) -> None:
        """Notes the answer, if it is to be kept, and what tells the request from others, if that is known only now."""
        kept = None if answer is None else answer.kept()
        await self._manager.end_once(self._key, kept, fingerprint=fingerprint, sessions=self._sessions)

    async def give_up(self) -> None:
        """Forgets it, unless it has ended."""
        with anyio.CancelScope(shield=True):
            await self._manager.give_up_once(self._key, sessions=self._sessions)

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            await self.give_up()

    async def beside(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces as they come, while it goes on."""
        async for piece in pieces:
            yield piece
            await self.go_on()


class Hashed:
    """Pieces of bytes as they come, and the digest and the number of those that came."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._hash = hashlib.sha256()
        self._size = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces)
        self._hash.update(piece)
        self._size += len(piece)
        return piece

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    async def all_within(self, most: int) -> bool:
        """Whether all of them are at most so many; takes in what is still to come, until that is known."""
        async for _ in self:
            if self._size > most:
                return False
        return True


class Kept(StreamingResponse):
    """A streamed response that is kept when all of it was sent. Where somebody hangs up before, it is given up."""

    def __init__(self, response: StreamingResponse, running: Running, is_good: Callable[[bytes], bool]) -> None:
        self._running, self._is_good, self._ended = running, is_good, False
        self._pieces = self._noting(response.body_iterator)
        super().__init__(self._pieces, response.status_code)
        self.raw_headers = response.raw_headers
        #: As they are now: what compresses the response for this client changes them.
        self._kept_headers = dict(response.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._pieces.aclose()
                if not self._ended:
                    await self._running.give_up()

    async def _noting(self, pieces: Any) -> AsyncGenerator[bytes, None]:
        kept, size, last = list[bytes](), 0, b""
        async with aclosing(pieces):
            async for last in pieces:
                yield last
                size += len(last)
                if size <= MOST_KEPT:
                    kept.append(last)
                await self._running.go_on()
        if self.status_code < 400 and self._is_good(last):
            answer = Answer(b"".join(kept), self.status_code, self._kept_headers)
            await self._running.end(answer if size <= MOST_KEPT else None)
            self._ended = True
