"""Users at the door: what is said of somebody who is to log in is checked before a database, or a server, is asked."""

from typing import Any

from ithaca import passwords
from ithaca.arguments import Door, Unset
from ithaca.content import flag, identifier
from ithaca.errors import Described, InvalidArgument, InvalidInput, NotAllowed, UserNotFound


def user_name(door: Door, value: object) -> str:
    """The name of a user who may be there."""
    if not isinstance(value, str):
        raise InvalidArgument("name", value, "a text")
    try:
        return identifier("name", value, door.scope.limits)
    except InvalidInput:
        raise UserNotFound(value) from None


def refuse_confined(door: Door) -> None:
    """Only trusted code gives away what isn't one owner's. Raises `NotAllowed`."""
    if door.scope.owner is not None:
        raise NotAllowed("admin")


def new_user(door: Door, name: object, password: object, owner: str | None, is_admin: object) -> dict[str, Any]:
    """What is to be stored of a new user, his password as it is."""
    refuse_confined(door)
    named = identifier("name", name, door.scope.limits)
    return {
        "name": named,
        "owner": named if owner is None else door.owner(owner),
        "is_admin": flag("is_admin", is_admin),
        "password": passwords.new_password(password, named),
    }


def user_changes(door: Door, name: str, password: object, is_admin: object) -> dict[str, Any]:
    """What changes of a user, his password as it is."""
    changes: dict[str, Any] = {}
    if not isinstance(is_admin, Unset):
        refuse_confined(door)
        changes["is_admin"] = flag("is_admin", is_admin)
    if not isinstance(password, Unset):
        changes["password"] = passwords.new_password(password, name)
    if not changes:
        raise InvalidArgument("password", Described("nothing"), "given, or is_admin")
    return changes
