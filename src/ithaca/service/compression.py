"""Responses made smaller: zstd or gzip, whichever the client prefers (RFC 9110, 12.5.3).

A stream is passed on piece by piece, each one whole for the reader. Left as they are: short responses, parts
(`Content-Range`), live events, problems, which may be put into other words yet, and what is compressed already.
"""

import re
import sys
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ithaca.service.preferences import weights

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Bytes below which it isn't worth it.
SHORT = 1024

#: Quick settings: a server's time is dearer than the last tenth of the size.
_ZSTD_LEVEL, _GZIP_LEVEL = 3, 5

_WORTH_IT = re.compile(r"(text/(?!event-stream)|application/(json|jsonl|javascript|xml|x-ndjson)|image/svg)")


class Compressor(Protocol):
    """Makes pieces smaller."""

    def piece(self, data: bytes) -> bytes:
        """The piece, so that a reader can have all of it."""

    def end(self, data: bytes) -> bytes:
        """The last piece, and the end."""


class Zstd:
    """zstd (RFC 8878)."""

    def __init__(self) -> None:
        self._zstd: Any = zstd.ZstdCompressor(level=_ZSTD_LEVEL)

    def piece(self, data: bytes) -> bytes:
        return bytes(self._zstd.compress(data, zstd.ZstdCompressor.FLUSH_BLOCK))

    def end(self, data: bytes) -> bytes:
        return bytes(self._zstd.compress(data, zstd.ZstdCompressor.FLUSH_FRAME))


class Gzip:
    """gzip (RFC 1952)."""

    def __init__(self) -> None:
        self._gzip = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)

    def piece(self, data: bytes) -> bytes:
        return self._gzip.compress(data) + self._gzip.flush(zlib.Z_SYNC_FLUSH)

    def end(self, data: bytes) -> bytes:
        return self._gzip.compress(data) + self._gzip.flush()


#: By what is better where a client likes both.
CODINGS: dict[str, Callable[[], Compressor]] = {"zstd": Zstd, "gzip": Gzip}


class Compression:
    """Makes responses smaller for clients that can read it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        coding = preferred(Headers(scope=scope).get("accept-encoding", ""))
        await self._app(scope, receive, Smaller(send, coding))


def preferred(accepted: str) -> str | None:
    """The coding to use, by the client's `Accept-Encoding`; None for none."""
    wanted = weights(accepted)
    others = wanted.get("*", 0.0)
    best = max(CODINGS, key=lambda coding: wanted.get(coding, others))  # the first of equals
    return best if wanted.get(best, others) > 0 else None


class Smaller:
    """Sends a response, made smaller where that is worth it."""

    def __init__(self, send: Send, coding: str | None) -> None:
        self._send = send
        self._coding = coding
        self._start: Message = {}
        self._compressor: Compressor | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message  # held back until it is known whether the body is short
        elif message["type"] == "http.response.body":
            await self._body(message)
        else:
            await self._send(message)

    async def _body(self, message: Message) -> None:
        more = message.get("more_body", False)
        if self._start:
            start, self._start = self._start, {}
            self._begin(start, len(message.get("body", b"")), more)
            await self._send(start)
        if self._compressor is not None:
            work = self._compressor.piece if more else self._compressor.end
            message = {**message, "body": work(message.get("body", b""))}
        await self._send(message)

    def _begin(self, start: Message, size: int, more: bool) -> None:
        headers = MutableHeaders(raw=start["headers"])
        if not _WORTH_IT.match(headers.get("content-type", "")) or "content-encoding" in headers:
            return
        if "content-range" in headers or start["status"] in (204, 304):
            return
        headers.add_vary_header("Accept-Encoding")
        if self._coding is None or (size < SHORT and not more):
            return
        self._compressor = CODINGS[self._coding]()
        headers["content-encoding"] = self._coding
        if "accept-ranges" in headers:  # parts are of the plain bytes, and don't continue these (RFC 9110, 8.8.3.3)
            headers["etag"] = f"W/{headers['etag']}"
        del headers["content-length"]
