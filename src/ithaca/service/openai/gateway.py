"""`/v1/chat/completions` and `/v1/models`: any client of OpenAI's that has this for its base URL gains a history.

The response is the endpoint's, byte for byte. A session that the client names records what it says, and what is
answered, as it comes.
"""

from asyncio import gather
from collections.abc import AsyncIterator
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from ithaca import AsyncSessionManager, EndpointRefused, ProviderError, SecretError
from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.openai.errors import PREFIX, OpenAIRoute
from ithaca.service.openai.wire import ErrorShape, ModelListShape

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
async def relay(manager: Owned, request: Request, session: Session = None, endpoint: Endpoint = None) -> Response:
    """Pass a request on to an endpoint, byte for byte, and record it in a session.

    It takes no `Idempotency-Key`: sent again, it is asked again, and the other answer is kept as a version.
    """
    accept = request.headers.get("accept")
    passed = await manager.relay(await request.body(), session_id=session, endpoint=endpoint, accept=accept)
    return StreamingResponse(cast(AsyncIterator[bytes], passed.body), passed.status, dict(passed.headers))


@router.get("/models", response_model=ModelListShape)
async def list_models(manager: Owned) -> Response:
    """The models of every endpoint that answers, each with its endpoint's name before it."""
    listed = await gather(*(_models(manager, endpoint.name) for endpoint in await manager.list_endpoints()))
    return Answer.of({"object": "list", "data": [model for models in listed for model in models]}).response()


async def _models(manager: AsyncSessionManager, endpoint: str) -> list[dict[str, Any]]:
    try:
        names = await manager.list_endpoint_models(endpoint)
    except (ProviderError, EndpointRefused, SecretError):  # the others are listed nevertheless
        return []
    return [{"id": f"{endpoint}/{name}", "object": "model", "created": 0, "owned_by": endpoint} for name in names]
