"""The app: routes by noun under `/api`, problems for errors, and what stands around every request."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware import Middleware

from ithaca import AsyncSessionManager, __version__
from ithaca.service import problems
from ithaca.service.access import Access, Service
from ithaca.service.around import Around
from ithaca.service.asking import AskFirst
from ithaca.service.bodies import LimitedBodies
from ithaca.service.browsers import Hosts, listed
from ithaca.service.compression import Compression
from ithaca.service.heads import Heads
from ithaca.service.live import Live
from ithaca.service.meters import Meters
from ithaca.service.openai.errors import PREFIX as OPENAI
from ithaca.service.openai.errors import OpenAIErrors
from ithaca.service.paths import WholeSegments
from ithaca.service.rates import Rates
from ithaca.service.revisions import ETAG, no_other_condition
from ithaca.service.routes import ROUTERS
from ithaca.service.routes.page import router as PAGE
from ithaca.service.settings import ServiceSettings
from ithaca.service.signed_in import SignedIn
from ithaca.service.traces import Traces
from ithaca.service.wire.shapes import ProblemShape

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

_DESCRIPTION = """Keeps conversations between people and language models.

A change of what has an `ETag` takes it as `If-Match`; nearly every POST takes an `Idempotency-Key`.
What went wrong is a problem response (RFC 9457).
"""


#: FastAPI would put paths, with ids in them, into spans, and exceptions' words into logs.
_NONE_OF_ITS_OWN: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}


class App(FastAPI):
    """An app whose OpenAPI document has examples, and says of what media type problems are and what has an ETag."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        if self.openapi_schema is None:
            from ithaca.service.examples import add_examples

            document = super().openapi()
            add_examples(document)
            paths = document["paths"]
            for path in (path for path in paths if not path.startswith(f"{OPENAI}/")):
                for operation in paths[path].values():
                    content = operation["responses"]["default"]["content"]
                    content[problems.PROBLEM] = content.pop("application/json")
                    if any(each["name"] == "If-Match" for each in operation.get("parameters", ())):
                        next(iter(operation["responses"].values()))["headers"] = ETAG
        return super().openapi()


def create_app(
    manager: AsyncSessionManager,
    settings: ServiceSettings | None = None,
    *,
    access: Access | None = None,
    page: bool = False,
    meters: Meters | None = None,
    traces: "TracerProvider | None" = None,
    routers: Iterable[APIRouter] = (),
) -> FastAPI:
    """The service on a manager, to be run by an ASGI server or mounted in another app.

    Whoever opened the manager closes it. Without an `access`, keys and log-ins of the manager's database are asked for
    (`SignedIn`). With `page`, the web page is at "/". `routers` come beside the app's own.
    """
    settings = settings or ServiceSettings()
    access = access or SignedIn(manager, settings)
    live, meters = Live(manager, access), meters or Meters()
    meters.gauges["ithaca_event_listeners"] = lambda: len(live.listeners)
    service = Service(manager, settings, access, meters, live, Rates(settings.rate), page=page)
    app = App(
        title="Ithaca",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NONE_OF_ITS_OWN,
        middleware=[
            *([] if traces is None else [Middleware(Traces, provider=traces)]),
            Middleware(Around, meters=service.meters),
            Middleware(OpenAIErrors),
            Middleware(Hosts, names=_names(settings)),
            Middleware(AskFirst),
            Middleware(LimitedBodies, most_bytes=settings.max_body_bytes, slow_seconds=settings.slow_seconds),
            Middleware(Heads),
            Middleware(Compression),
            Middleware(WholeSegments),
        ],
        responses={"default": {"model": ProblemShape, "description": "What went wrong (RFC 9457)."}},
    )
    app.state.ithaca = service
    problems.add_handlers(app)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(no_other_condition)])
    for router in (*([PAGE] if page else []), *routers):
        app.include_router(router)
    return app


def _names(settings: ServiceSettings) -> list[str]:
    """The names that the app goes by; none where they aren't said, or it goes by any."""
    names = listed(settings.allowed_hosts)
    return [] if "*" in names else names


def end_streams(app: FastAPI) -> None:
    """Ends the streams of live events in order, and begins no other: to be called when the server begins to stop.

    Most servers wait for what is under way, and these streams have no end of their own. `ithaca serve` does it itself.
    """
    service: Service = app.state.ithaca
    service.live.close()
