"""Who is asking, and which manager the request gets.

A route asks for `Owned`: a manager that is confined to the owner who asks, or to whom an administrator asks for.
`AtHome` is confined to the owner who asks in either case: for what concerns his own log-in. Only the routes for
administrators ask for `Trusted`, which is not confined. There is no other way from a request to a manager.
"""

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, TypeAlias, runtime_checkable
from urllib.parse import unquote

from fastapi import Depends, Header, Request
from starlette.requests import HTTPConnection

from ithaca import AsyncSessionManager
from ithaca.access import RIGHTS, Right
from ithaca.errors import NotAllowed
from ithaca.service.meters import Meters
from ithaca.service.parameters import named
from ithaca.service.settings import ServiceSettings
from ithaca.web.markdown import Markdown

if TYPE_CHECKING:
    from ithaca.service.live import Live
    from ithaca.service.rates import Rates

#: By what it is known who is asking: a key, a log-in with a password or by an access link, a proxy's word; or nothing,
#: where everybody who can ask is one and the same.
Means: TypeAlias = Literal["key", "login", "link", "proxy", "local"]

ALL_RIGHTS: frozenset[Right] = frozenset(RIGHTS)

#: With it, an administrator says on whose behalf he asks.
ON_BEHALF = "Ithaca-Owner"

#: Methods that change nothing.
READING = frozenset(("GET", "HEAD", "OPTIONS"))


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is asking."""

    #: Whose data the request works on; "" is what nobody owns.
    owner: str
    rights: frozenset[Right]
    by: Means = "local"
    #: The name of the user, or of the key.
    name: str | None = None
    #: The SHA-256 of what he showed, by which it can be asked whether that opens something still.
    proof: str | None = field(default=None, repr=False)
    #: For an administrator who asks on another's behalf, his own owner.
    on_behalf_by: str | None = None

    @property
    def own(self) -> str:
        """The owner to whom what he showed belongs, on whosever behalf he asks."""
        return self.owner if self.on_behalf_by is None else self.on_behalf_by

    @property
    def counted(self) -> Hashable:
        """By what his requests are counted: the key, or the user."""
        return (self.by, self.own, self.name, self.proof if self.by == "key" else None)


class Access(Protocol):
    """Decides who is asking."""

    async def visitor(self, connection: HTTPConnection) -> Visitor:
        """Who it is. Raises `NotSignedIn` where that cannot be told."""


@runtime_checkable
class Revocable(Protocol):
    """An `Access` that may take back what it has granted, or grants it for a time."""

    async def ended(self, visitors: Collection[Visitor]) -> Collection[Visitor]:
        """Those who may not ask any more, of those who listen to live events; it is called every few seconds."""


@dataclass(frozen=True, slots=True)
class LocalOwner:
    """Everybody who reaches the app is this owner, with all rights.

    For an app within another that lets in none but the right one, and for tests. It asks neither whose page a browser
    asks for, so on a socket any page in any browser that reaches it could ask too: `ithaca serve` never uses it.
    """

    owner: str = ""

    async def visitor(self, connection: HTTPConnection) -> Visitor:
        """That owner."""
        return Visitor(self.owner, ALL_RIGHTS)


def is_local(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Service:
    """What an app works with, as `app.state.ithaca`."""

    manager: AsyncSessionManager
    settings: ServiceSettings
    access: Access
    meters: Meters
    live: "Live"
    rates: "Rates"
    markdown: Markdown = field(default_factory=Markdown)
    #: Whether the web page is at "/".
    page: bool = False


def service_of(connection: HTTPConnection) -> Service:
    """What the app works with that serves this request."""
    service: Service = connection.app.state.ithaca
    return service


#: Where a request remembers who is asking.
_VISITOR = "ithaca.visitor"


async def visitor_of(connection: HTTPConnection) -> Visitor:
    """Who is asking, if he may do what he asks for: to read, or to change something. Asked once a request."""
    found: Visitor | None = connection.scope.get(_VISITOR)
    if found is None:
        found = connection.scope[_VISITOR] = await _let_in(connection)
    return found


async def _let_in(connection: HTTPConnection) -> Visitor:
    found = await service_of(connection).access.visitor(connection)
    needed: Right = "read" if connection.scope["method"] in READING else "write"
    if needed not in found.rights:
        raise NotAllowed(needed)
    on_behalf = connection.headers.get(ON_BEHALF)
    if on_behalf is None or (on_behalf := unquote(on_behalf)) == found.owner:
        return found
    if "admin" not in found.rights:
        raise NotAllowed("admin")
    return replace(found, owner=on_behalf, on_behalf_by=found.owner)


async def visitor(
    request: Request,
    on_behalf: Annotated[
        str | None, Header(alias=ON_BEHALF, description="Whose data to work on, for an administrator.")
    ] = None,
) -> Visitor:
    """Who is asking, if he may."""
    return await visitor_of(request)


Asking = Annotated[Visitor, Depends(visitor)]


async def owned(request: Request, visitor: Asking) -> AsyncSessionManager:
    """A manager confined to who is asking."""
    with named("owner", ON_BEHALF):
        return guarded(service_of(request), visitor).for_owner(visitor.owner)


async def trusted(request: Request, visitor: Asking) -> AsyncSessionManager:
    """A manager that sees every owner's data, for administrators."""
    if "admin" not in visitor.rights:
        raise NotAllowed("admin")
    return guarded(service_of(request), visitor)


def guarded(service: Service, visitor: Visitor) -> AsyncSessionManager:
    """A manager that calls only the endpoints which somebody may have called for him."""
    settings = service.settings
    private = settings.private_endpoints or "admin" in visitor.rights
    return service.manager.guarded(unregistered=settings.unregistered_endpoints, private=private)


async def at_home(request: Request, visitor: Asking) -> AsyncSessionManager:
    """A manager confined to the owner whose the log-in is, on whosever behalf he asks."""
    return guarded(service_of(request), visitor).for_owner(visitor.own)


async def nobodys(request: Request, visitor: Asking) -> AsyncSessionManager:
    """A manager confined to what nobody owns, for a note that has to outlive an owner and names none."""
    return service_of(request).manager.for_owner("")


Owned = Annotated[AsyncSessionManager, Depends(owned)]
Nobodys = Annotated[AsyncSessionManager, Depends(nobodys)]
AtHome = Annotated[AsyncSessionManager, Depends(at_home)]
Trusted = Annotated[AsyncSessionManager, Depends(trusted)]
