"""`/api/attachments`: images, sounds and files of messages."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from ithaca import Attachment
from ithaca.media_types import plain_media_type
from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.pages import Cursor, Limit, page_answer
from ithaca.service.parameters import named
from ithaca.service.paths import Id
from ithaca.service.problems import Refused, problem
from ithaca.service.ranges import Span, Unsatisfiable, asked_span
from ithaca.service.repeats import RepeatableUpload
from ithaca.service.revisions import is_known
from ithaca.service.strict import Route
from ithaca.service.wire.shapes import AttachmentShape, page_of

router = APIRouter(prefix="/api/attachments", tags=["attachments"], route_class=Route)

#: What a browser may show in the place where it is. All else is saved to a file: it could be a page with a script.
_SHOWN = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "audio/mpeg", "audio/ogg",
                    "audio/wav", "audio/flac", "video/mp4", "video/webm", "application/pdf"))  # fmt: skip

_CONTENT = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The bytes.", "content": _CONTENT},
    206: {"description": "The part that `Range` asked for.", "content": _CONTENT},
    304: {"description": "`If-None-Match` has it already."},
    416: {"description": "Nothing of what `Range` asked for is there."},
}


@router.get("", response_model=page_of(AttachmentShape))
async def list_attachments(
    manager: Owned,
    request: Request,
    session_id: Annotated[str | None, Query(description="Only what this session refers to.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """A page of attachments, the last stored first."""
    return page_answer(request, await manager.list_attachments(session_id, cursor=cursor, limit=limit)).response()


@router.post(
    "",
    status_code=201,
    response_model=AttachmentShape,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": _CONTENT,
        }
    },
)
async def put_attachment(manager: Owned, request: Request, once: RepeatableUpload) -> Response:
    """Store the bytes of the body, whose `Content-Type` is theirs; they are taken in as they come.

    The same bytes are stored once, so that this may be sent again without a key as well.
    """
    media_type = request.headers.get("content-type", "application/octet-stream")
    if plain_media_type(media_type) == "multipart/form-data":
        detail = "Content-Type: the body is the bytes themselves here, not a form with them."
        raise Refused(415, "UnsupportedMediaType", detail, field="Content-Type")
    once = once.known_by(once.fingerprint, media_type)
    with named("media_type", "Content-Type"):
        return await once.of_upload(
            manager, _body(request), lambda body: manager.put_attachment(body, media_type), _made
        )


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        if piece:
            yield piece


def _made(attachment: Attachment) -> Answer:
    return Answer.of(attachment.to_dict(), 201, location=f"attachments/{attachment.digest}")


@router.get("/{digest}/info", response_model=AttachmentShape)
async def get_attachment(manager: Owned, digest: Id) -> Response:
    """What is known of an attachment, by its digest or a reference."""
    return Answer.plain(await manager.get_attachment(digest)).response()


@router.get("/{digest}", response_class=Response, responses=_BYTES)
async def read_attachment(manager: Owned, request: Request, digest: Id) -> Response:
    """The bytes of an attachment, or the part of them that `Range` asks for."""
    found = await manager.get_attachment(digest)
    headers = _headers(found)
    if is_known(request, headers["etag"]):
        return Response(status_code=304, headers={"etag": headers["etag"]})
    try:
        span = _span(request, found)
    except Unsatisfiable:
        refused = problem(416, "RangeNotSatisfiable", f"There are {found.size} bytes.")
        return refused.response(**{"content-range": f"bytes */{found.size}"})
    part = span or Span(0, found.size)
    headers["content-length"] = str(part.size)
    if span:
        headers["content-range"] = span.of(found.size)
    pieces = manager.read_attachment(found.digest, start=part.start, stop=part.stop, owner=found.owner)
    return StreamingResponse(pieces, 206 if span else 200, headers)


def _span(request: Request, found: Attachment) -> Span | None:
    """What is asked for: all, where `If-Range` names other bytes."""
    condition = request.headers.get("if-range")
    if condition is not None and condition != f'"{found.digest}"':
        return None
    return asked_span(request.headers.get("range"), found.size)


def _headers(attachment: Attachment) -> dict[str, str]:
    plain = plain_media_type(attachment.media_type)
    return {
        "content-type": attachment.media_type,
        "content-disposition": "inline" if plain in _SHOWN else "attachment",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "etag": f'"{attachment.digest}"',
    }
