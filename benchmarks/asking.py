"""Requests, as fast as a server answers: bytes that are put together beforehand, over connections that are kept.

A client library would take longer than the server does.
"""

import asyncio
import json
from typing import Self
from urllib.parse import urlsplit

from benchmarks import given

#: What is asked for: method, path of a session's, and body.
ROUTES: dict[str, tuple[str, str, bytes]] = {
    "append": (
        "POST",
        "/api/sessions/{id}/messages",
        json.dumps({"messages": [dict(zip(("role", "content", "metadata"), given.row(0), strict=True))]}).encode(),
    ),
    "last_50": ("GET", "/api/sessions/{id}/messages?limit=50", b""),
    "list": ("GET", "/api/sessions?limit=50", b""),
}


class Asker:
    """A connection on which one request is made again and again."""

    def __init__(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._request, self._reader, self._writer = request, reader, writer

    @classmethod
    async def open(cls, address: str, token: str, route: str, session_id: str) -> Self:
        method, path, body = ROUTES[route]
        parts = urlsplit(address)
        head = (
            f"{method} {path.format(id=session_id)} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return cls(head.encode() + body, *await asyncio.open_connection(parts.hostname, parts.port))

    async def ask(self) -> None:
        """Returns when all of the answer has come. Raises where it is no success."""
        self._writer.write(self._request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 20"):
            raise RuntimeError(head.decode())
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        await self._reader.readexactly(int(length))

    def close(self) -> None:
        self._writer.close()
