"""`/api/sessions`: conversations, without what was said in them."""

from dataclasses import asdict
from datetime import datetime
from operator import itemgetter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from ithaca import AsyncSessionManager, InvalidArgument, IthacaError, Session
from ithaca.arguments import SortBy
from ithaca.service.access import Owned, service_of
from ithaca.service.answers import JSON_LINES, Answer, accepts_lines, json_lines
from ithaca.service.pages import MANY, Cursor, InParts, Limit, every, page_answer
from ithaca.service.parameters import Attached
from ithaca.service.paths import Id, segment
from ithaca.service.preferences import BY_ACCEPT
from ithaca.service.problems import problem_of
from ithaca.service.repeats import Repeatable
from ithaca.service.revisions import Expected, etag, is_known
from ithaca.service.strict import Route
from ithaca.service.wire.sessions import (
    Fork,
    NewSession,
    SessionAction,
    SessionActions,
    SessionChanges,
    SessionIds,
    TaskSession,
)
from ithaca.service.wire.shapes import (
    Count,
    FolderShape,
    RemovedShape,
    RestoredShape,
    SessionShape,
    SessionWithHistoryShape,
    items_of,
    page_of,
    plain_json,
    session_json,
)

router = APIRouter(prefix="/api", tags=["sessions"], route_class=Route)

LINES: dict[int | str, dict[str, Any]] = {200: {"content": {JSON_LINES: {"schema": {}}}}}


def shown(session: Session, status: int = 200, location: str | None = None) -> Answer:
    """A session without its history."""
    headers = {"etag": etag(session.revision), "location": location}
    return Answer.of(session_json(session, history=False), status, **headers)


def made(session: Session) -> Answer:
    """A session that is new. Its location is relative to that of the request, so right wherever the app is mounted."""
    return shown(session, 201, f"sessions/{segment(session.id)}")


def forked(session: Session) -> Answer:
    """A session that was copied from another."""
    return shown(session, 201, f"../{segment(session.id)}")


# What isn't a coroutine, FastAPI would call in a thread, which takes longer than the list.
async def filters(
    archived: bool | None = None,
    important: bool | None = None,
    folder: Annotated[str | None, Query(description='"" for those in no folder.')] = None,
    model: str | None = None,
    mode: str | None = None,
    name: Annotated[str | None, Query(description="Anywhere in the name, whatever the case and accents.")] = None,
    active_since: datetime | None = None,
    incognito: bool = False,
) -> dict[str, Any]:
    """What a list of sessions is narrowed to; what is not given lets everything pass."""
    return locals()


async def sorting(sort: SortBy = "activity", important_first: bool = False) -> dict[str, Any]:
    """In which order a list of sessions is."""
    return locals()


Narrowed = Annotated[dict[str, Any], Depends(filters)]
Order = Annotated[dict[str, Any], Depends(sorting)]


