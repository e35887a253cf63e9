"""Ids in paths: any text may be one, a slash in it included, which is written as `%2F`."""

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Path
from pydantic import AfterValidator
from starlette.types import ASGIApp, Receive, Scope, Send

# Stands for a slash within an id until the route is found: a noncharacter (Unicode 23.7), in nobody's id.
_SLASH = "\ufdd1"


class WholeSegments:
    """Keeps a server from taking the `%2F` of an id for a slash between two segments of the path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw: bytes = scope.get("raw_path") or b""
        if b"%2f" in raw.lower():
            parts = raw.partition(b"?")[0].decode("latin-1").split("/")
            scope["path"] = "/".join(unquote(part).replace("/", _SLASH) for part in parts)
        await self._app(scope, receive, send)


def route_path(scope: Scope) -> str:
    """The path as the app's routes have it, wherever the app is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _with_slashes(segment: str) -> str:
    return segment.replace(_SLASH, "/")


Id = Annotated[str, Path(description="An id; a slash in it is written as %2F."), AfterValidator(_with_slashes)]


def segment(id: str) -> str:
    """An id as it is written in a path; dots alone would be taken for a step upward."""
    return quote(id, safe="") if id.strip(".") else "%2E" * len(id)
