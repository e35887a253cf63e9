"""The way out: connections to allowed addresses only, and requests to one place only.

A host's addresses are looked up once for a connection, all of them are judged, and one of those very addresses is
connected to: there is no second look-up between the check and the connection that a name server could answer
otherwise. TLS still compares the certificate with the name of the host. A redirect to another host is refused.
Proxies of the environment are not used: behind one, nobody could tell what is connected to.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

import httpcore2
import httpx2

from ithaca.errors import EndpointRefused, ProviderError
from ithaca.providers.addresses import refusal
from ithaca.providers.target import Limits, Reach, Target

#: Bytes of an answer at most, and of one that tells of an error.
MOST, MOST_OF_AN_ERROR = 256 * 1024 * 1024, 1024 * 1024

#: Connections to a host that are kept though nothing is asked, and for how many seconds: what is older may have been
#: forgotten on the way, which nobody says.
MOST_IDLE, IDLE = 20, 30.0


class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to allowed addresses only."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to one of the host's addresses. Raises `EndpointRefused` if any of them must not be called."""
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in await self._addresses(host, port, timeout):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        try:
            async with asyncio.timeout(timeout):
                look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
                found = await asyncio.get_running_loop().run_in_executor(_resolvers(), look_up)
        except TimeoutError:
            raise httpcore2.ConnectTimeout(f"{host} was not found in time") from None
        except (OSError, UnicodeError) as error:  # the latter for what is no name
            reason = getattr(error, "strerror", "it is no name of a host")
            raise httpcore2.ConnectError(f"{host} was not found: {reason}") from None
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        for address in addresses:
            if reason := refusal(address, self._reach):
                raise EndpointRefused(host, f"{address}: {reason}")
        return addresses


@lru_cache(1)
def _resolvers() -> ThreadPoolExecutor:
    """Threads that look names up. Nothing else waits for a name server that takes its time, as the loop's own would."""
    return ThreadPoolExecutor(32, "ithaca-names")


#: Beginnings of the headers that a client of OpenAI's sends to anybody. It makes others of the environment, for an
#: account there (`OPENAI_ORG_ID`, `OPENAI_CUSTOM_HEADERS`): nobody else is to get them.
_OF_ANY_CLIENT = ("host", "connection", "content-", "transfer-encoding", "accept", "user-agent", "x-stainless-")


class OneHost(httpx2.AsyncHTTPTransport):
    """Sends requests to a target's host and port only, by way of a `CheckedNetwork`."""

    def __init__(self, target: Target) -> None:
        super().__init__(verify=_tls(), trust_env=False)
        self._origin = _origin(_url(target))
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_tls(),
            max_connections=None,  # ten unless told otherwise, shared by everybody: each answer holds one until its end
            max_keepalive_connections=MOST_IDLE,
            keepalive_expiry=IDLE,
            network_backend=CheckedNetwork(target.reach),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The response. Raises `EndpointRefused` for another place than the target's, as after a redirect.

        What is packed is not taken, `ProviderError`: a few kilobytes of it may be as many gigabytes.
        """
        origin = _origin(request.url)
        if origin != self._origin:
            raise EndpointRefused(self._origin[1], f"it sends us elsewhere, to {origin[0]}://{origin[1]}:{origin[2]}")
        response = await super().handle_async_request(request)
        if (packed := response.headers.get("content-encoding", "identity").lower()) != "identity":
            await response.aclose()
            raise ProviderError(None, f"it packs its answer ({packed}), which it was asked not to do")
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101, as it is made asynchronously
        response.stream = Bounded(response.stream, MOST_OF_AN_ERROR if response.is_error else MOST)
        return response


class Transport(OneHost):
    """Sends a target's headers with each request."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._headers = headers_of(target)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The response."""
        for name in [name for name in request.headers if not name.startswith(_OF_ANY_CLIENT)]:
            del request.headers[name]
        request.headers.update(self._headers)
        return await super().handle_async_request(request)


class Bounded(httpx2.AsyncByteStream):
    """A body of which no more is read than so many bytes."""

    def __init__(self, stream: httpx2.AsyncByteStream, most: int) -> None:
        self._stream = stream
        self._left = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            self._left -= len(part)
            if self._left < 0:
                raise httpx2.ReadError("the answer is too long")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class Lines:
    """Clients that are kept, each with its open connections to one host, for all who may reach it in the same way."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._clients: dict[tuple[Any, Reach], httpx2.AsyncClient] = {}

    def to(self, target: Target) -> httpx2.AsyncClient:
        """A client for a target, which sends nothing of the target's by itself."""
        key = (_origin(_url(target)), target.reach)
        if key not in self._clients:
            self._clients[key] = _client(OneHost(target), self._limits, self._limits.first_token)
        return self._clients[key]

    async def close(self) -> None:
        """Closes all connections."""
        for client in self._clients.values():
            await client.aclose()


def client_of(target: Target, limits: Limits) -> httpx2.AsyncClient:
    """A client for one target, to be closed. Its own time limit is for connecting; others are whoever calls'."""
    return _client(Transport(target), limits, None)


def _client(transport: OneHost, limits: Limits, seconds: float | None) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=transport,
        timeout=httpx2.Timeout(seconds, connect=limits.connect),
        headers={"accept-encoding": "identity"},  # nothing is gained by packing a few words
        follow_redirects=True,
        max_redirects=3,
        trust_env=False,
    )


#: Headers by which a request is framed and sent: nobody else may say them.
_FRAMING = ("host", "connection", "content-length", "content-type", "transfer-encoding", "te", "trailer", "upgrade")


#: What a header's name and value may be (RFC 9110, 5.1 and 5.5); letters beyond ASCII are sent as UTF-8.
_NAME, _VALUE = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII), re.compile(r"[^\0-\x08\x0a-\x1f\x7f\ud800-\udfff]*")


def headers_of(target: Target) -> httpx2.Headers:
    """What opens the door, and what else a request to the target has beside the usual headers.

    Raises `EndpointRefused` for what is no header; the connection would say so with the value, which is a secret.
    """
    given = {name.lower(): value.strip(" \t") for name, value in target.headers.items() if name.lower() not in _FRAMING}
    headers = given if target.key is None else {"authorization": f"Bearer {target.key}"} | given
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise EndpointRefused(_url(target).host, f"its header {name!r} cannot be sent")
    return httpx2.Headers(headers, encoding="utf-8")


def _url(target: Target) -> httpx2.URL:
    """Where a target lies. Raises `EndpointRefused` for a host that is written in a way that nobody understands."""
    try:
        return httpx2.URL(target.base_url)
    except httpx2.InvalidURL as error:
        raise EndpointRefused(repr(target.base_url), str(error)) from None


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


@lru_cache(1)
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)  # reading the authorities takes longer than a request
