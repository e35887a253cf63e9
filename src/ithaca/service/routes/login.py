"""`/api/login`, `/api/logout`, and the page that an access link leads to."""

from html import escape
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ithaca.errors import NotSignedIn
from ithaca.service.access import Asking, Owned, service_of
from ithaca.service.answers import NO_CONTENT
from ithaca.service.problems import Refused
from ithaca.service.routes.me import Me, me_answer
from ithaca.service.routes.page import base_of
from ithaca.service.signed_in import SignedIn
from ithaca.service.wire.users import Credentials, LogOut, PasswordChange

router = APIRouter(prefix="/api", tags=["me"])
pages = APIRouter(include_in_schema=False)

Link = Annotated[str, Path()]


def signed_in(request: Request) -> SignedIn:
    """Who keeps the log-ins of this app."""
    access = service_of(request).access
    if not isinstance(access, SignedIn):
        raise Refused(404, "NoSuchRoute", "Nobody logs in here: who is asking is known in another way.")
    return access


@router.post("/login", response_model=Me)
async def log_in(request: Request, body: Credentials) -> Response:
    """Log in with a password; the answer sets a cookie that no script can read."""
    access = signed_in(request)
    visitor, new = await access.log_in(request, body.name, body.password)
    return access.keep(request, new, me_answer(visitor).response())


@router.post("/logout", status_code=204)
async def log_out(request: Request, manager: Owned, body: LogOut | None = None) -> Response:
    """Log out this browser; with `everywhere`, all others too."""
    access = signed_in(request)
    token = access.cookie(request)
    if token is not None:
        await manager.log_out(token, everywhere=body is not None and body.everywhere)
    return access.forget(request, NO_CONTENT.response())


@router.post("/me/password", status_code=204)
async def change_password(request: Request, manager: Owned, visitor: Asking, body: PasswordChange) -> Response:
    """Change your password, which you say once more; every other browser is logged out."""
    access = signed_in(request)
    if visitor.by != "login" or visitor.name is None:
        raise Refused(403, "NotAllowed", "Only who is logged in with a password has one to change.")
    where = access.address(request)
    new = await manager.change_password(visitor.name, body.password, body.new_password, address=where)
    return access.keep(request, new, NO_CONTENT.response())


@pages.get("/link/{token}")
async def link_page(token: Link) -> Response:
    """A page with a button: what merely looks at a link, as a preview does, doesn't use it up."""
    return _page(f'<form method="post" action="{escape(token)}"><button autofocus>Open Ithaca</button></form>')


@pages.post("/link/{token}")
async def open_link(request: Request, token: Link) -> Response:
    """Logs in who has the link, and goes on to the first page."""
    access = signed_in(request)
    try:
        new = await access.open_link(request, token)
    except NotSignedIn:
        return _page("<p>This link was opened before, or is too old. Start the server anew for another.</p>", 401)
    return access.keep(request, new, RedirectResponse(base_of(request), 303))


_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


def _page(body: str, status: int = 200) -> Response:
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Ithaca</title>'
    return HTMLResponse(f"{head}<h1>Ithaca</h1>{body}</html>", status, _HEADERS)
