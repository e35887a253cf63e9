"""Who is asking, by what he shows.

    a key               `Authorization: Bearer …`, which a program sends by itself
    a proxy's word      the header that names the user, from a proxy whose address is named
    a cookie            of a browser that logged in with a password, or by an access link

A browser sends the latter two with whatever any page asks for, so a change has to come from a page of this server.
"""

from collections.abc import Collection

from starlette.requests import HTTPConnection
from starlette.responses import Response

from ithaca import AsyncSessionManager
from ithaca.access import Login, NewLogin, digest_of
from ithaca.errors import ForeignOrigin, NotSignedIn, UserNotFound
from ithaca.service.access import READING, Means, Visitor
from ithaca.service.browsers import Proxies, is_foreign_page, is_own_page
from ithaca.service.settings import ServiceSettings


class SignedIn:
    """Lets in who shows a key, a cookie, or comes with a trusted proxy's word.

    `manager` is not confined to an owner: whose a key or a cookie is, is found by it. It is asked for nothing else.
    """

    def __init__(self, manager: AsyncSessionManager, settings: ServiceSettings | None = None) -> None:
        settings = settings or ServiceSettings()
        self._manager = manager
        self._proxies = Proxies(settings.trusted_proxies)
        self._user_header = settings.user_header

    async def visitor(self, connection: HTTPConnection) -> Visitor:
        """Who it is. Raises `NotSignedIn`; `ForeignOrigin` for a change that another page asks for."""
        token = bearer(connection)
        if token is not None:
            return await self._by_key(token)
        found = await self._by_proxy(connection) or await self._by_cookie(connection)
        if connection.scope["method"] not in READING and not self._is_own_page(connection):
            raise ForeignOrigin
        return found

    async def ended(self, visitors: Collection[Visitor]) -> Collection[Visitor]:
        """Those whose key or log-in opens nothing any more."""
        proofs = {visitor.proof for visitor in visitors if visitor.proof is not None}
        there = await self._manager.still_open(proofs) if proofs else set()
        return [visitor for visitor in visitors if visitor.proof in proofs - there]

    async def log_in(self, connection: HTTPConnection, name: str, password: str) -> tuple[Visitor, NewLogin]:
        """Logs a browser in, or a program. Raises `LoginRefused`, `TooManyAttempts`, `ForeignOrigin`."""
        self._refuse_foreign(connection)
        new = await self._manager.log_in(name, password, address=self.address(connection))
        return _logged_in(new.login, new.token), new

    async def open_link(self, connection: HTTPConnection, link: str) -> NewLogin:
        """Logs in who has an access link. Raises `NotSignedIn` for one that opens nothing; `ForeignOrigin`."""
        self._refuse_foreign(connection)
        return await self._manager.open_link(link)

    def address(self, connection: HTTPConnection) -> str:
        """Where a request is from."""
        return self._proxies.address(connection)

    def keep(self, connection: HTTPConnection, new: NewLogin, response: Response) -> Response:
        """The response, with the cookie that the browser is to keep."""
        secure = self._proxies.is_secure(connection)
        lifetime = int((new.login.expires_at - new.login.created_at).total_seconds())
        name = cookie_name(connection, secure=secure)
        response.set_cookie(name, new.token, max_age=lifetime, httponly=True, samesite="strict", secure=secure)
        response.headers["cache-control"] = "no-store"
        return response

    def forget(self, connection: HTTPConnection, response: Response) -> Response:
        """The response, which takes the cookie from the browser."""
        secure = self._proxies.is_secure(connection)
        response.delete_cookie(cookie_name(connection, secure=secure), httponly=True, samesite="strict", secure=secure)
        return response

    def cookie(self, connection: HTTPConnection) -> str | None:
        """What the browser keeps."""
        return connection.cookies.get(cookie_name(connection, secure=self._proxies.is_secure(connection)))

    def _is_own_page(self, connection: HTTPConnection) -> bool:
        return is_own_page(connection, secure=self._proxies.is_secure(connection))

    def _refuse_foreign(self, connection: HTTPConnection) -> None:
        if is_foreign_page(connection, secure=self._proxies.is_secure(connection)):
            raise ForeignOrigin

    async def _by_key(self, token: str) -> Visitor:
        key = await self._manager.identify_key(token)
        return Visitor(key.owner, frozenset(key.scopes), "key", key.name, digest_of(token))

    async def _by_cookie(self, connection: HTTPConnection) -> Visitor:
        token = self.cookie(connection)
        if token is None:
            raise NotSignedIn
        return _logged_in(await self._manager.identify_login(token), token)

    async def _by_proxy(self, connection: HTTPConnection) -> Visitor | None:
        """Whom a trusted proxy names. One who is no user yet has what is under his name."""
        names = connection.headers.getlist(self._user_header) if self._user_header else []
        if not names or not self._proxies.is_behind(connection):
            return None
        name = _only(names)
        try:
            user = await self._manager.get_user(name)
        except UserNotFound:
            return Visitor(name, frozenset(("read", "write")), "proxy", name)
        return Visitor(user.owner, frozenset(user.rights), "proxy", name)


def _only(names: list[str]) -> str:
    """The one name that a header has, in UTF-8. Raises `NotSignedIn`: of two names, somebody else wrote one."""
    try:
        name = "" if len(names) > 1 else names[0].encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise NotSignedIn from error
    if not name:
        raise NotSignedIn
    return name


def _logged_in(login: Login, token: str) -> Visitor:
    by: Means = "link" if login.user is None else "login"
    return Visitor(login.owner, frozenset(login.rights), by, login.user, digest_of(token))


def bearer(connection: HTTPConnection) -> str | None:
    """The key that a request shows (RFC 6750, 2.1)."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def cookie_name(connection: HTTPConnection, *, secure: bool) -> str:
    """The cookie's name. It has the port, since a browser sends a machine's cookies to all its ports.

    By HTTPS, the prefix makes the browser refuse one that another server of the domain has set (RFC 6265bis, 4.1.3.2).
    """
    host, colon, port = connection.headers.get("host", "").rpartition(":")
    numbered = f"-{port}" if host and colon and port.isdigit() else ""
    return f"__Host-ithaca{numbered}" if secure else f"ithaca{numbered}"
