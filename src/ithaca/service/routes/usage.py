"""`/api/usage`: what conversations cost."""

from datetime import date
from operator import itemgetter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from ithaca import UsageRecord
from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.pages import InParts
from ithaca.service.paths import Id
from ithaca.service.repeats import Repeatable
from ithaca.service.revisions import Expected
from ithaca.service.strict import Route
from ithaca.service.wire.shapes import UsageRecordShape, UsageShape, page_of
from ithaca.service.wire.upkeep import NewUsage
from ithaca.usage import KEYS, UsageKey

router = APIRouter(prefix="/api", tags=["usage"], route_class=Route)

By = Annotated[list[UsageKey], Query(description="What the sums are broken down by, in this order.")]
TOGETHER = Annotated[bool, Query(description="One sum of it all, broken down by nothing.")]


def _made(record: UsageRecord) -> Answer:
    return Answer.of(record.to_dict(), 201)


@router.post("/sessions/{session_id}/usage", status_code=201, response_model=UsageRecordShape)
async def record_usage(
    manager: Owned, once: Repeatable, session_id: Id, expected: Expected, body: NewUsage
) -> Response:
    """Record what a reply used; the session's totals are raised with it."""
    given = body.arguments()
    return await once.of(manager, lambda m: m.record_usage(session_id, **given, expected_revision=expected), _made)


@router.get("/usage", response_model=page_of(UsageShape))
async def usage(
    manager: Owned,
    parts: InParts,
    session_id: str | None = None,
    model: str | None = None,
    since: Annotated[date | None, Query(description="The first day, in UTC.")] = None,
    until: Annotated[date | None, Query(description="The last day, in UTC.")] = None,
    by: By = ["day", "model"],  # noqa: B006, never changed
    together: TOGETHER = False,
) -> Response:
    """Sums of what was recorded."""
    asked: dict[str, Any] = {"session_id": session_id, "model": model, "since": since, "until": until}
    sums = await manager.usage(**asked, by=() if together else by)
    return parts.response([sum.to_dict() for sum in sums], itemgetter(*KEYS))
