"""`/api/events`: what changes, as it is committed, for who listens; sent as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse

from ithaca import Change, InvalidArgument
from ithaca.service.access import Asking, Owned, Trusted, service_of
from ithaca.service.answers import Answer
from ithaca.service.live import Wanted
from ithaca.service.parameters import Owner, named
from ithaca.service.strict import Route
from ithaca.service.wire.shapes import Shape, shape

own = APIRouter(prefix="/api", tags=["events"], route_class=Route)
all_owners = APIRouter(prefix="/api/admin", tags=["admin"], route_class=Route)

ChangeShape = shape("Change", Change, without=("fingerprint",))


class Ready(Shape):
    """All that came before was told; what follows comes as it is committed."""

    cursor: str


class End(Shape):
    """The stream ends. After all but "signed out" and "timeout" it is meant to be asked for again."""

    reason: Literal["stopping", "signed out", "timeout", "trouble"]


class Latest(Shape):
    """Where the news stand."""

    cursor: str


def _of(name: str, kind: Any) -> dict[str, Any]:
    """The schema of the events of a name."""
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": kind.model_json_schema()}
    return {"properties": {"event": {"const": name}, "data": data, "id": {"type": "string"}}}


_EXAMPLE = """event: ready
data: {"cursor":"0-41"}
id: 0-41
retry: 1834

event: change
data: {"cursor":"0-42","owner":"ann","session_id":"trip","kind":"messages added","revision":7,"created_at":"…"}
id: 0-42

"""

#: What a stream is, for the OpenAPI document.
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`ready`, once all that was missed is told; a `change` for each change; an `end`. "
        "Lines that begin with a colon mean nothing but that the connection is alive.",
        "content": {
            "text/event-stream": {
                "itemSchema": {"oneOf": [_of("ready", Ready), _of("change", ChangeShape), _of("end", End)]},
                "example": _EXAMPLE,
            }
        },
    }
}

SessionId = Annotated[str | None, Query(description="Only what happens to this session.")]
After = Annotated[
    str | None,
    Query(description="Begin after the change with this cursor, or after this revision of the session; else now."),
]
Timeout = Annotated[float | None, Query(description="End after so many seconds without news.")]
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="As `after`, over which it stands: what was heard last.")
]


@own.get("/events", response_class=Response, responses=STREAM)
async def events(
    request: Request,
    visitor: Asking,
    manager: Owned,
    session_id: SessionId = None,
    after: After = None,
    timeout: Timeout = None,
    last_event_id: LastEventId = None,
) -> Response:
    """What changes, as it is committed by any server or program, in order; nothing missed or doubled after a break."""
    wanted = Wanted(visitor, manager, visitor.owner, session_id, _place(last_event_id or after), timeout)
    return await _told(request, wanted, last_event_id)


@own.get("/events:latest", response_model=Latest)
async def latest(manager: Owned) -> Response:
    """Where the news stand: `after` it come all that are committed from now on."""
    return Answer.of({"cursor": await manager.latest_cursor()}).response()


@all_owners.get("/events", response_class=Response, responses=STREAM)
async def all_events(
    request: Request,
    visitor: Asking,
    manager: Trusted,
    owner: Owner = None,
    session_id: SessionId = None,
    after: After = None,
    timeout: Timeout = None,
    last_event_id: LastEventId = None,
) -> Response:
    """What changes of anybody's, or of one owner's; of a session only where its owner is named."""
    if session_id is not None and owner is None:
        raise InvalidArgument("session_id", session_id, "given together with its owner")
    wanted = Wanted(visitor, manager, owner, session_id, _place(last_event_id or after), timeout)
    return await _told(request, wanted, last_event_id)


#: A proxy that kept events back would make them late (`X-Accel-Buffering` is nginx's word for that).
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def _told(request: Request, wanted: Wanted, last_event_id: str | None) -> Response:
    with named("after", "Last-Event-ID" if last_event_id else "after"):
        return EventSourceResponse(await service_of(request).live.listen(wanted), headers=_HEADERS)


def _place(after: str | None) -> str | int | None:
    """A revision is digits alone, which a cursor never is."""
    if after is not None and after.isascii() and after.isdecimal() and len(after) < 19:
        return int(after)
    return after or None
