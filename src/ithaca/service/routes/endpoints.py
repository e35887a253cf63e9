"""`/api/endpoints`: models' servers; `/api/admin/endpoints`: those that everybody may use."""

from dataclasses import asdict
from operator import itemgetter
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from ithaca import Endpoint
from ithaca.service.access import Owned, Trusted
from ithaca.service.answers import NO_CONTENT, Answer
from ithaca.service.pages import InParts
from ithaca.service.parameters import Owner
from ithaca.service.repeats import Repeatable
from ithaca.service.strict import Route
from ithaca.service.wire.endpoints import EndpointChanges, NewEndpoint
from ithaca.service.wire.shapes import EndpointShape, EndpointTestShape, FoundServerShape, items_of, page_of

router = APIRouter(prefix="/api", tags=["endpoints"], route_class=Route)
shared = APIRouter(prefix="/api/admin", tags=["admin"], route_class=Route)

Name = Annotated[str, Path(description="The endpoint's name.")]


_NAME = itemgetter("owner", "name")


def made(endpoint: Endpoint) -> Answer:
    return Answer.of(endpoint.to_dict(), 201)


@router.get("/endpoints", response_model=page_of(EndpointShape))
async def list_endpoints(manager: Owned, parts: InParts) -> Response:
    """Your endpoints and the shared ones, by name."""
    return parts.response([endpoint.to_dict() for endpoint in await manager.list_endpoints()], _NAME)


@router.post("/endpoints", status_code=201, response_model=EndpointShape)
async def create_endpoint(manager: Owned, once: Repeatable, body: NewEndpoint) -> Response:
    """Register a model's server."""
    return await once.of(manager, lambda m: m.create_endpoint(**body.given()), made)


@router.get("/endpoints/{name}", response_model=EndpointShape)
async def get_endpoint(manager: Owned, name: Name) -> Response:
    """An endpoint, without its key."""
    return Answer.plain(await manager.get_endpoint(name)).response()


@router.patch("/endpoints/{name}", response_model=EndpointShape)
async def update_endpoint(manager: Owned, once: Repeatable, name: Name, body: EndpointChanges) -> Response:
    """Change an endpoint of yours; with another URL, key and headers go unless given."""
    return await once.of(manager, lambda m: m.update_endpoint(name, **body.given()), Answer.plain)


@router.delete("/endpoints/{name}", status_code=204)
async def delete_endpoint(manager: Owned, name: Name) -> Response:
    """Delete an endpoint of yours with its key."""
    await manager.delete_endpoint(name)
    return NO_CONTENT.response()


@router.get("/endpoints/{name}/models", response_model=items_of(str))
async def list_endpoint_models(manager: Owned, name: Name) -> Response:
    """The names of the models that it has."""
    return Answer.of({"items": await manager.list_endpoint_models(name)}).response()


@router.post("/endpoints/{name}/test", response_model=EndpointTestShape)
async def test_endpoint(manager: Owned, name: Name) -> Response:
    """Ask an endpoint for its models: whether it can be reached, and takes the key.

    It changes nothing, so it may be sent again without a key.
    """
    return Answer.plain(await manager.test_endpoint(name)).response()


@shared.get("/endpoints", response_model=page_of(EndpointShape))
async def list_all_endpoints(manager: Trusted, parts: InParts, owner: Owner = None) -> Response:
    """Everybody's endpoints, or an owner's and the shared ones."""
    return parts.response([endpoint.to_dict() for endpoint in await manager.list_endpoints(owner=owner)], _NAME)


@shared.post("/endpoints", status_code=201, response_model=EndpointShape)
async def share_endpoint(manager: Trusted, once: Repeatable, body: NewEndpoint) -> Response:
    """Register a model's server that everybody may use."""
    return await once.of(manager, lambda m: m.create_endpoint(**body.given(), shared=True), made)


@shared.patch("/endpoints/{name}", response_model=EndpointShape)
async def update_shared_endpoint(manager: Trusted, once: Repeatable, name: Name, body: EndpointChanges) -> Response:
    """Change a shared endpoint."""
    return await once.of(manager, lambda m: m.update_endpoint(name, **body.given()), Answer.plain)


@shared.delete("/endpoints/{name}", status_code=204)
async def delete_shared_endpoint(manager: Trusted, name: Name) -> Response:
    """Delete a shared endpoint with its key."""
    await manager.delete_endpoint(name)
    return NO_CONTENT.response()


@shared.get("/endpoints:discover", response_model=items_of(FoundServerShape))
async def discover_endpoints(
    manager: Trusted, seconds: Annotated[float, Query(description="How long to wait.", gt=0, le=10)] = 1.0
) -> Response:
    """Models' servers that answer on the server's machine, on their usual ports."""
    found = await manager.discover_endpoints(seconds=seconds)
    return Answer.of({"items": [asdict(server) for server in found]}).response()