@router.get("/sessions", response_model=page_of(SessionShape), responses=LINES)
async def list_sessions(
    manager: Owned,
    request: Request,
    narrowed: Narrowed,
    order: Order,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """A page of sessions; as JSON Lines, all of them from there on."""
    asked: dict[str, Any] = {**narrowed, **order, "limit": limit}
    if accepts_lines(request):
        return await json_lines(every(manager.list_sessions, cursor, **asked), plain_json)
    return page_answer(request, await manager.list_sessions(**asked, cursor=cursor)).response(**BY_ACCEPT)


@router.get("/sessions:count", response_model=Count)
async def count_sessions(manager: Owned, narrowed: Narrowed) -> Response:
    """How many sessions there are."""
    return Answer.of({"count": await manager.count_sessions(**narrowed)}).response()


@router.get("/folders", response_model=page_of(FolderShape))
async def list_folders(manager: Owned, parts: InParts, archived: bool | None = None) -> Response:
    """Every folder that sessions are in, by name, with how many."""
    return parts.response(map(asdict, await manager.list_folders(archived=archived)), itemgetter("name"))


@router.post("/sessions", status_code=201, response_model=SessionShape)
async def create_session(request: Request, manager: Owned, once: Repeatable, body: NewSession) -> Response:
    """Make a session."""
    if body.incognito and service_of(request).settings.workers > 1:
        raise InvalidArgument("incognito", True, "false where several processes serve: it is in the memory of one")
    return await once.of(manager, lambda m: m.create_session(**body.arguments()), made)


@router.post("/sessions:ensure", response_model=SessionShape)
async def ensure_task_session(manager: Owned, once: Repeatable, body: TaskSession) -> Response:
    """The session of this id, unchanged; or a new one."""
    given = (body.id, body.name, body.endpoint_url, body.model)
    return await once.of(manager, lambda m: m.ensure_task_session(*given), shown)


@router.post("/sessions:delete", response_model=RemovedShape)
async def delete_sessions(manager: Owned, once: Repeatable, body: SessionIds) -> Response:
    """Move sessions to the trash, in one transaction; the result counts those that were there."""
    call = (body.session_ids,)
    return await once.of(manager, lambda m: m.delete_sessions(*call, important=body.important), Answer.plain)


@router.post("/sessions:batch", response_model=items_of(dict[str, Any]))
async def change_sessions(manager: Owned, once: Repeatable, body: SessionActions) -> Response:
    """Change or delete many sessions, each by itself; a result for each, with its own status."""

    async def all_of(manager: AsyncSessionManager) -> list[dict[str, Any]]:
        return [await _result(manager, action) for action in body.actions]

    about = [action.session_id for action in body.actions]
    return await once.of_many(manager, all_of, lambda results: Answer.of({"items": results}), sessions=about)


async def _result(manager: AsyncSessionManager, action: SessionAction) -> dict[str, Any]:
    named = {"session_id": action.session_id}
    try:
        return named | {"status": 200, **await _done(manager, action)}
    except IthacaError as error:
        return named | {"status": problem_of(error).status, "problem": problem_of(error).value}


async def _done(manager: AsyncSessionManager, action: SessionAction) -> dict[str, Any]:
    id, expected = action.session_id, action.expected_revision
    if action.changes is None:
        return {"removed": plain_json(await manager.delete_session(id, expected_revision=expected))}
    changed = await manager.update_session(id, **action.changes.given(), expected_revision=expected)
    return {"session": session_json(changed, history=False)}


@router.get("/sessions/{session_id}", response_model=SessionShape | SessionWithHistoryShape)
async def get_session(
    manager: Owned,
    request: Request,
    session_id: Id,
    last: Annotated[int, Query(description="How many of the last messages to bring along.", ge=0, le=MANY)] = 0,
    attachments: Attached = "inline",
) -> Response:
    """A session, with its last messages if asked for; all, however many, are what `messages` gives as JSON Lines."""
    session = await manager.get_session(session_id, last=last, attachments=attachments)
    if is_known(request, etag(session.revision)):
        return Response(status_code=304, headers={"etag": etag(session.revision)})
    answer = Answer.of(session_json(session, history=last != 0), etag=etag(session.revision))
    return answer.response()


@router.patch("/sessions/{session_id}", response_model=SessionShape)
async def update_session(
    manager: Owned, once: Repeatable, session_id: Id, expected: Expected, body: SessionChanges
) -> Response:
    """Rename a session, move, archive, star it, give it another model; what is left out stays."""
    given = body.given()
    return await once.of(manager, lambda m: m.update_session(session_id, **given, expected_revision=expected), shown)


@router.delete("/sessions/{session_id}", response_model=RemovedShape)
async def delete_session(manager: Owned, once: Repeatable, session_id: Id, expected: Expected) -> Response:
    """Move a session to the trash; its documents stay."""
    return await once.of(manager, lambda m: m.delete_session(session_id, expected_revision=expected), Answer.plain)


@router.post("/sessions/{session_id}/undo", response_model=RestoredShape)
async def undo(manager: Owned, once: Repeatable, session_id: Id, expected: Expected) -> Response:
    """Take back the last operation that removed or replaced something, or the session's deletion."""
    return await once.of(manager, lambda m: m.undo(session_id, expected_revision=expected), Answer.plain)


@router.post("/sessions/{session_id}/forks", status_code=201, response_model=SessionShape)
async def fork_session(manager: Owned, once: Repeatable, session_id: Id, body: Fork) -> Response:
    """Copy a session, up to a message or whole."""
    return await once.of(manager, lambda m: m.fork_session(session_id, **body.given()), forked)
