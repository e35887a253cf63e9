"""How large the body of a request may be, how long it may take to come, and that it comes as it is."""

import asyncio
import contextlib
import sys
import time

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ithaca.service.access import READING
from ithaca.service.asking import OPEN
from ithaca.service.paths import route_path
from ithaca.service.problems import problem

#: Uploads, which are taken in as they come and have a limit of their own.
_UPLOADS = ("POST", "/api/attachments")

#: Seconds in which what is left of a body that was refused is taken in, so that its sender gets to read why.
LINGERING = 5.0

#: Bytes of a body from somebody who isn't known yet: it is read to find out.
OF_STRANGERS = 64 * 1024

#: Bytes that give a sender one second more.
A_SECOND = 1024


#: What a body may be said to be packed with: nothing.
_PLAIN = (b"", b"identity")


class LimitedBodies:
    """Refuses a body that is packed, too slow, or too large: at its `Content-Length`, or as soon as more has come."""

    def __init__(self, app: ASGIApp, most_bytes: int, slow_seconds: float) -> None:
        self._app = app
        self._most = most_bytes
        self._seconds = slow_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most, headers = self._most_of(scope["method"], route_path(scope)), dict(scope["headers"])
        if scope["method"] not in READING and headers.get(b"content-encoding", b"").strip().lower() not in _PLAIN:
            await _packed()(scope, receive, send)
            return
        limited = Limited(receive, send, most, headers.get(b"content-length", b""), self._seconds)
        await self._app(scope, limited.receive, limited.send)

    def _most_of(self, method: str, path: str) -> int:
        """How much a body may have."""
        if (method, path) == _UPLOADS:
            return sys.maxsize
        return min(self._most, OF_STRANGERS) if path in OPEN else self._most


def _packed() -> Response:
    """The problem response for a body that is compressed, which may be a thousand times as long as it came."""
    detail = "Content-Encoding: a body comes as it is here, not compressed."
    answer = problem(415, "UnsupportedMediaType", detail, {"field": "Content-Encoding"})
    return answer.response(**{"accept-encoding": "identity"})  # RFC 9110, 15.5.16


class Limited:
    """A request whose body is refused when it is too large or too slow, and its response."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int, length: bytes, seconds: float) -> None:
        self._receive = receive
        self._send = send
        self._most = most_bytes
        self._left = most_bytes
        self._announced = int(length) if length.isdigit() else 0
        #: Seconds that its sender may still keep us waiting; None when all has come.
        self._seconds: float | None = seconds
        self._refused = False

    async def receive(self) -> Message:
        """What came of the body. Raises an `HTTPException` when it is too much, or did not come in time."""
        if self._announced > self._most:
            raise self._too_large()
        message = await self._receive() if self._seconds is None else await self._in_time(self._seconds)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise self._too_large()
        return message

    async def _in_time(self, seconds: float) -> Message:
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "The body did not come in time.", {"connection": "close"}) from None
        waited, earned = time.monotonic() - began, len(message.get("body", b"")) / A_SECOND
        self._seconds = seconds - waited + earned if message.get("more_body") else None
        return message

    async def send(self, message: Message) -> None:
        """Sends the response; where the body was refused, the connection stays open until its sender has read that."""
        if not self._refused or message["type"] != "http.response.body" or message.get("more_body", False):
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        await self._linger()
        await self._send({"type": "http.response.body"})

    async def _linger(self) -> None:
        """Takes in the rest of the body, and forgets it.

        A connection that is closed while something is left unread is reset, and then the sender loses the response
        too (RFC 9112, 9.6).
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGERING):
                while (await self._receive()).get("more_body", False):
                    pass

    def _too_large(self) -> HTTPException:
        self._refused = True
        return HTTPException(413, f"A body has at most {self._most} bytes.", {"connection": "close"})
