"""The calls about log-ins: with a password, or by an access link."""

from collections.abc import Collection
from typing import Any, NamedTuple

from ithaca import passwords, people
from ithaca.access import Login, NewLogin, digest_of, new_token
from ithaca.errors import InvalidArgument, LoginRefused
from ithaca.manager.base import AsyncBase, Base, Common, documented_by, innermost
from ithaca.operations import logins
from ithaca.operations.logins import Attempt, Stored


class Trial(NamedTuple):
    """Somebody who says that he is a user."""

    attempt: Attempt
    password: str
    #: What his password shall be from now on.
    another: str | None = None

    def outcome(self, stored: Stored | None) -> str | None:
        """What shall be stored of his password, if not what is. Raises `LoginRefused`. Takes long."""
        if not passwords.fits(self.password, None if stored is None else stored.password) or stored is None:
            raise LoginRefused
        if self.another is not None:
            return passwords.hashed(self.another)
        return passwords.hashed(self.password) if passwords.is_outdated(stored.password) else None

    def arguments(self, stored: Stored | None, password: str | None, token: str) -> tuple[Any, ...]:
        """As `logins.begin` takes them."""
        return self.attempt, stored, password, self.another is not None, digest_of(token), token


class Entering(Common):
    """What both managers do alike."""

    def _trial(self, name: object, password: object, address: object, another: object = None) -> Trial:
        named, where = _text("name", name), _text("address", address)
        attempt = Attempt(self._known_name(named), logins.hashed(named), logins.hashed(where) if where else "")
        new = None if another is None else passwords.new_password(another, named, "new_password")
        return Trial(attempt, passwords.given_password(password), new)

    def _known_name(self, name: str) -> str:
        """A name as the database can be asked for it; one that nobody can have is nobody's."""
        try:
            return people.user_name(self._door, name)
        except KeyError:
            return ""


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(field, value, "a text")
    return value


class Logins(Entering, Base):
    """The calls about log-ins."""

    def log_in(self, name: str, password: str, *, address: str = "") -> NewLogin:
        """A new log-in, with what the browser is to keep; it lasts 30 days.

        After 10 failed attempts in a quarter of an hour on one account from one `address`, 50 from one address or 100
        on one account, no more are taken until its end. Raises `LoginRefused`, which takes as long for a user whom
        there is as for one whom there isn't; `TooManyAttempts`.
        """
        return self._enter(self._trial(name, password, address))

    def change_password(self, name: str, password: str, new_password: str, *, address: str = "") -> NewLogin:
        """A new log-in of who knows his password, with another password from now on; all his other log-ins end.

        Raises `LoginRefused`, `TooManyAttempts`; `InvalidArgument` for a new password that is too short.
        """
        return self._enter(self._trial(name, password, address, new_password))

    def _enter(self, trial: Trial) -> NewLogin:
        scope, token = self._door.scope, new_token()
        # An attempt counts by itself, whatever becomes of it: it is no part of a change that happens once.
        stored = innermost(self._storage).write(logins.attempt, scope, trial.attempt)
        password = trial.outcome(stored)
        return self._storage.write(logins.begin, scope, *trial.arguments(stored, password, token))

    def log_out(self, token: str, *, everywhere: bool = False) -> int:
        """Ends a log-in; with `everywhere`, all of its user, or all by links to the same data. Returns how many."""
        return self._storage.write(logins.end, self._door.scope, digest_of(token), everywhere)

    def identify_login(self, token: str) -> Login:
        """The log-in whose browser shows this. Raises `NotSignedIn` if there is none, or its time is up."""
        return self._storage.read(logins.identify, self._door.scope, digest_of(token))

    def create_link(self, *, owner: str | None = None) -> str:
        """What an access link says that opens an owner's data, with all rights: once, and within an hour.

        Raises `NotAllowed` for a manager that is confined to an owner.
        """
        people.refuse_confined(self._door)
        token = new_token()
        self._storage.write(logins.create_link, self._door.scope, self._door.owner(owner), digest_of(token))
        return token

    def open_link(self, token: str) -> NewLogin:
        """A new log-in of who has the link. Raises `NotSignedIn` if it was opened before, or is too old."""
        new = new_token()
        return self._storage.write(logins.open_link, self._door.scope, digest_of(token), digest_of(new), new)

    def still_open(self, digests: Collection[str]) -> set[str]:
        """Those of keys and log-ins, named by the SHA-256 of what they say, that open something still."""
        return self._storage.read(logins.still_open, self._door.scope, digests)


@documented_by(Logins)
class AsyncLogins(Entering, AsyncBase):
    """The calls about log-ins."""

    async def log_in(self, name: str, password: str, *, address: str = "") -> NewLogin:
        return await self._enter(self._trial(name, password, address))

    async def change_password(self, name: str, password: str, new_password: str, *, address: str = "") -> NewLogin:
        return await self._enter(self._trial(name, password, address, new_password))

    async def _enter(self, trial: Trial) -> NewLogin:
        scope, token = self._door.scope, new_token()
        stored = await innermost(self._storage).write(logins.attempt, scope, trial.attempt)
        password = await passwords.aside(lambda: trial.outcome(stored))
        return await self._storage.write(logins.begin, scope, *trial.arguments(stored, password, token))

    async def log_out(self, token: str, *, everywhere: bool = False) -> int:
        return await self._storage.write(logins.end, self._door.scope, digest_of(token), everywhere)

    async def identify_login(self, token: str) -> Login:
        return await self._storage.read(logins.identify, self._door.scope, digest_of(token))

    async def create_link(self, *, owner: str | None = None) -> str:
        people.refuse_confined(self._door)
        token = new_token()
        await self._storage.write(logins.create_link, self._door.scope, self._door.owner(owner), digest_of(token))
        return token

    async def open_link(self, token: str) -> NewLogin:
        new = new_token()
        return await self._storage.write(logins.open_link, self._door.scope, digest_of(token), digest_of(new), new)

    async def still_open(self, digests: Collection[str]) -> set[str]:
        return await self._storage.read(logins.still_open, self._door.scope, digests)
