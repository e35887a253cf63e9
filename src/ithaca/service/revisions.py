"""Revisions over HTTP: a response's `ETag` is the revision, and `If-Match` the expected one.

Nobody has to send `If-Match`; who does, changes only what he has seen (RFC 9110, 13.1.1). Where no revision is
compared, it is refused: a condition that nobody looks at would seem to have been met.
"""

import re
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from ithaca.errors import InvalidArgument
from ithaca.service.access import READING
from ithaca.service.answers import Answer

_ETAG = re.compile(r'"(\d{1,18})"')


def etag(revision: int) -> str:
    """The ETag of a revision."""
    return f'"{revision}"'


#: What the OpenAPI document says of the answer to whatever compares a revision.
ETAG = {"ETag": {"description": "The revision that it left behind.", "schema": {"type": "string"}}}


async def expected_revision(
    given: Annotated[
        str | None,
        Header(alias="If-Match", description="The `ETag` of what is to be changed, as it was seen.", examples=['"7"']),
    ] = None,
) -> int | None:
    """The revision that the request's `If-Match` names; None where there is none, or it is `*`."""
    return _revision_of(given)


def _revision_of(given: str | None) -> int | None:
    if given is None or given.strip() == "*":
        return None
    found = _ETAG.fullmatch(given.strip())
    if found is None:
        raise InvalidArgument("If-Match", given, 'one ETag as it was given, as "7"')
    return int(found[1])


Expected = Annotated[int | None, Depends(expected_revision)]


def left_at(answer: Answer, revisions: Mapping[str, int]) -> Answer:
    """The answer to a change of one session or document, with the revision that it left behind as its ETag."""
    return answer.having(etag=etag(*revisions.values())) if len(revisions) == 1 else answer


async def no_other_condition(request: Request) -> None:
    """Refuses an `If-Match` that the request's route would not look at."""
    if "if-match" not in request.headers or request.method in READING:
        return
    route: APIRoute = request.scope["route"]
    if not compares(route) and _revision_of(request.headers["if-match"]) is not None:
        allowed = "left out here, where no revision is compared"
        raise InvalidArgument("If-Match", request.headers["if-match"], allowed)


def compares(route: APIRoute) -> bool:
    """Whether what a route changes is at a revision, which it compares with the `If-Match` of who asks."""
    return _asks_for_revision(route.dependant)


def _asks_for_revision(dependant: Dependant) -> bool:
    return dependant.call is expected_revision or any(map(_asks_for_revision, dependant.dependencies))


def is_known(request: Request, etag: str) -> bool:
    """Whether who asks has what is at this ETag, by `If-None-Match`: then the answer is 304 (RFC 9110, 13.1.2)."""
    known = ",".join(request.headers.getlist("if-none-match"))
    return known.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in known.split(","))
