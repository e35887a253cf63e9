"""How large the body of a request may be."""

import asyncio
import contextlib

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Uploads, which are taken in as they come and have a limit of their own.
_UPLOADS = ("POST", "/api/attachments")

#: Seconds in which what is left of a body that was refused is taken in, so that its sender gets to read why.
LINGERING = 5.0


class LimitedBodies:
    """Refuses a body that is too large: at its `Content-Length`, or as soon as more has come."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) == _UPLOADS:
            await self._app(scope, receive, send)
            return
        limited = Limited(receive, send, self._most, dict(scope["headers"]).get(b"content-length", b""))
        await self._app(scope, limited.receive, limited.send)


class Limited:
    """A request whose body is refused when it is too large, and its response."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int, length: bytes) -> None:
        self._receive = receive
        self._send = send
        self._most = most_bytes
        self._left = most_bytes
        self._announced = int(length) if length.isdigit() else 0
        self._refused = False

    async def receive(self) -> Message:
        """What came of the body. Raises an `HTTPException` when it is too much."""
        if self._announced > self._most:
            raise self._refusal()
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise self._refusal()
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

    def _refusal(self) -> HTTPException:
        self._refused = True
        return HTTPException(413, f"A body has at most {self._most} bytes.", {"connection": "close"})
