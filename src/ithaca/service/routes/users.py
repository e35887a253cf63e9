"""`/api/admin/users`: who may log in."""

from operator import itemgetter
from typing import Any

from fastapi import APIRouter, Response

from ithaca.service.access import Trusted
from ithaca.service.answers import NO_CONTENT, Answer
from ithaca.service.pages import InParts
from ithaca.service.parameters import Owner
from ithaca.service.paths import Id
from ithaca.service.repeats import Repeatable
from ithaca.service.strict import Route
from ithaca.service.wire.shapes import Count, UserShape, page_of
from ithaca.service.wire.users import NewUser, UserChanges

router = APIRouter(prefix="/api/admin/users", tags=["admin"], route_class=Route)


@router.get("", response_model=page_of(UserShape))
async def list_users(manager: Trusted, parts: InParts, owner: Owner = None) -> Response:
    """Every user, by owner and name."""
    return parts.response([user.to_dict() for user in await manager.list_users(owner=owner)], itemgetter("name"))


@router.post("", response_model=UserShape, status_code=201)
async def create_user(manager: Trusted, once: Repeatable, body: NewUser) -> Response:
    """Make a user. Sent again with its key, it is the same request though its password be another, which is not set."""
    given = body.given()
    once = once.known_by("create_user", *_but_the_password(given))
    return await once.of(manager, lambda m: m.create_user(**given), lambda user: Answer.of(user.to_dict(), 201))


def _but_the_password(given: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted((name, value) for name, value in given.items() if name != "password")


@router.get("/{name}", response_model=UserShape)
async def get_user(manager: Trusted, name: Id) -> Response:
    """A user."""
    return Answer.of((await manager.get_user(name)).to_dict()).response()


@router.patch("/{name}", response_model=UserShape)
async def update_user(manager: Trusted, once: Repeatable, name: Id, body: UserChanges) -> Response:
    """Give a user another password or other rights, which logs him out everywhere.

    Sent again with its key, it is the same request though the password be another, which is not set.
    """
    given = body.given()
    once = once.known_by("update_user", name, "password" in given, *_but_the_password(given))
    return await once.of(manager, lambda m: m.update_user(name, **given), lambda user: Answer.of(user.to_dict()))


@router.delete("/{name}", status_code=204)
async def remove_user(manager: Trusted, name: Id) -> Response:
    """Remove a user, and log him out; the data stays its owner's."""
    await manager.remove_user(name)
    return NO_CONTENT.response()


@router.post("/{name}/logout", response_model=Count)
async def log_out_user(manager: Trusted, once: Repeatable, name: Id) -> Response:
    """Log a user out everywhere; `count` says from how many browsers."""
    return await once.of(manager, lambda m: m.log_out_user(name), lambda count: Answer.of({"count": count}))
