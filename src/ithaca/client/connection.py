"""The connections to a server, and the key on each request. Only here it is known how httpx2 works."""

import os
from types import ModuleType
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from ithaca.client.asking import Reply, Request, Stream
from ithaca.client.attempts import Attempts, Loss
from ithaca.client.problems import error_of
from ithaca.errors import ConfigurationError, ManagerClosed

Http = TypeVar("Http")

ADDRESS = "http://127.0.0.1:8421"

#: Seconds to make a connection.
CONNECTING = 5.0

#: Seconds that an idle connection is kept: fewer than a server does (uvicorn: 5), which might just be closing it.
IDLE = 4.0


def library() -> ModuleType:
    """The HTTP library. Raises `ConfigurationError` if it isn't installed."""
    try:
        import httpx2
    except ImportError as error:
        raise ConfigurationError("Client", "it needs `pip install 'ithaca[client]'`") from error
    return httpx2


class Connection(Generic[Http]):
    """An HTTP client, what to send along with each request, and how long to wait and try."""

    def __init__(
        self, url: str | None, key: str | None, timeout: float | None, retries: int, http: Http | None, kind: str
    ) -> None:
        httpx2 = library()
        self.address = _checked(url or os.environ.get("ITHACA_URL") or ADDRESS)
        key = os.environ.get("ITHACA_KEY") if key is None else key
        self._headers = _authorization(key)
        self._timeout = timeout
        self._retries = retries
        self._closed = False
        self.owned = http is None
        self.lost: tuple[type[Exception], ...] = (httpx2.TransportError,)
        self.http: Http = http or getattr(httpx2, kind)(
            verify=self.address.startswith("https:"),  # reading the certificates takes longer than most requests
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=IDLE),
        )

    def arguments(self, request: Request, body: Any) -> dict[str, Any]:
        """What the HTTP client is to send. Raises `ManagerClosed`."""
        if self._closed:
            raise ManagerClosed
        return {
            "method": request.method,
            "url": self.address + request.path,
            "headers": self._headers | request.headers,
            "content": body,
            "timeout": self._limits(request),
        }

    def _limits(self, request: Request) -> tuple[float | None, ...]:
        """The time limits for connecting, reading, writing, and for getting a connection."""
        whole = self._timeout
        connecting = CONNECTING if whole is None else min(CONNECTING, whole)
        return connecting, request.dead_after or whole, whole, whole

    def attempts(self, request: Request) -> Attempts:
        return Attempts(request, self.address, self._retries, self._timeout)

    def end(self) -> bool:
        """Whether the HTTP client is ours to close, and wasn't closed yet."""
        ours, self._closed = self.owned and not self._closed, True
        return ours

    def loss(self, error: Exception, request: Request) -> Loss:
        """What an error of the HTTP client tells."""
        httpx2 = library()
        sent = not isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout))
        if sent and isinstance(error, httpx2.TimeoutException):
            seconds = request.dead_after or self._timeout
            return Loss(f"it did not answer within {seconds:g} seconds", sent=True, final=request.dead_after is None)
        final = isinstance(error, (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol))
        return Loss(str(error) or type(error).__name__, sent=sent, final=final)


def checked(reply: Reply) -> Reply:
    """The reply. Raises the error that it stands for."""
    if reply.status >= 400:
        raise error_of(reply)
    return reply


def refused(stream: Stream[Any], attempts: Attempts, reply: Reply) -> float:
    """Seconds until a stream is asked for again. Raises the error that the reply stands for."""
    if reply.status == 416:  # nothing of the range is there
        return stream.ended()
    if (pause := attempts.after(reply)) is None:
        raise error_of(reply)
    return pause


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError("url", f"it is {url!r}, not an address as {ADDRESS}")
    return url.rstrip("/")


def _authorization(key: str | None) -> dict[str, str]:
    if key is None or key == "":
        return {}
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("key", "it holds characters that no key has")
    return {"Authorization": f"Bearer {key}"}
