"""`/api/search`: messages by their words."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.pages import Limit
from ithaca.service.wire.shapes import HitShape, hit_json, items_of

router = APIRouter(prefix="/api", tags=["search"])

Question = Annotated[
    str, Query(description='Words; "in quotation marks", begin*, -without, this OR that.', examples=["ferry"])
]


@router.get("/search", response_model=items_of(HitShape))
async def search(
    manager: Owned,
    q: Question,
    session: Annotated[str | None, Query(description="Only in this session.")] = None,
    role: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    archived: bool | None = None,
    limit: Limit = 20,
    neighbours: Annotated[int, Query(description="Messages on either side of each hit.", ge=0, le=20)] = 0,
) -> Response:
    """The messages that fit, the best first."""
    asked: dict[str, Any] = {"session": session, "role": role, "limit": limit, "neighbours": neighbours}
    hits = await manager.search(q, since=since, until=until, archived=archived, **asked)
    return Answer.of({"items": [hit_json(hit) for hit in hits]}).response()
