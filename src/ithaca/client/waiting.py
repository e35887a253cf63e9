"""How a `Client` sends: it waits in the caller's thread."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from ithaca.client.asking import REPEATABLE, Asking, Reply, Request, Stream
from ithaca.client.base import Calls
from ithaca.client.connection import Connection, checked, refused
from ithaca.uploads import bytes_of

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")


class Waiting(Calls):
    """Sends requests and waits for their replies."""

    awaits: ClassVar[bool] = False

    _connection: "Connection[httpx2.Client]"

    def close(self) -> None:
        """Ends the connections; calls after it raise `ManagerClosed`. Closing twice is fine."""
        if self._closes and self._connection.end():
            self._connection.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, asking: Asking[T]) -> T:
        """What the call returns, when its requests are answered."""
        try:
            request = next(asking)
            while True:
                request = asking.send(self._answer(request))
        except StopIteration as returned:
            value: T = returned.value
            return value

    def _answer(self, request: Request) -> Reply:
        attempts = self._connection.attempts(request)
        while True:
            try:
                with self._sent(request) as response:
                    reply = Reply(response.status_code, response.headers, response.read())
            except self._connection.lost as error:
                time.sleep(attempts.after_loss(self._connection.loss(error, request)))
                continue
            if (pause := attempts.after(reply)) is None:
                return checked(reply)
            time.sleep(pause)

    def _stream(self, stream: Stream[T]) -> Iterator[T]:
        """What a stream is made of, as it comes; where it is cut off, the rest is asked for."""
        attempts = self._connection.attempts(REPEATABLE)
        while (request := stream.request()) is not None:
            pause = 0.0
            try:
                with self._sent(request) as response:
                    if response.status_code >= 400:
                        reply = Reply(response.status_code, response.headers, response.read())
                        pause = refused(stream, attempts, reply)
                    else:
                        for piece in response.iter_bytes():
                            attempts.begin()
                            yield from stream.take(piece)
                        pause = stream.ended()
            except self._connection.lost as error:
                pause = attempts.after_loss(self._connection.loss(error, request))
            time.sleep(pause)

    def _sent(self, request: Request) -> "AbstractContextManager[httpx2.Response]":
        body = request.body
        content = body if isinstance(body, bytes) else bytes_of(body)
        return self._connection.http.stream(**self._connection.arguments(request, content))
