"""`/api/sessions/{id}/messages`: what was said."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ithaca import ChatMessage, MessageNotFound, Removed
from ithaca.service.access import Owned, service_of
from ithaca.service.answers import Answer, accepts_lines, json_lines
from ithaca.service.pages import InParts, Limit, link
from ithaca.service.parameters import Attached
from ithaca.service.paths import Id
from ithaca.service.preferences import BY_ACCEPT
from ithaca.service.rendering import with_html
from ithaca.service.repeats import Repeatable
from ithaca.service.revisions import Expected
from ithaca.service.routes.sessions import LINES
from ithaca.service.strict import Route
from ithaca.service.wire.messages import Edit, MessageIds, NewMessage, NewMessages, Truncation
from ithaca.service.wire.shapes import (
    MessageShape,
    RemovedShape,
    RenderedShape,
    VersionShape,
    items_of,
    message_json,
    page_of,
    version_json,
)

router = APIRouter(prefix="/api/sessions/{session_id}", tags=["messages"], route_class=Route)

Rendered = Annotated[
    bool, Query(description="With `html`: for each part of the content what it says, as clean HTML; null if no text.")
]


def listed(messages: list[ChatMessage]) -> Answer:
    return Answer.of({"items": [message_json(message) for message in messages]})


def added(messages: list[ChatMessage]) -> Answer:
    return Answer.of({"items": [message_json(message) for message in messages]}, 201)


def shown(message: ChatMessage) -> Answer:
    return Answer.of(message_json(message))


def added_one(message: ChatMessage) -> Answer:
    return Answer.of(message_json(message), 201)


@router.get("/messages", response_model=items_of(RenderedShape | MessageShape), responses=LINES)
async def get_messages(
    manager: Owned,
    request: Request,
    session_id: Id,
    before: Annotated[int | None, Query(description="The newest before this number.")] = None,
    after: Annotated[int | None, Query(description="The first after this number.")] = None,
    limit: Limit = 50,
    attachments: Attached = "inline",
    rendered: Rendered = False,
) -> Response:
    """Messages by number, oldest first: the newest, unless told otherwise.

    As JSON Lines (`Accept: application/jsonl`), all messages from the beginning, or after a number, however many.
    """
    if accepts_lines(request):
        history = manager.iter_messages(session_id, after=after or 0, attachments=attachments)
        return await json_lines(history, message_json)
    asked: dict[str, Any] = {"before": before, "after": after, "limit": limit}
    page = await manager.get_messages(session_id, **asked, attachments=attachments)
    headers = BY_ACCEPT | _links(request, page, after is not None, len(page) == limit)
    if rendered:
        return Answer.of({"items": await with_html(service_of(request).markdown, page)}).response(**headers)
    return listed(page).response(**headers)


def _links(request: Request, page: list[ChatMessage], forward: bool, more: bool) -> dict[str, str]:
    """Where it goes on in the direction that was asked for."""
    if not page or not more:
        return {}
    place = {"after": page[-1].seq} if forward else {"before": page[0].seq}
    return {"link": link(request, "next" if forward else "prev", **place)}


@router.post("/messages", status_code=201, response_model=items_of(MessageShape))
async def add_messages(
    manager: Owned, once: Repeatable, session_id: Id, expected: Expected, body: NewMessages
) -> Response:
    """Add messages at the end, all of them or none.

    A message that brings an `id` can be sent again: if it says the same, the stored one is the result.
    """
    messages = body.all()
    return await once.of(manager, lambda m: m.add_messages(session_id, messages, expected_revision=expected), added)


@router.put("/messages", response_model=items_of(MessageShape))
async def replace_messages(
    manager: Owned, once: Repeatable, session_id: Id, expected: Expected, body: NewMessages
) -> Response:
    """Put these in the place of all messages; those that are kept keep their ids and times."""
    messages = body.all()
    return await once.of(
        manager, lambda m: m.replace_messages(session_id, messages, expected_revision=expected), listed
    )


@router.post("/messages:delete", response_model=RemovedShape)
async def delete_messages(
    manager: Owned, once: Repeatable, session_id: Id, expected: Expected, body: MessageIds
) -> Response:
    """Move messages to the trash; the result counts those that were there."""
    ids = body.message_ids
    return await once.of(
        manager, lambda m: m.delete_messages(session_id, ids, expected_revision=expected), Answer.plain
    )


@router.post("/messages:truncate", response_model=RemovedShape)
async def truncate_messages(
    manager: Owned, once: Repeatable, session_id: Id, expected: Expected, body: Truncation
) -> Response:
    """Keep the first messages and move the others to the trash."""
    keep = body.keep_count
    return await once.of(
        manager, lambda m: m.truncate_messages(session_id, keep, expected_revision=expected), Answer.plain
    )


@router.get("/messages/{message_id}", response_model=MessageShape)
async def get_message(manager: Owned, session_id: Id, message_id: Id, attachments: Attached = "inline") -> Response:
    """One message."""
    return shown(await manager.get_message(session_id, message_id, attachments=attachments)).response()


@router.patch("/messages/{message_id}", response_model=MessageShape)
async def edit_message(
    manager: Owned, once: Repeatable, session_id: Id, message_id: Id, expected: Expected, body: Edit
) -> Response:
    """Change what a message says; what it said before goes to the trash, or is kept as a version."""
    given = body.arguments()
    return await once.of(
        manager, lambda m: m.edit_message(session_id, message_id, **given, expected_revision=expected), shown
    )


@router.delete("/messages/{message_id}", response_model=RemovedShape)
async def delete_message(
    manager: Owned, once: Repeatable, session_id: Id, message_id: Id, expected: Expected
) -> Response:
    """Move one message to the trash."""

    def gone(removed: Removed) -> Answer:
        if not removed.messages:
            raise MessageNotFound(session_id, message_id)
        return Answer.plain(removed)

    return await once.of(
        manager, lambda m: m.delete_messages(session_id, [message_id], expected_revision=expected), gone
    )


@router.get("/messages/{message_id}/versions", response_model=page_of(VersionShape))
async def list_versions(manager: Owned, parts: InParts, session_id: Id, message_id: Id) -> Response:
    """Every version of a message, the oldest first."""
    versions = await manager.list_versions(session_id, message_id)
    return parts.response(map(version_json, versions), lambda version: version["message"]["id"])


@router.post("/messages/{message_id}/versions", status_code=201, response_model=MessageShape)
async def add_version(
    manager: Owned, once: Repeatable, session_id: Id, message_id: Id, expected: Expected, body: NewMessage
) -> Response:
    """Put another answer in the place of a message; that one, and what followed it, is kept as a version."""
    new = body.message()
    return await once.of(
        manager, lambda m: m.add_version(session_id, message_id, new, expected_revision=expected), added_one
    )


@router.post("/messages/{message_id}/switch", response_model=items_of(MessageShape))
async def switch_version(
    manager: Owned, once: Repeatable, session_id: Id, message_id: Id, expected: Expected
) -> Response:
    """Show the version of the conversation that this message is in."""
    return await once.of(
        manager, lambda m: m.switch_version(session_id, message_id, expected_revision=expected), listed
    )
