"""`/api/search`: messages by their words."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.pages import Limit
from ithaca.service.wire.shapes import HitShape, hit_json, items_of

router = APIRouter(prefix="/api", tags=["search"])

Question = Annotated[
    str, Query(description='Words; "in quotation marks", begin*, -without, this OR that.', examples=["ferry"])
]


class Search:
    """What is searched for, and where."""

    def __init__(
        self,
        q: Question,
        session: Annotated[str | None, Query(description="Only in this session.")] = None,
        role: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        archived: bool | None = None,
        incognito: Annotated[bool, Query(description="Incognito sessions, instead of what is stored.")] = False,
        limit: Limit = 20,
        neighbours: Annotated[int, Query(description="Messages on either side of each hit.", ge=0, le=20)] = 0,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", "q")}
        self.given: dict[str, Any] = {"text": q, **given}


Asked = Annotated[Search, Depends()]


@router.get("/search", response_model=items_of(HitShape))
async def search(manager: Owned, asked: Asked) -> Response:
    """The messages that fit, the best first."""
    return Answer.of({"items": [hit_json(hit) for hit in await manager.search(**asked.given)]}).response()
