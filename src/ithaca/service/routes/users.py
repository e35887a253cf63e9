"""`/api/admin/users`: who may log in."""

from fastapi import APIRouter, Response

from ithaca.service.access import Trusted
from ithaca.service.answers import NO_CONTENT, Answer
from ithaca.service.parameters import Owner
from ithaca.service.paths import Id
from ithaca.service.wire.shapes import Count, UserShape, items_of
from ithaca.service.wire.users import NewUser, UserChanges

router = APIRouter(prefix="/api/admin/users", tags=["admin"])


@router.get("", response_model=items_of(UserShape))
async def list_users(manager: Trusted, owner: Owner = None) -> Response:
    """Every user, by owner and name."""
    return Answer.of({"items": [user.to_dict() for user in await manager.list_users(owner=owner)]}).response()


@router.post("", response_model=UserShape, status_code=201)
async def create_user(manager: Trusted, body: NewUser) -> Response:
    """Make a user; sent again, it finds that he is there."""
    return Answer.of((await manager.create_user(**body.given())).to_dict(), 201).response()


@router.get("/{name}", response_model=UserShape)
async def get_user(manager: Trusted, name: Id) -> Response:
    """A user."""
    return Answer.of((await manager.get_user(name)).to_dict()).response()


@router.patch("/{name}", response_model=UserShape)
async def update_user(manager: Trusted, name: Id, body: UserChanges) -> Response:
    """Give a user another password or other rights, which logs him out everywhere."""
    return Answer.of((await manager.update_user(name, **body.given())).to_dict()).response()


@router.delete("/{name}", status_code=204)
async def remove_user(manager: Trusted, name: Id) -> Response:
    """Remove a user, and log him out; the data stays its owner's."""
    await manager.remove_user(name)
    return NO_CONTENT.response()


@router.post("/{name}/logout", response_model=Count)
async def log_out_user(manager: Trusted, name: Id) -> Response:
    """Log a user out everywhere; `count` says from how many browsers."""
    return Answer.of({"count": await manager.log_out_user(name)}).response()
