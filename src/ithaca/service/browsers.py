"""What a browser, and a proxy that is named, say of a request: from which page, under which name, from where.

A browser sends its cookies with whatever any page asks for. So a change that a cookie stands for has to come from a
page of this server, which the browser says by `Sec-Fetch-Site` (Fetch Metadata), or else by `Origin`. And a page of
elsewhere may give its own name the address of this server (DNS rebinding): the name in `Host` has to be one of ours.
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ithaca.errors import ConfigurationError
from ithaca.service.answers import Answer
from ithaca.service.paths import route_path
from ithaca.service.problems import problem

Network: TypeAlias = IPv4Network | IPv6Network

#: Names of this machine for itself.
OURS = frozenset(("localhost",))

#: Which whoever runs the server asks for, by whatever name.
_FOR_OPERATION = ("/healthz", "/readyz", "/metrics")


def is_own_page(connection: HTTPConnection, *, secure: bool) -> bool:
    """Whether a page of this server asks, as the browser says; `secure` where it asks by HTTPS."""
    site, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin")
    if site is not None:
        return site in ("same-origin", "none")
    return origin is not None and origin.lower() == _origin(connection, secure)


def is_foreign_page(connection: HTTPConnection, *, secure: bool) -> bool:
    """Whether another page asks; where nothing is said of a page, it is a program."""
    said = "sec-fetch-site" in connection.headers or "origin" in connection.headers
    return said and not is_own_page(connection, secure=secure)


def _origin(connection: HTTPConnection, secure: bool) -> str | None:
    """The origin of this server's pages as a browser writes it, which leaves out the scheme's own port (RFC 6454, 6.2).

    The scheme is a part of it: whoever sits on the network writes the pages of http://host, not of https://host.
    """
    scheme, own_port = ("https", ":443") if secure else ("http", ":80")
    host = connection.headers.get("host", "").lower().removesuffix(own_port)
    return f"{scheme}://{host}" if host else None


def host_of(connection: HTTPConnection) -> str:
    """The name under which the server was asked, without its port; "" for none."""
    try:
        return urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def is_address(host: str) -> bool:
    """Whether it is an address rather than a name: nobody else's name leads to us by that."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Hosts:
    """Answers who names one host; where our names are said, only under these, under addresses and as `localhost`."""

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self._app = app
        self._names = OURS | set(names) if names else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(HTTPConnection(scope)) if scope["type"] == "http" else None
        await (self._app if refused is None else refused.response())(scope, receive, send)

    def _refusal(self, connection: HTTPConnection) -> Answer | None:
        hosts = connection.headers.getlist("host")
        if len(hosts) > 1 or (not hosts and connection.scope["http_version"] == "1.1"):  # RFC 9112, 3.2
            return problem(400, "BadRequest", "Host: a request names one.", {"field": "Host"})
        if self._names is None or self._is_ours(connection, self._names):
            return None
        detail = "This server does not go by the name in Host; ITHACA_ALLOWED_HOSTS says which names are its own."
        return problem(421, "MisdirectedRequest", detail)

    def _is_ours(self, connection: HTTPConnection, names: Collection[str]) -> bool:
        host = host_of(connection)
        return host in names or is_address(host) or route_path(connection.scope) in _FOR_OPERATION


class Proxies:
    """The proxies before the server whose headers are believed, by their addresses."""

    def __init__(self, networks: str) -> None:
        self._networks = [_network(text) for text in listed(networks)]

    def is_behind(self, connection: HTTPConnection) -> bool:
        """Whether such a proxy passed the request on."""
        client = connection.client
        return client is not None and self._is_one(client.host)

    def address(self, connection: HTTPConnection) -> str:
        """Where a request is from: of IPv6 the network, since one machine has all addresses of it."""
        return _grouped(self._client(connection))

    def is_secure(self, connection: HTTPConnection) -> bool:
        """Whether the browser asked by HTTPS."""
        lines = ",".join(connection.headers.getlist("x-forwarded-proto"))
        if lines and self.is_behind(connection):  # what the proxy itself says is last, below what anybody wrote
            return lines.rpartition(",")[2].strip().lower() == "https"
        return bool(connection.scope["scheme"] == "https")

    def _client(self, connection: HTTPConnection) -> str:
        """The nearest address that is no proxy's; each proxy adds who asked it at the end."""
        client = connection.client.host if connection.client else ""
        lines = ",".join(connection.headers.getlist("x-forwarded-for"))  # a proxy may add a line of its own
        passed = [part.strip() for part in lines.split(",") if part.strip()]
        while self._is_one(client) and passed:
            client = passed.pop()
        return client

    def _is_one(self, host: str) -> bool:
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)


def listed(text: str) -> list[str]:
    """What stands between commas, in small letters."""
    return [part.strip().lower() for part in text.split(",") if part.strip()]


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise ConfigurationError("trusted_proxies", f"{text!r} is no address, nor a network") from error


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _grouped(host: str) -> str:
    address = _address(host)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return host if address is None else str(address)
