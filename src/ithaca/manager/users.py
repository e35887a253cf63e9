"""The calls about users, who log in with passwords."""

from typing import Any

from ithaca import passwords, people
from ithaca.access import User
from ithaca.arguments import UNSET, Unset
from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.operations import users


def _hashed(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns, with what is stored of the password, if there is one."""
    return columns | {"password": passwords.hashed(columns["password"])} if "password" in columns else columns


class Users(Base):
    """The calls about users."""

    def create_user(self, name: str, password: str, *, owner: str | None = None, is_admin: bool = False) -> User:
        """A new user. He works on the data of `owner`, which is his own name unless told.

        An administrator may do what concerns all owners. A password has 8 to 1,000 characters. Raises `UserExists`,
        `InvalidArgument`; `NotAllowed` for a manager that is confined to an owner.
        """
        columns = people.new_user(self._door, name, password, owner, is_admin)
        return self._storage.write(users.create, self._door.scope, _hashed(columns))

    def get_user(self, name: str) -> User:
        """A user. Raises `UserNotFound`."""
        return self._storage.read(users.get, self._door.scope, people.user_name(self._door, name))

    def list_users(self, *, owner: str | None = None) -> list[User]:
        """Every user, or those who work on an owner's data, by owner and name."""
        return self._storage.read(users.list_users, self._door.scope, self._door.whose(owner))

    def update_user(self, name: str, *, password: str | Unset = UNSET, is_admin: bool | Unset = UNSET) -> User:
        """Gives a user another password or other rights, which logs him out everywhere.

        Where it leaves his owner without an administrator, it ends the owner's keys with the right "admin".
        Raises `UserNotFound`, `InvalidArgument`; `NotAllowed` if a manager that is confined to an owner is to say who
        is an administrator.
        """
        known = people.user_name(self._door, name)
        changes = people.user_changes(self._door, known, password, is_admin)
        return self._storage.write(users.update, self._door.scope, known, _hashed(changes))

    def remove_user(self, name: str) -> None:
        """Removes a user, and logs him out; the data stays its owner's. Raises `UserNotFound`.

        Where he was its last administrator, the owner's keys with the right "admin" end.
        """
        self._storage.write(users.remove, self._door.scope, people.user_name(self._door, name))

    def log_out_user(self, name: str) -> int:
        """Logs a user out everywhere; returns from how many browsers. Raises `UserNotFound`."""
        return self._storage.write(users.log_out, self._door.scope, people.user_name(self._door, name))


@documented_by(Users)
class AsyncUsers(AsyncBase):
    """The calls about users."""

    async def create_user(self, name: str, password: str, *, owner: str | None = None, is_admin: bool = False) -> User:
        columns = people.new_user(self._door, name, password, owner, is_admin)
        hashed = await passwords.aside(lambda: _hashed(columns))
        return await self._storage.write(users.create, self._door.scope, hashed)

    async def get_user(self, name: str) -> User:
        return await self._storage.read(users.get, self._door.scope, people.user_name(self._door, name))

    async def list_users(self, *, owner: str | None = None) -> list[User]:
        return await self._storage.read(users.list_users, self._door.scope, self._door.whose(owner))

    async def update_user(self, name: str, *, password: str | Unset = UNSET, is_admin: bool | Unset = UNSET) -> User:
        known = people.user_name(self._door, name)
        changes = people.user_changes(self._door, known, password, is_admin)
        hashed = await passwords.aside(lambda: _hashed(changes))
        return await self._storage.write(users.update, self._door.scope, known, hashed)

    async def remove_user(self, name: str) -> None:
        await self._storage.write(users.remove, self._door.scope, people.user_name(self._door, name))

    async def log_out_user(self, name: str) -> int:
        return await self._storage.write(users.log_out, self._door.scope, people.user_name(self._door, name))
