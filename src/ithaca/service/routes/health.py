"""`/healthz`, `/readyz` and `/metrics`: for whoever runs the server. They say nothing of what is kept."""

import asyncio

from fastapi import APIRouter, Request, Response

from ithaca import DatabaseUnavailable, IthacaError, SchemaOutOfDate, SchemaTooNew
from ithaca.service.access import service_of
from ithaca.service.answers import Answer
from ithaca.service.problems import problem_of

router = APIRouter(tags=["operation"], include_in_schema=False)

#: An owner who has nothing: asking about him reads nothing of what others have.
_NOBODY = "nobody, asked about by readyz"

_NEVER_KEPT = {"cache-control": "no-store"}

#: Seconds after which a database that doesn't answer isn't there.
_PATIENCE = 2.0


@router.get("/healthz")
async def healthz() -> Response:
    """Whether the process answers."""
    return Answer.of({"status": "ok"}).response(**_NEVER_KEPT)


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Whether requests can be answered: the database is there, with the schema of this release."""
    try:
        async with asyncio.timeout(_PATIENCE):
            await _check(request)
    except TimeoutError:
        return problem_of(DatabaseUnavailable("it does not answer")).response(**_NEVER_KEPT)
    except IthacaError as error:
        return problem_of(error).response(**_NEVER_KEPT)
    return Answer.of({"status": "ready"}).response(**_NEVER_KEPT)


async def _check(request: Request) -> None:
    """Raises unless the database answers, with the schema that it had when it was opened, which is this release's."""
    found = (await service_of(request).manager.for_owner(_NOBODY).info()).schema_version
    state = request.app.state
    state.ithaca_schema = expected = getattr(state, "ithaca_schema", found)
    if found != expected:
        raise SchemaTooNew(found, expected) if found > expected else SchemaOutOfDate(found, expected)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Counts and times of requests, as Prometheus reads them."""
    meters = service_of(request).meters
    return Response(meters.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")
