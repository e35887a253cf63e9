"""`/api/sessions/{id}/context`: what a model gets to see."""

from operator import itemgetter
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from ithaca import Compaction, Context, ContextInfo
from ithaca.context import Provider
from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.pages import InParts
from ithaca.service.paths import Id
from ithaca.service.repeats import Repeatable
from ithaca.service.revisions import Expected
from ithaca.service.strict import Route
from ithaca.service.wire.sessions import Summary
from ithaca.service.wire.shapes import CompactionShape, ContextInfoShape, ContextShape, message_json, page_of

router = APIRouter(prefix="/api/sessions/{session_id}", tags=["contexts"], route_class=Route)

MaxTokens = Annotated[int, Query(description="The model's window, in tokens.", ge=1)]
Reserve = Annotated[int, Query(description="What stays free in it, in tokens.", ge=0)]
Format = Annotated[
    Literal["messages", "openai", "anthropic"],
    Query(description="The messages as they are stored, or as a provider's request has them."),
]


def _fullness(info: ContextInfo) -> dict[str, Any]:
    return {name: getattr(info, name) for name in ("used", "limit", "reserve", "percent", "left_out")}


def _sent(context: Context, format: str) -> dict[str, Any]:
    if format == "openai":
        return {"messages": context.to_openai()}
    if format == "anthropic":
        system, messages = context.to_anthropic()
        return {"system": system, "messages": messages}
    return {"messages": [message_json(message) for message in context.messages]}


@router.get("/context", response_model=ContextShape, response_model_exclude_unset=True)
async def context(
    manager: Owned,
    session_id: Id,
    max_tokens: MaxTokens,
    reserve: Reserve = 0,
    provider: Provider = "openai",
    format: Format = "messages",
) -> Response:
    """What to send to a model: the newest messages that fit, and why the others are left out."""
    found = await manager.context(session_id, max_tokens=max_tokens, reserve=reserve, provider=provider)
    return Answer.of(_fullness(found) | _sent(found, format)).response()


@router.get("/context-info", response_model=ContextInfoShape)
async def context_info(
    manager: Owned, session_id: Id, max_tokens: MaxTokens, reserve: Reserve = 0, provider: Provider = "openai"
) -> Response:
    """How full a model's window is, and what is left out."""
    info = await manager.context_info(session_id, max_tokens=max_tokens, reserve=reserve, provider=provider)
    return Answer.of(_fullness(info)).response()


def made(compaction: Compaction) -> Answer:
    return Answer.of(compaction.to_dict(), 201)


@router.get("/compactions", response_model=page_of(CompactionShape))
async def list_compactions(manager: Owned, parts: InParts, session_id: Id) -> Response:
    """Every compaction; the first that counts is in use."""
    found = await manager.list_compactions(session_id)
    return parts.response([compaction.to_dict() for compaction in found], itemgetter("id"))


@router.post("/compactions", status_code=201, response_model=CompactionShape)
async def compact(manager: Owned, once: Repeatable, session_id: Id, expected: Expected, body: Summary) -> Response:
    """Let a summary stand for the first messages in every later context."""
    given = body.given()
    return await once.of(manager, lambda m: m.compact(session_id, **given, expected_revision=expected), made)
