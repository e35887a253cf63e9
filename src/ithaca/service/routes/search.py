"""`/api/search`: messages by their words."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from ithaca.service.access import Owned
from ithaca.service.pages import Cursor, Limit, page_answer
from ithaca.service.strict import Route
from ithaca.service.wire.shapes import HitShape, hit_json, page_of

router = APIRouter(prefix="/api", tags=["search"], route_class=Route)

Question = Annotated[
    str, Query(description='Words; "in quotation marks", begin*, -without, this OR that.', examples=["ferry"])
]


async def what_is_asked(
    q: Question,
    session_id: Annotated[str | None, Query(description="Only in this session.")] = None,
    role: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    archived: bool | None = None,
    incognito: Annotated[bool, Query(description="Incognito sessions, instead of what is stored.")] = False,
    cursor: Cursor = None,
    limit: Limit = 20,
    neighbours: Annotated[int, Query(description="Messages on either side of each hit.", ge=0, le=20)] = 0,
) -> dict[str, Any]:
    """What is searched for, and where."""
    given = locals()
    return {"text": given.pop("q"), **given}


Asked = Annotated[dict[str, Any], Depends(what_is_asked)]


@router.get("/search", response_model=page_of(HitShape))
async def search(manager: Owned, request: Request, asked: Asked) -> Response:
    """A page of the messages that fit, the best first."""
    return page_answer(request, await manager.search(**asked), hit_json).response()
