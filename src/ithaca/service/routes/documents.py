"""`/api/documents`: texts with versions."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ithaca import Document
from ithaca.service.access import Owned
from ithaca.service.answers import Answer
from ithaca.service.pages import Cursor, Limit, page_answer
from ithaca.service.paths import Id, segment
from ithaca.service.repeats import Repeatable
from ithaca.service.revisions import Expected, etag, is_known
from ithaca.service.strict import Route
from ithaca.service.wire.documents import DocumentEdit, Home, NewDocument
from ithaca.service.wire.shapes import DocumentShape, DocumentVersionShape, RemovedShape, page_of

router = APIRouter(prefix="/api/documents", tags=["documents"], route_class=Route)


def shown(document: Document) -> Answer:
    return Answer.of(document.to_dict(), etag=etag(document.revision))


def made(document: Document) -> Answer:
    location = f"documents/{segment(document.id)}"
    return Answer.of(document.to_dict(), 201, etag=etag(document.revision), location=location)


@router.get("", response_model=page_of(DocumentShape))
async def list_documents(
    manager: Owned,
    request: Request,
    session_id: Annotated[str | None, Query(description='"" for those that belong to no session.')] = None,
    archived: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """A page of documents without their content, the last changed first."""
    asked: dict[str, Any] = {"session_id": session_id, "cursor": cursor, "limit": limit}
    return page_answer(request, await manager.list_documents(archived=archived, **asked)).response()


@router.post("", status_code=201, response_model=DocumentShape)
async def create_document(manager: Owned, once: Repeatable, body: NewDocument) -> Response:
    """Make a document."""
    return await once.of(manager, lambda m: m.create_document(**body.arguments()), made)


@router.get("/{document_id}", response_model=DocumentShape)
async def get_document(manager: Owned, request: Request, document_id: Id) -> Response:
    """A document with its current content."""
    document = await manager.get_document(document_id)
    if is_known(request, etag(document.revision)):
        return Response(status_code=304, headers={"etag": etag(document.revision)})
    return shown(document).response()


@router.patch("/{document_id}", response_model=DocumentShape)
async def edit_document(
    manager: Owned, once: Repeatable, document_id: Id, expected: Expected, body: DocumentEdit
) -> Response:
    """Change a document, which makes a version; what is left out stays."""
    given = body.given()
    return await once.of(manager, lambda m: m.edit_document(document_id, **given, expected_revision=expected), shown)


@router.delete("/{document_id}", response_model=RemovedShape)
async def delete_document(manager: Owned, once: Repeatable, document_id: Id, expected: Expected) -> Response:
    """Move a document with its versions to the trash."""
    return await once.of(manager, lambda m: m.delete_document(document_id, expected_revision=expected), Answer.plain)


@router.put("/{document_id}/session", response_model=DocumentShape)
async def attach_document(
    manager: Owned, once: Repeatable, document_id: Id, expected: Expected, body: Home
) -> Response:
    """Let a document belong to a session."""
    home = body.session_id
    return await once.of(manager, lambda m: m.attach_document(document_id, home, expected_revision=expected), shown)


@router.delete("/{document_id}/session", response_model=DocumentShape)
async def detach_document(manager: Owned, once: Repeatable, document_id: Id, expected: Expected) -> Response:
    """Let a document belong to no session."""
    return await once.of(manager, lambda m: m.detach_document(document_id, expected_revision=expected), shown)


@router.put("/{document_id}/archived", response_model=DocumentShape)
async def archive_document(manager: Owned, once: Repeatable, document_id: Id, expected: Expected) -> Response:
    """Archive a document."""
    return await once.of(manager, lambda m: m.archive_document(document_id, expected_revision=expected), shown)


@router.delete("/{document_id}/archived", response_model=DocumentShape)
async def unarchive_document(manager: Owned, once: Repeatable, document_id: Id, expected: Expected) -> Response:
    """Put an archived document among the others again."""
    return await once.of(manager, lambda m: m.unarchive_document(document_id, expected_revision=expected), shown)


@router.get("/{document_id}/versions", response_model=page_of(DocumentVersionShape))
async def list_document_versions(
    manager: Owned, request: Request, document_id: Id, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """A page of versions without their content, the newest first."""
    versions = await manager.list_document_versions(document_id, cursor=cursor, limit=limit)
    return page_answer(request, versions).response()


@router.get("/{document_id}/versions/{version}", response_model=DocumentVersionShape)
async def get_document_version(manager: Owned, document_id: Id, version: int) -> Response:
    """One version with its content."""
    return Answer.plain(await manager.get_document_version(document_id, version)).response()


@router.post("/{document_id}/versions/{version}/restore", response_model=DocumentShape)
async def restore_document_version(
    manager: Owned, once: Repeatable, document_id: Id, version: int, expected: Expected
) -> Response:
    """Make a version that says what an older one said."""
    return await once.of(
        manager, lambda m: m.restore_document_version(document_id, version, expected_revision=expected), shown
    )
