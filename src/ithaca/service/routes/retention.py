"""`/api/retention`: how long sessions are kept."""

from operator import itemgetter
from typing import Annotated

from fastapi import APIRouter, Query, Response

from ithaca.service.access import Owned
from ithaca.service.answers import NO_CONTENT, Answer
from ithaca.service.pages import InParts
from ithaca.service.repeats import Repeatable
from ithaca.service.strict import Route
from ithaca.service.wire.shapes import PolicyShape, page_of
from ithaca.service.wire.upkeep import Policy

router = APIRouter(prefix="/api", tags=["retention"], route_class=Route)

PolicyOf = Annotated[
    str | None, Query(description="That of this folder; otherwise that of all without one of their own.")
]


@router.get("/retention", response_model=page_of(PolicyShape))
async def list_retention(manager: Owned, parts: InParts) -> Response:
    """Every policy, in the order of folders."""
    return parts.response([policy.to_dict() for policy in await manager.list_retention()], itemgetter("folder"))


@router.put("/retention", response_model=PolicyShape)
async def set_retention(manager: Owned, once: Repeatable, body: Policy) -> Response:
    """Set the policy of a folder, or of all without one of their own; nothing happens until it is applied."""
    return await once.of(manager, lambda m: m.set_retention(**body.given()), Answer.plain)


@router.delete("/retention", status_code=204)
async def delete_retention(manager: Owned, folder: PolicyOf = None) -> Response:
    """Delete a policy."""
    await manager.delete_retention(folder=folder)
    return NO_CONTENT.response()
