"""Asks who it is before anything of a request's body is read: whoever isn't known makes no work."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ithaca.errors import AccessError, IthacaError
from ithaca.service.access import service_of, visitor_of
from ithaca.service.paths import route_path
from ithaca.service.problems import TYPES, Refused, answered
from ithaca.service.signed_in import SignedIn

#: Below these, everything is for who is known; so is a route that is yet to be written.
_CLOSED = ("/api/", "/v1/")

#: But for these.
OPEN = ("/api/openapi.json", "/api/login")

#: Open to everybody, but counted: the database is asked for them.
_COUNTED = ("/link/", "/readyz")


class AskFirst:
    """Answers who isn't known, or may not do what he asks for, without reading more than the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and route_path(scope).startswith(_CLOSED + _COUNTED):
            try:
                await _ask(HTTPConnection(scope))
            except IthacaError as error:
                await answered(error).response()(scope, receive, send)
                return
            except Refused as refused:
                await refused.answer.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _ask(connection: HTTPConnection) -> None:
    """Asks who it is, and counts how often he comes; who isn't known, or need not be, is counted by his address."""
    rates = service_of(connection).rates
    if not is_closed(route_path(connection.scope)):
        rates.spend(_where(connection))
        return
    try:
        rates.spend((await visitor_of(connection)).counted)
    except AccessError:
        rates.spend(_where(connection))
        raise


def _where(connection: HTTPConnection) -> str | None:
    """Where a request is from, as far as that is known."""
    access = service_of(connection).access
    if isinstance(access, SignedIn):
        return access.address(connection)
    return connection.client.host if connection.client else None


def is_closed(path: str) -> bool:
    """Whether a path is for who is known."""
    return path.startswith(_CLOSED) and path not in OPEN and not path.startswith(TYPES)
