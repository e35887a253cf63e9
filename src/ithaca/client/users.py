"""The calls about users, who log in with passwords; the server lets administrators make them."""

from ithaca import people
from ithaca.access import User
from ithaca.arguments import UNSET, Unset
from ithaca.client import values
from ithaca.client.asking import Asking, at, call
from ithaca.client.base import Calls
from ithaca.errors import UserNotFound


class Users(Calls):
    """The calls about users."""

    @call
    def create_user(
        self, name: str, password: str, *, owner: str | None = None, is_admin: bool = False
    ) -> Asking[User]:
        """A new user. He works on the data of `owner`, which is his own name unless told."""
        body = people.new_user(self._door, name, password, owner, is_admin)
        return values.user((yield self._change("POST", at("admin", "users"), body)).value)

    @call
    def get_user(self, name: str) -> Asking[User]:
        """A user."""
        return (yield from self._user(name))

    def _user(self, name: str) -> Asking[User]:
        """A user of whose data this client works on, if that is one owner's."""
        reply = yield self._get(_path_of(people.user_name(self._door, name)))
        user = values.user(reply.value)
        if self.owner not in (None, user.owner):
            raise UserNotFound(name)
        return user

    @call
    def list_users(self, *, owner: str | None = None) -> Asking[list[User]]:
        """Every user, or those who work on an owner's data, by owner and name."""
        whose = self._door.whose(owner) if self.owner is not None else owner
        asked = {} if whose is None else {"owner": whose}
        return values.items(values.user)((yield from self._every(at("admin", "users"), asked)))

    @call
    def update_user(self, name: str, *, password: str | Unset = UNSET, is_admin: bool | Unset = UNSET) -> Asking[User]:
        """Gives a user another password or other rights, which logs him out everywhere."""
        known = people.user_name(self._door, name)
        changes = people.user_changes(self._door, known, password, is_admin)
        yield from self._refuse_others(known)
        return values.user((yield self._change("PATCH", _path_of(known), changes)).value)

    @call
    def remove_user(self, name: str) -> Asking[None]:
        """Removes a user, and logs him out; the data stays its owner's."""
        known = people.user_name(self._door, name)
        yield from self._refuse_others(known)
        yield self._sent_once("DELETE", _path_of(known))

    @call
    def log_out_user(self, name: str) -> Asking[int]:
        """Logs a user out everywhere; returns from how many browsers."""
        known = people.user_name(self._door, name)
        yield from self._refuse_others(known)
        return int((yield self._change("POST", f"{_path_of(known)}/logout")).value["count"])

    def _refuse_others(self, name: str) -> Asking[None]:
        if self.owner is not None:
            yield from self._user(name)


def _path_of(name: str) -> str:
    return at("admin", "users", name)
