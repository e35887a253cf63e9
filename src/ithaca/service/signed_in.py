"""Who is asking, by what he shows: a key, as `Authorization: Bearer …`."""

from starlette.requests import HTTPConnection

from ithaca import AsyncSessionManager
from ithaca.errors import NotSignedIn
from ithaca.service.access import Visitor


class SignedIn:
    """Lets in who shows a key that the database knows.

    `manager` is not confined to an owner: to whom a key belongs is found by the key. It is asked for nothing else.
    """

    def __init__(self, manager: AsyncSessionManager) -> None:
        self._manager = manager

    async def visitor(self, connection: HTTPConnection) -> Visitor:
        """Whose key it is. Raises `NotSignedIn` without one, or with one that opens nothing."""
        token = bearer(connection)
        if token is None:
            raise NotSignedIn
        key = await self._manager.identify_key(token)
        return Visitor(key.owner, frozenset(key.scopes), "key", key.name)


def bearer(connection: HTTPConnection) -> str | None:
    """The key that a request shows (RFC 6750, 2.1)."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
