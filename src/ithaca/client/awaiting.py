"""How an `AsyncClient` sends: the event loop goes on meanwhile."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from ithaca.client.asking import REPEATABLE, Asking, Reply, Request, Stream
from ithaca.client.base import Calls
from ithaca.client.connection import Connection, checked, refused
from ithaca.uploads import async_bytes_of

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")


class Awaiting(Calls):
    """Sends requests and awaits their replies."""

    awaits: ClassVar[bool] = True

    _connection: "Connection[httpx2.AsyncClient]"

    async def close(self) -> None:
        """Ends the connections; calls after it raise `ManagerClosed`. Closing twice is fine."""
        if self._closes and self._connection.end():
            await self._connection.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, asking: Asking[T]) -> T:
        try:
            request = next(asking)
            while True:
                request = asking.send(await self._answer(request))
        except StopIteration as returned:
            value: T = returned.value
            return value

    async def _answer(self, request: Request) -> Reply:
        attempts = self._connection.attempts(request)
        while True:
            try:
                async with self._sent(request) as response:
                    reply = Reply(response.status_code, response.headers, await response.aread())
            except self._connection.lost as error:
                await _pause(attempts.after_loss(self._connection.loss(error, request)))
                continue
            if (pause := attempts.after(reply)) is None:
                return checked(reply)
            await _pause(pause)

    async def _stream(self, stream: Stream[T]) -> AsyncIterator[T]:
        attempts = self._connection.attempts(REPEATABLE)
        while (request := stream.request()) is not None:
            pause = 0.0
            try:
                async with self._sent(request) as response:
                    if response.status_code >= 400:
                        reply = Reply(response.status_code, response.headers, await response.aread())
                        pause = refused(stream, attempts, reply)
                    else:
                        async for piece in response.aiter_bytes():
                            attempts.begin()
                            for item in stream.take(piece):
                                yield item
                        pause = stream.ended()
            except self._connection.lost as error:
                pause = attempts.after_loss(self._connection.loss(error, request))
            await _pause(pause)

    def _sent(self, request: Request) -> "AbstractAsyncContextManager[httpx2.Response]":
        body = request.body
        content = body if isinstance(body, bytes) else async_bytes_of(body)
        return self._connection.http.stream(**self._connection.arguments(request, content))


async def _pause(seconds: float) -> None:
    from asyncio import sleep  # whose module takes long to import, for who doesn't await

    await sleep(seconds)
