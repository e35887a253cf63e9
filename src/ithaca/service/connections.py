"""Connections that nobody can keep for nothing: not by being slow, not by opening too many.

uvicorn waits for ever for the head of a first request, for the end of a body that nobody wants any more, and for who
does not read what he asked for. Here each of these has a time. (A body's own time is kept in `bodies`.)
"""

import asyncio
import sys
from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ithaca.service.problems import problem
from ithaca.service.settings import ServiceSettings

#: Bytes of a request's line and headers together.
MOST_HEAD = 64 * 1024

#: Files that are no connections: databases, logs, libraries.
_OTHER_FILES = 100

_PHRASES = {408: "Request Timeout", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}


class Config(uvicorn.Config):
    """uvicorn's configuration for an app, with the limits of its connections."""

    def __init__(self, app: FastAPI, settings: ServiceSettings) -> None:
        super().__init__(
            app,
            http=Connection,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_keep_alive=settings.slow_seconds,
            timeout_graceful_shutdown=settings.stop_seconds,
        )
        self.max_connections = min(settings.max_connections, _room())
        self.slow_seconds = settings.slow_seconds


def _room() -> int:
    """For how many connections there is room among the files that may be open, beside the database's."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    return max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_FILES)


class Clock:
    """Does something when it has not been stopped in time."""

    def __init__(self, seconds: float, act: Callable[[], object]) -> None:
        self._seconds = seconds
        self._act = act
        self._timer: TimerHandle | None = None

    def start(self) -> None:
        """Starts it, unless it runs already."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._act)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Connection(HttpToolsProtocol):
    """A client's connection."""

    def __init__(self, config: Config, *arguments: Any, **named: Any) -> None:
        super().__init__(config, *arguments, **named)
        self._most = config.max_connections
        self._head_clock = Clock(config.slow_seconds, self._head_did_not_come)
        self._rest_clock = Clock(config.slow_seconds, self._cut)
        self._reader_clock = Clock(config.slow_seconds, self._cut)
        #: Bytes of a head that has not come whole yet; None between two.
        self._head: int | None = None
        self._body_comes = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._most:
            self._refuse(503, "TooManyConnections", "The server has as many connections as it may have.")
        else:
            self._head_clock.start()

    def connection_lost(self, exc: Exception | None) -> None:
        for clock in (self._head_clock, self._rest_clock, self._reader_clock):
            clock.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > MOST_HEAD and not self.transport.is_closing():
                self._refuse(431, "HeadersTooLarge", f"The head of a request has at most {MOST_HEAD} bytes.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        self._head_clock.start()

    def on_headers_complete(self) -> None:
        self._head, self._body_comes = None, True
        self._head_clock.stop()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._body_comes = False
        self._rest_clock.stop()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._body_comes:  # nobody waits for the rest, but it has to go by before the next request
            self._rest_clock.start()
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._reader_clock.start()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._reader_clock.stop()
        super().resume_writing()

    def _head_did_not_come(self) -> None:
        if self._head is None:
            self.transport.close()  # nothing came at all
        else:
            self._refuse(408, "TooSlow", "The head of the request did not come in time.")

    def _cut(self) -> None:
        self.transport.abort()

    def _refuse(self, status: int, name: str, detail: str) -> None:
        """Answers before there is a request, and closes."""
        answer = problem(status, name, detail)
        headers = {**answer.headers, "content-length": str(len(answer.body)), "connection": "close"}
        head = "".join(f"{header}: {value}\r\n" for header, value in headers.items())
        self.transport.write(f"HTTP/1.1 {status} {_PHRASES[status]}\r\n{head}\r\n".encode() + answer.body)
        self.transport.close()
