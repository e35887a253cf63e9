"""`/api/keys` and `/api/admin/keys`: keys for programs.

The same routes twice: for one's own data, on a manager that is confined to who asks, and for administrators.
"""

from operator import itemgetter
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from ithaca import NewAccessKey
from ithaca.errors import NotAllowed
from ithaca.service.access import Asking, Owned, Trusted, Visitor
from ithaca.service.answers import NO_CONTENT, Answer
from ithaca.service.pages import InParts
from ithaca.service.parameters import Owner
from ithaca.service.paths import Id
from ithaca.service.problems import Refused
from ithaca.service.repeats import Repeatable
from ithaca.service.strict import Route
from ithaca.service.wire.keys import AnyNewKey, NewKey
from ithaca.service.wire.shapes import AccessKeyShape, NewAccessKeyShape, page_of

own = APIRouter(prefix="/api/keys", tags=["keys"], route_class=Route)
all_owners = APIRouter(prefix="/api/admin/keys", tags=["admin"], route_class=Route)


async def person(visitor: Asking) -> Visitor:
    """Who is asking, if he may give keys away: with a key that was lost, nobody shall make himself others."""
    if visitor.by == "key" and "admin" not in visitor.rights:
        raise NotAllowed("admin")
    return visitor


Person = Annotated[Visitor, Depends(person)]

_ID = itemgetter("owner", "id")


@own.get("", response_model=page_of(AccessKeyShape))
async def list_keys(manager: Owned, parts: InParts) -> Response:
    """Every key to your data, in the order in which they were made; what they say is not known."""
    return parts.response([key.to_dict() for key in await manager.list_keys()], _ID)


@own.post("", response_model=NewAccessKeyShape, status_code=201)
async def create_key(manager: Owned, visitor: Person, once: Repeatable, body: NewKey) -> Response:
    """Make a key to your data that may do no more than you; `token`, what it says, is shown this once."""
    for scope in body.scopes:
        if scope not in visitor.rights:
            raise NotAllowed(scope)
    if "admin" in body.scopes:
        detail = "A key with the right 'admin' opens everybody's data: make it at /api/admin/keys."
        raise Refused(403, "NotAllowed", detail, right="admin")
    shown = Shown()
    return shown.first(await once.of(manager, lambda m: m.create_key(**body.given()), shown.kept))


@own.delete("/{key_id}", status_code=204, dependencies=[Depends(person)])
async def revoke_key(manager: Owned, key_id: Id) -> Response:
    """End a key for good."""
    await manager.revoke_key(key_id)
    return NO_CONTENT.response()


@all_owners.get("", response_model=page_of(AccessKeyShape))
async def list_all_keys(manager: Trusted, parts: InParts, owner: Owner = None) -> Response:
    """Every key, by owner."""
    return parts.response([key.to_dict() for key in await manager.list_keys(owner=owner)], _ID)


@all_owners.post("", response_model=NewAccessKeyShape, status_code=201)
async def create_any_key(manager: Trusted, once: Repeatable, body: AnyNewKey) -> Response:
    """Make a key to anybody's data."""
    shown = Shown()
    return shown.first(await once.of(manager, lambda m: m.create_key(**body.given()), shown.kept))


@all_owners.delete("/{key_id}", status_code=204)
async def revoke_any_key(manager: Trusted, key_id: Id) -> Response:
    """End anybody's key for good."""
    await manager.revoke_key(key_id)
    return NO_CONTENT.response()


class Shown:
    """Answers with a new key: what it says is in no answer that is kept to be given again."""

    def __init__(self) -> None:
        self._made: NewAccessKey | None = None

    def kept(self, new: NewAccessKey) -> Answer:
        """The answer that may be given again."""
        self._made = new
        return Answer.of(new.key.to_dict() | {"token": None}, 201)

    def first(self, kept: Response) -> Response:
        """The answer that is given now."""
        return kept if self._made is None else Answer.of(self._made.to_dict(), 201).response()
