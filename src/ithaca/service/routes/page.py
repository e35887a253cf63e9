"""The web page: one document, whatever the view, and its files. All that it shows it asks of `/api`."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from ithaca.errors import InvalidArgument
from ithaca.service.problems import Refused
from ithaca.service.revisions import is_known
from ithaca.web.assets import assets, page, picture_frame

router = APIRouter(include_in_schema=False)

#: Nothing runs, and nothing is loaded, but the page's own files; HTML goes into the page in one place only, its
#: policy of trusted types.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'self'",
        "frame-ancestors 'none'",
        "trusted-types ithaca",
        "require-trusted-types-for 'script'",
    )
)

HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

#: A version of the files never changes.
_FOR_EVER = "public, max-age=31536000, immutable"


@router.get("/")
@router.get("/new")
@router.get("/archive")
@router.get("/documents")
@router.get("/documents/{document_id}")
@router.get("/trash")
@router.get("/usage")
@router.get("/settings")
@router.get("/sessions/{session_id}")
async def show(request: Request) -> Response:
    """The page. Which view it shows, it reads in its own address."""
    return HTMLResponse(page(base_of(request)), headers={**HEADERS, "cache-control": "no-cache"})


def base_of(request: Request) -> str:
    """The path below which the app is reached."""
    return f"{request.scope.get('root_path', '')}/"


@router.get("/static/{version}/{path:path}")
async def static(request: Request, version: str, path: str) -> Response:
    """A file of the page's. Of an older version there is the present one, which nobody shall keep."""
    asset = assets().files.get(path)
    if asset is None:
        raise Refused(404, "NoSuchRoute", "There is no such file.")
    current = version == assets().version
    etag = f'"{assets().version}"'
    headers = {
        "cache-control": _FOR_EVER if current else "no-cache",
        "content-type": asset.media_type,
        "etag": etag,
        "x-content-type-options": "nosniff",
    }
    if is_known(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(asset.body, headers=headers)


#: A server's name and port, and nothing that would end a directive of a policy.
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?")


@router.get("/remote-image")
async def remote_image(request: Request, address: Annotated[str, Query(max_length=4_000)]) -> Response:
    """A frame with one picture from elsewhere, for who has asked to see it.

    The page may load none. The frame may load that one, can run nothing, and tells nobody where it stands.
    """
    origin = _origin(address)
    policy = f"default-src 'none'; img-src {origin}; style-src 'self'; base-uri 'self'; sandbox; frame-ancestors 'self'"
    headers = {**HEADERS, "content-security-policy": policy, "x-frame-options": "SAMEORIGIN"}
    return HTMLResponse(picture_frame(base_of(request), address), headers={**headers, "cache-control": "no-store"})


def _origin(address: str) -> str:
    """The server that an address names. Raises `InvalidArgument` where it names none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        raise InvalidArgument("address", address, "one that begins with https:// or http:// and names a server")
    return f"{parts.scheme}://{parts.netloc}"
