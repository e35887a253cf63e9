"""`/api/sessions`."""

from fastapi import APIRouter, Request, Response

from ithaca import Session
from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.repeats import Repeatable
from ithaca.service.revisions import etag
from ithaca.service.wire.sessions import NewSession

router = APIRouter(prefix="/api/sessions", tags=["sessions"])


def shown(session: Session, status: int = 200, location: str | None = None) -> Answer:
    """A session without its history."""
    return Answer.of(session.to_dict(), status, etag=etag(session.revision), location=location)


@router.post("", status_code=201)
async def create_session(manager: Owned, once: Repeatable, body: NewSession, request: Request) -> Response:
    """Make a session."""
    return await once.of(manager, lambda m: m.create_session(**body.arguments()), lambda made: shown(made, 201))


@router.get("/{session_id}")
async def get_session(manager: Owned, session_id: str) -> Response:
    """A session without its messages."""
    return shown(await manager.get_session(session_id, last=0)).response()
