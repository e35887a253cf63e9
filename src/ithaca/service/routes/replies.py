"""`/api/sessions/{id}/replies`, `/api/replies`: what a model is asked, and answers."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from ithaca import Reply, ReplyEvent
from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.live import event
from ithaca.service.pages import Cursor, Limit, page_answer
from ithaca.service.paths import Id, segment
from ithaca.service.preferences import BY_ACCEPT
from ithaca.service.repeats import Repeatable
from ithaca.service.revisions import Expected
from ithaca.service.routes.contexts import made as compacted
from ithaca.service.routes.sessions import shown as session_shown
from ithaca.service.streams import EVENTS, accepts_events, closing, event_stream
from ithaca.service.strict import Route
from ithaca.service.wire.replies import NewReply, ToSummarize
from ithaca.service.wire.shapes import CompactionShape, ReplyShape, SessionShape, page_of

router = APIRouter(prefix="/api", tags=["replies"], route_class=Route)

_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {EVENTS: {"schema": {"type": "string"}}}}}
_NO_MORE: dict[int | str, dict[str, Any]] = {204: {"description": "The end was heard already."}}

LastEvent = Annotated[int | None, Header(alias="Last-Event-ID", description="The `id` of the last event heard.", ge=0)]
After = Annotated[int, Query(description="The `id` of the last event heard, where no header can be sent.", ge=0)]


def shown(reply: Reply) -> Answer:
    return Answer.of(reply.to_dict())


def begun(reply: Reply) -> Answer:
    return Answer.of(reply.to_dict(), 201, location=f"../../replies/{segment(reply.id)}").having(**BY_ACCEPT)


@router.post("/sessions/{session_id}/replies", status_code=201, response_model=ReplyShape, responses=_STREAM)
async def start_reply(
    manager: Owned, request: Request, once: Repeatable, session_id: Id, expected: Expected, body: NewReply
) -> Response:
    """Say something to the session's model, or have it answer what is there; the reply goes on whoever listens.

    The answer is the reply, whose `events` tell what it says; with `Accept: text/event-stream`, it is these events.
    """
    given = body.arguments()
    response = await once.of(manager, lambda m: m.start_reply(session_id, **given, expected_revision=expected), begun)
    if not accepts_events(request):
        return response
    events = await _told(manager.reply_events(json.loads(bytes(response.body))["id"]))
    events.headers.update({**BY_ACCEPT, "etag": response.headers["etag"]})
    return events


@router.get("/sessions/{session_id}/replies", response_model=page_of(ReplyShape))
async def list_replies(
    manager: Owned, request: Request, session_id: Id, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """A page of a session's replies, the newest first."""
    return page_answer(request, await manager.list_replies(session_id, cursor=cursor, limit=limit)).response()


@router.get("/replies/{reply_id}", response_model=ReplyShape)
async def get_reply(manager: Owned, reply_id: Id) -> Response:
    """How a reply stands."""
    return shown(await manager.get_reply(reply_id)).response()


@router.get("/replies/{reply_id}/events", response_class=Response, responses=_STREAM | _NO_MORE)
async def reply_events(manager: Owned, reply_id: Id, last: LastEvent = None, after: After = 0) -> Response:
    """What a reply says, from its beginning or after an event, and its end.

    The events are `begin`, `text`, `reasoning`, `tool_call`, `missed` and `end`; if something goes wrong meanwhile, a
    `problem`. Whoever comes back with the `id` of the last event that he has heard, hears exactly what came after it.
    """
    return await _told(manager.reply_events(reply_id, after=after if last is None else last))


async def _told(said: AsyncIterator[ReplyEvent]) -> Response:
    return await event_stream(_written(said))


async def _written(said: AsyncIterator[ReplyEvent]) -> AsyncGenerator[bytes, None]:
    async with closing(said):
        async for each in said:
            yield event(each.kind, each.to_dict(), str(each.offset))


@router.post("/replies/{reply_id}/stop", response_model=ReplyShape)
async def stop_reply(manager: Owned, once: Repeatable, reply_id: Id) -> Response:
    """End a reply; what it has said is kept. One that has ended stays as it is."""
    about = [] if once.key is None else [(await manager.get_reply(reply_id)).session_id]
    return await once.of_many(manager, lambda m: m.stop_reply(reply_id), shown, sessions=about, revised=True)


@router.post("/sessions/{session_id}/title", response_model=SessionShape)
async def title_session(manager: Owned, once: Repeatable, session_id: Id) -> Response:
    """Have the session's model find a name for it, unless it has one."""
    return await once.of_many(manager, lambda m: m.title_session(session_id), session_shown, sessions=[session_id])


@router.post("/sessions/{session_id}/summaries", status_code=201, response_model=CompactionShape)
async def summarize(
    manager: Owned, once: Repeatable, session_id: Id, expected: Expected, body: ToSummarize
) -> Response:
    """Have the session's model make a summary that stands for the first messages in every later context."""
    given = body.given()
    return await once.of(manager, lambda m: m.summarize(session_id, **given, expected_revision=expected), compacted)
