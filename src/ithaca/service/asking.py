"""Asks who it is before anything of a request's body is read: whoever isn't known makes no work."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ithaca.errors import IthacaError
from ithaca.service.access import visitor_of
from ithaca.service.paths import route_path
from ithaca.service.problems import TYPES, answered

#: Below these, everything is for who is known; so is a route that is yet to be written.
_CLOSED = ("/api/", "/v1/")

#: But for these.
OPEN = ("/api/openapi.json",)


class AskFirst:
    """Answers who isn't known, or may not do what he asks for, without reading more than the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_closed(route_path(scope)):
            try:
                await visitor_of(HTTPConnection(scope))
            except IthacaError as error:
                await answered(error).response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_closed(path: str) -> bool:
    """Whether a path is for who is known."""
    return path.startswith(_CLOSED) and path not in OPEN and not path.startswith(TYPES)
