"""The calls about users, who log in with passwords."""

from typing import Any

from ithaca import passwords
from ithaca.access import User
from ithaca.arguments import UNSET, Unset
from ithaca.content import flag, identifier
from ithaca.errors import Described, InvalidArgument, InvalidInput, NotAllowed, UserNotFound
from ithaca.manager.base import AsyncBase, Base, Common, documented_by
from ithaca.operations import users


class Naming(Common):
    """What both managers do alike."""

    def _user_name(self, value: object) -> str:
        """The name of a user who may be there."""
        if not isinstance(value, str):
            raise InvalidArgument("name", value, "a text")
        try:
            return identifier("name", value, self._door.scope.limits)
        except InvalidInput:
            raise UserNotFound(value) from None

    def _refuse_confined(self) -> None:
        """Only trusted code gives away what isn't one owner's."""
        if self._door.scope.owner is not None:
            raise NotAllowed("admin")

    def _new_user(self, name: object, password: object, owner: str | None, is_admin: bool) -> dict[str, Any]:
        self._refuse_confined()
        named = identifier("name", name, self._door.scope.limits)
        return {
            "name": named,
            "owner": named if owner is None else self._door.owner(owner),
            "is_admin": flag("is_admin", is_admin),
            "password": passwords.new_password(password, named),
        }

    def _user_changes(self, name: str, password: object, is_admin: object) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if not isinstance(is_admin, Unset):
            self._refuse_confined()
            changes["is_admin"] = flag("is_admin", is_admin)
        if not isinstance(password, Unset):
            changes["password"] = passwords.new_password(password, name)
        if not changes:
            raise InvalidArgument("password", Described("nothing"), "given, or is_admin")
        return changes


def _hashed(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns, with what is stored of the password, if there is one."""
    return columns | {"password": passwords.hashed(columns["password"])} if "password" in columns else columns


class Users(Naming, Base):
    """The calls about users."""

    def create_user(self, name: str, password: str, *, owner: str | None = None, is_admin: bool = False) -> User:
        """A new user. He works on the data of `owner`, which is his own name unless told.

        An administrator may do what concerns all owners. A password has 8 to 1,000 characters. Raises `UserExists`,
        `InvalidArgument`; `NotAllowed` for a manager that is confined to an owner.
        """
        columns = self._new_user(name, password, owner, is_admin)
        return self._storage.write(users.create, self._door.scope, _hashed(columns))

    def get_user(self, name: str) -> User:
        """A user. Raises `UserNotFound`."""
        return self._storage.read(users.get, self._door.scope, self._user_name(name))

    def list_users(self, *, owner: str | None = None) -> list[User]:
        """Every user, or those who work on an owner's data, by owner and name."""
        return self._storage.read(users.list_users, self._door.scope, self._door.whose(owner))

    def update_user(self, name: str, *, password: str | Unset = UNSET, is_admin: bool | Unset = UNSET) -> User:
        """Gives a user another password or other rights, which logs him out everywhere.

        Raises `UserNotFound`, `InvalidArgument`; `NotAllowed` if a manager that is confined to an owner is to say who
        is an administrator.
        """
        known = self._user_name(name)
        changes = self._user_changes(known, password, is_admin)
        return self._storage.write(users.update, self._door.scope, known, _hashed(changes))

    def remove_user(self, name: str) -> None:
        """Removes a user, and logs him out; the data stays its owner's. Raises `UserNotFound`."""
        self._storage.write(users.remove, self._door.scope, self._user_name(name))

    def log_out_user(self, name: str) -> int:
        """Logs a user out everywhere; returns from how many browsers. Raises `UserNotFound`."""
        return self._storage.write(users.log_out, self._door.scope, self._user_name(name))


@documented_by(Users)
class AsyncUsers(Naming, AsyncBase):
    """The calls about users."""

    async def create_user(self, name: str, password: str, *, owner: str | None = None, is_admin: bool = False) -> User:
        columns = self._new_user(name, password, owner, is_admin)
        hashed = await passwords.aside(lambda: _hashed(columns))
        return await self._storage.write(users.create, self._door.scope, hashed)

    async def get_user(self, name: str) -> User:
        return await self._storage.read(users.get, self._door.scope, self._user_name(name))

    async def list_users(self, *, owner: str | None = None) -> list[User]:
        return await self._storage.read(users.list_users, self._door.scope, self._door.whose(owner))

    async def update_user(self, name: str, *, password: str | Unset = UNSET, is_admin: bool | Unset = UNSET) -> User:
        known = self._user_name(name)
        changes = self._user_changes(known, password, is_admin)
        hashed = await passwords.aside(lambda: _hashed(changes))
        return await self._storage.write(users.update, self._door.scope, known, hashed)

    async def remove_user(self, name: str) -> None:
        await self._storage.write(users.remove, self._door.scope, self._user_name(name))

    async def log_out_user(self, name: str) -> int:
        return await self._storage.write(users.log_out, self._door.scope, self._user_name(name))
