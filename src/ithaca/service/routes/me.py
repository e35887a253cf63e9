"""`/api/me`: who is asking; `/api/problems`: what can go wrong."""

from inspect import getdoc
from typing import Any

from fastapi import APIRouter, Response

from ithaca import errors
from ithaca.access import Right
from ithaca.service.access import Asking, Means, Nobodys, Owned, Visitor
from ithaca.service.answers import Answer
from ithaca.service.problems import BEFORE, Refused, dashed, status_of, titled
from ithaca.service.repeats import Repeatable
from ithaca.service.strict import Route
from ithaca.service.wire.base import Body
from ithaca.service.wire.shapes import ErasedShape, Shape

router = APIRouter(prefix="/api", tags=["me"], route_class=Route)


class Me(Shape):
    """Who is asking."""

    owner: str
    rights: list[Right]
    by: Means
    name: str | None


class Confirmation(Body):
    """Says again whose data is meant."""

    owner: str


class ProblemType(Shape):
    """What a type of problem means."""

    error: str
    title: str
    status: int
    description: str


@router.get("/me", response_model=Me)
async def me(visitor: Asking) -> Response:
    """Who is asking, what he may do, and by what that is known."""
    return me_answer(visitor).response()


def me_answer(visitor: Visitor) -> Answer:
    """What is told of who is asking."""
    known = {"owner": visitor.owner, "rights": sorted(visitor.rights), "by": visitor.by, "name": visitor.name}
    return Answer.of(known)


@router.post("/me:erase", response_model=ErasedShape)
async def erase_own(manager: Owned, nobody: Nobodys, once: Repeatable, body: Confirmation) -> Response:
    """Erase all that you have, whom you name once more; it cannot be undone."""
    return await once.of_erasure(manager, nobody, lambda m: m.erase_owner(body.owner), Answer.plain)


@router.get("/problems/{name}", response_model=ProblemType, tags=["problems"])
async def problem_type(name: str) -> Response:
    """What a type of problem means."""
    if name not in _TYPES:
        raise Refused(404, "NoSuchRoute", "There is no such type of problem.")
    return Answer.of(_TYPES[name]).response()


def _described(kind: type[errors.IthacaError]) -> dict[str, Any]:
    name = kind.__name__
    return {"error": name, "title": titled(name), "status": status_of(kind), "description": getdoc(kind)}


_TYPES = {dashed(name): _described(getattr(errors, name)) for name in errors.__all__} | {
    dashed(name): {"error": name, "title": titled(name), "status": status, "description": meaning}
    for name, (status, meaning) in BEFORE.items()
}
