"""`/v1/conversations`, as OpenAI's clients call it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import random

from fastapi import APIRouter, Response

from ithaca import ChatMessage, Conversation, MessageNotFound, RevisionConflict
from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.openai.errors import PREFIX, OpenAIRoute
from ithaca.service.openai.items import new_id
from ithaca.service.openai.ordinary import items_of, without
from ithaca.service.openai.reading import find, page
from ithaca.service.openai.wire import (
    After,
    ConversationChanges,
    ConversationShape,
    DeletedShape,
    ErrorShape,
    Include,
    IncludeInBrackets,
    ItemListShape,
    ItemShape,
    Limit,
    NewConversation,
    NewItems,
    Order,
    check_bytes,
    conversation,
    conversation_json,
    item_list,
    messages_of,
    with_metadata,
)
from ithaca.service.paths import Id
from ithaca.service.repeats import Repeatable
from ithaca.service.revisions import Expected

router = APIRouter(
    prefix=PREFIX,
    tags=["conversations"],
    route_class=OpenAIRoute,
    responses={"default": {"model": ErrorShape, "description": "What went wrong, as OpenAI says it."}},
)

#: Seconds for which something is tried that others come between, and from one attempt to the next at most.
_PATIENCE, _PAUSE = 20.0, 0.02


@router.post("/conversations", response_model=ConversationShape)
async def create_conversation(manager: Owned, once: Repeatable, body: NewConversation | None = None) -> Response:
    """Make a conversation with its first items, all of it or nothing."""
    body = body or NewConversation()
    metadata, messages = body.metadata or {}, messages_of(body.items or [])
    if messages:  # an import would take bytes that are something else than they claim
        await asyncio.to_thread(check_bytes, messages, manager.limits)
    now = datetime.now(UTC)
    new = Conversation(
        new_id("conv"), "New chat", messages, extra=with_metadata({}, metadata), created_at=now, updated_at=now
    )
    made = Answer.of(conversation(new.id, now.timestamp(), metadata))
    return await once.of(manager, lambda m: m.import_conversations([new]), lambda _: made)


@router.get("/conversations/{conversation_id}", response_model=ConversationShape)
async def retrieve_conversation(manager: Owned, conversation_id: Id) -> Response:
    """A conversation; any session is one, by its id."""
    return Answer.of(conversation_json(await manager.get_session(conversation_id, last=0))).response()


@router.post("/conversations/{conversation_id}", response_model=ConversationShape)
async def update_conversation(
    manager: Owned, once: Repeatable, conversation_id: Id, expected: Expected, body: ConversationChanges
) -> Response:
    """Give a conversation other metadata."""

    async def attempt() -> Response:
        session = await manager.get_session(conversation_id, last=0)
        extra = with_metadata(session.extra, body.metadata)
        seen = session.revision if expected is None else expected
        return await once.of(
            manager,
            lambda m: m.update_session(conversation_id, extra=extra, expected_revision=seen),
            lambda changed: Answer.of(conversation_json(changed)),
        )

    return await (_until_it_fits(attempt) if expected is None else attempt())


async def _until_it_fits(attempt: Callable[[], Awaitable[Response]]) -> Response:
    """What comes of changing what was just read; made anew while others change it in between.

    One of those who change it at once always gets through, and who has failed waits for others a little.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return await attempt()
        except RevisionConflict:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(random() * _PAUSE)  # noqa: S311, no secret


@router.delete("/conversations/{conversation_id}", response_model=DeletedShape)
async def delete_conversation(manager: Owned, once: Repeatable, conversation_id: Id, expected: Expected) -> Response:
    """Move a conversation with its items to the trash."""
    gone = Answer.of({"id": conversation_id, "object": "conversation.deleted", "deleted": True})
    return await once.of(
        manager, lambda m: m.delete_session(conversation_id, expected_revision=expected), lambda _: gone
    )


@router.post("/conversations/{conversation_id}/items", response_model=ItemListShape)
async def create_items(
    manager: Owned,
    once: Repeatable,
    conversation_id: Id,
    expected: Expected,
    body: NewItems,
    include: Include = [],  # noqa: B006, FastAPI copies it
    include_in_brackets: IncludeInBrackets = [],  # noqa: B006
) -> Response:
    """Add items at the end, all of them or none. One that brings an id can be sent again, and is stored once."""
    messages = messages_of(body.items)
    return await once.of(
        manager, lambda m: m.add_messages(conversation_id, messages, expected_revision=expected), _listed
    )


def _listed(messages: list[ChatMessage]) -> Answer:
    return Answer.of(item_list([item for message in messages for item in items_of(message)]))


@router.get("/conversations/{conversation_id}/items", response_model=ItemListShape)
async def list_items(
    manager: Owned,
    conversation_id: Id,
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
    include: Include = [],  # noqa: B006
    include_in_brackets: IncludeInBrackets = [],  # noqa: B006
) -> Response:
    """A page of items, the newest first unless told otherwise."""
    items, has_more = await page(manager, conversation_id, after, limit, newest_first=order == "desc")
    return Answer.of(item_list(items, has_more)).response()


@router.get("/conversations/{conversation_id}/items/{item_id}", response_model=ItemShape)
async def retrieve_item(
    manager: Owned,
    conversation_id: Id,
    item_id: Id,
    include: Include = [],  # noqa: B006
    include_in_brackets: IncludeInBrackets = [],  # noqa: B006
) -> Response:
    """One item."""
    return Answer.of((await find(manager, conversation_id, item_id)).item).response()


@router.delete("/conversations/{conversation_id}/items/{item_id}", response_model=ConversationShape)
async def delete_item(manager: Owned, conversation_id: Id, item_id: Id) -> Response:
    """Move an item to the trash; the answer is its conversation."""

    async def attempt() -> Response:
        session = await manager.get_session(conversation_id, last=0)
        found = await find(manager, conversation_id, item_id, "reference")
        message_id = str(found.message.id)
        if len(found.items) > 1:
            left = without(found.message, item_id)
            await manager.edit_message(conversation_id, message_id, **left, expected_revision=session.revision)
        elif not (await manager.delete_messages(conversation_id, [message_id])).messages:
            raise MessageNotFound(conversation_id, item_id)
        return Answer.of(conversation_json(session)).response()

    return await _until_it_fits(attempt)
