"""`/api/trash`: what was removed, the way back, and the end of the way."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.pages import Cursor, Limit, link, page_answer
from ithaca.service.paths import Id
from ithaca.service.repeats import Repeatable
from ithaca.service.revisions import Expected
from ithaca.service.strict import Route
from ithaca.service.wire.shapes import (
    ErasedShape,
    MessageShape,
    RestoredShape,
    TrashEntryShape,
    items_of,
    message_json,
    page_of,
)

router = APIRouter(prefix="/api", tags=["trash"], route_class=Route)


@router.get("/trash", response_model=page_of(TrashEntryShape))
async def trash(
    manager: Owned, request: Request, session_id: str | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """A page of what was removed, an entry for each operation, the last first."""
    return page_answer(request, await manager.trash(session_id=session_id, cursor=cursor, limit=limit)).response()


@router.get("/trash/{trash_id}/messages", response_model=items_of(MessageShape))
async def trashed_messages(
    manager: Owned,
    request: Request,
    trash_id: Id,
    session_id: Annotated[str | None, Query(description="Which, of an entry with several sessions.")] = None,
    after: Annotated[int, Query(description="The first after this number.")] = 0,
    limit: Limit = 50,
) -> Response:
    """Messages in an entry of the trash by number, oldest first."""
    asked: dict[str, Any] = {"session_id": session_id, "after": after, "limit": limit}
    found = await manager.trashed_messages(trash_id, **asked)
    way_on = link(request, "next", after=found[-1].seq) if len(found) == limit else None
    return Answer.of({"items": [message_json(message) for message in found]}, link=way_on).response()


@router.post("/trash/{trash_id}/restore", response_model=RestoredShape)
async def restore(manager: Owned, once: Repeatable, trash_id: Id, expected: Expected) -> Response:
    """Take back one operation, whenever it was."""
    return await once.of(manager, lambda m: m.restore(trash_id, expected_revision=expected), Answer.plain)


@router.delete("/trash/{trash_id}", response_model=ErasedShape)
async def purge_entry(manager: Owned, trash_id: Id) -> Response:
    """Erase one entry for good."""
    return Answer.plain(await manager.purge(trash_id)).response()
