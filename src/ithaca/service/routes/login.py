"""`/api/login`, `/api/logout`, and the page that an access link leads to."""

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ithaca import NewLogin
from ithaca.errors import NotSignedIn
from ithaca.service.access import Asking, AtHome, service_of
from ithaca.service.answers import NO_CONTENT, Answer
from ithaca.service.problems import Refused
from ithaca.service.repeats import Repeatable
from ithaca.service.routes.me import Me, me_answer
from ithaca.service.routes.page import base_of
from ithaca.service.signed_in import SignedIn
from ithaca.service.strict import Route
from ithaca.service.wire.users import Credentials, LogOut, PasswordChange

router = APIRouter(prefix="/api", tags=["me"], route_class=Route)
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
    """Log in with a password; the answer sets a cookie that no script can read.

    It takes no `Idempotency-Key`: sent again, it logs in once more, and the cookie of the last answer is the one kept.
    """
    access = signed_in(request)
    visitor, new = await access.log_in(request, body.name, body.password)
    return access.keep(request, new, me_answer(visitor).response())


@router.post("/logout", status_code=204)
async def log_out(request: Request, manager: AtHome, body: LogOut | None = None) -> Response:
    """Log out this browser; with `everywhere`, all others too.

    It may be sent again without a key: nobody is logged in then, and the answer says so.
    """
    access = signed_in(request)
    token = access.cookie(request)
    if token is not None:
        await manager.log_out(token, everywhere=body is not None and body.everywhere)
    return access.forget(request, NO_CONTENT.response())


@router.post("/me/password", status_code=204)
async def change_password(
    request: Request, manager: AtHome, visitor: Asking, once: Repeatable, body: PasswordChange
) -> Response:
    """Change your password, which you say once more; every other browser is logged out.

    Sent again with its key, it is the same request whatever passwords it says; the answer has no cookie then, as what a
    cookie says is not kept.
    """
    access = signed_in(request)
    if visitor.by != "login" or visitor.name is None:
        raise Refused(403, "NotAllowed", "Only who is logged in with a password has one to change.")
    said = (visitor.name, body.password, body.new_password)
    where, made = access.address(request), list[NewLogin]()

    def changed(new: NewLogin) -> Answer:
        made.append(new)
        return NO_CONTENT

    once = once.known_by("change_password", visitor.name)
    response = await once.of(manager, lambda m: m.change_password(*said, address=where), changed)
    return access.keep(request, made[-1], response) if made else response


@pages.get("/link/{token}")
async def link_page(token: Link) -> Response:
    """A page with a button: what merely looks at a link, as a preview does, doesn't use it up."""
    form = f'<form method="post" action="{escape(token)}"><button autofocus>Open Ithaca</button></form>'
    return _page(f"<p>This link logs you in here, once.</p>{form}")


@pages.post("/link/{token}")
async def open_link(request: Request, token: Link) -> Response:
    """Logs in who has the link, and goes on to the first page."""
    access = signed_in(request)
    try:
        new = await access.open_link(request, token)
    except NotSignedIn:
        return _page("<p>This link was opened before, or is too old. Start the server anew for another.</p>", 401)
    base = base_of(request)
    return access.keep(request, new, RedirectResponse(base if service_of(request).page else f"{base}api/me", 303))


_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { display: grid; place-content: center; min-height: 90vh; text-align: center; }
h1 { font-size: 1.25rem; margin: 0; }
button { font: inherit; font-weight: 600; padding: 0.6rem 1.5rem; border: 0; border-radius: 0.5rem; cursor: pointer;
  background: light-dark(#155c8a, #8cc8f0); color: light-dark(#fff, #10202c); }
button:focus-visible { outline: 2px solid; outline-offset: 3px; }
"""

_ALLOWED = b64encode(sha256(_STYLE.encode()).digest()).decode()

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_ALLOWED}'; img-src data:; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


def _page(body: str, status: int = 200) -> Response:
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
    page = f"<title>Ithaca</title><style>{_STYLE}</style><body><main><h1>Ithaca</h1>{body}</main>"
    return HTMLResponse(f'<!doctype html><html lang="en">{head}{page}</html>', status, _HEADERS)
