"""`/v1/chat/completions` and `/v1/models`: any client of OpenAI's that has this for its base URL gains a history.

The response is the endpoint's, byte for byte. A session that the client names records what it says, and what is
answered, as it comes.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from ithaca import AsyncSessionManager, EndpointRefused, ProviderError, SecretError
from ithaca.relay import RelayRequest
from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.openai.errors import PREFIX, OpenAIRoute
from ithaca.service.openai.wire import ErrorShape, ModelListShape
from ithaca.service.repeats import Repeatable

router = APIRouter(
    prefix=PREFIX,
    tags=["gateway"],
    route_class=OpenAIRoute,
    responses={"default": {"model": ErrorShape, "description": "What went wrong, as OpenAI says it."}},
)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "description": "As OpenAI's Chat Completions take it."}}
        },
    }
}

Session = Annotated[
    str | None, Header(alias="Ithaca-Session", description="The session that records it; made if it isn't there.")
]
Endpoint = Annotated[str | None, Header(alias="Ithaca-Endpoint", description="The name of an endpoint.")]


@router.post(
    "/chat/completions",
    response_model=None,
    openapi_extra=_BODY,
    responses={200: {"content": {"application/json": {}, "text/event-stream": {}}}},
)
async def relay(
    manager: Owned, request: Request, once: Repeatable, session: Session = None, endpoint: Endpoint = None
) -> Response:
    """Pass a request on to an endpoint, byte for byte, and record it in a session.

    Sent again without an `Idempotency-Key`, it is asked again, and the other answer is kept as a version. With one, the
    answer that was sent whole is given again; an error, and an answer that was broken off, is not.
    """
    body, accept = await request.body(), request.headers.get("accept")
    named = session
    if once.key is not None and session is None:
        named = RelayRequest.of(body).session_id

    async def ask() -> StreamingResponse:
        passed = await manager.relay(body, session_id=session, endpoint=endpoint, accept=accept)
        return StreamingResponse(cast(AsyncIterator[bytes], passed.body), passed.status, dict(passed.headers))

    once = once.known_by(once.fingerprint, session, endpoint)
    return await _unless_gone(request, once.of_stream(manager, ask, sessions=[] if named is None else [named]))


async def _unless_gone(request: Request, answering: Coroutine[Any, Any, Response]) -> Response:
    """The answer; a client that hangs up before it begins ends it, as one does that hangs up later."""
    answer, listening = asyncio.create_task(answering), asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait([answer, listening], return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
        if not answer.done():
            answer.cancel()
            await asyncio.wait([answer])
    return Response(status_code=499) if answer.cancelled() else answer.result()


async def _hung_up(request: Request) -> None:
    """Returns when there is nobody any more to be answered."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


@router.get("/models", response_model=ModelListShape)
async def list_models(manager: Owned) -> Response:
    """The models of every endpoint that answers, each with its endpoint's name before it."""
    listed = await asyncio.gather(*(_models(manager, endpoint.name) for endpoint in await manager.list_endpoints()))
    return Answer.of({"object": "list", "data": [model for models in listed for model in models]}).response()


async def _models(manager: AsyncSessionManager, endpoint: str) -> list[dict[str, Any]]:
    try:
        names = await manager.list_endpoint_models(endpoint)
    except (ProviderError, EndpointRefused, SecretError):  # the others are listed nevertheless
        return []
    return [{"id": f"{endpoint}/{name}", "object": "model", "created": 0, "owned_by": endpoint} for name in names]
