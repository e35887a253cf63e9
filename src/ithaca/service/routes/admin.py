"""`/api/admin`: what concerns all owners, for who has the right `admin`.

For one owner, an administrator uses the other routes, with the owner's name in the header `Ithaca-Owner`.
"""

from dataclasses import asdict
from datetime import date
from operator import itemgetter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ithaca.service.access import Nobodys, Trusted
from ithaca.service.answers import NO_CONTENT, Answer
from ithaca.service.pages import Cursor, InParts, Limit, page_answer
from ithaca.service.parameters import Owner
from ithaca.service.repeats import Repeatable
from ithaca.service.routes.retention import PolicyOf
from ithaca.service.routes.search import Asked
from ithaca.service.routes.sessions import Narrowed, Order
from ithaca.service.routes.usage import TOGETHER, By
from ithaca.service.strict import Route
from ithaca.service.wire.shapes import (
    AttachmentShape,
    Checked,
    Count,
    DatabaseInfoShape,
    DocumentShape,
    ErasedShape,
    FolderShape,
    HitShape,
    PolicyShape,
    RotatedSecretsShape,
    SessionShape,
    TrashEntryShape,
    UsageShape,
    hit_json,
    page_of,
    plain_json,
)
from ithaca.service.wire.upkeep import AnyPolicy, OwnerNamed
from ithaca.usage import KEYS

router = APIRouter(prefix="/api/admin", tags=["admin"], route_class=Route)


@router.get("/database", response_model=DatabaseInfoShape)
async def info(manager: Trusted) -> Response:
    """Which database this is, how large, and how many sessions it holds."""
    return Answer.plain(await manager.info()).response()


@router.post("/database:verify", response_model=Checked)
async def verify(manager: Trusted) -> Response:
    """Derive again whatever can be derived, and name what is broken; reads everything.

    It changes nothing, so it may be sent again without a key.
    """
    return Answer.of({"problems": [plain_json(each) for each in await manager.verify()]}).response()


@router.post("/database:rotate-secret-keys", response_model=RotatedSecretsShape)
async def rotate_secret_keys(manager: Trusted, once: Repeatable) -> Response:
    """Encrypt anew, under the first key, what other keys have sealed."""
    return await once.of_many(manager, lambda m: m.rotate_secret_keys(), Answer.plain)


@router.get("/sessions", response_model=page_of(SessionShape))
async def list_sessions(
    manager: Trusted,
    request: Request,
    narrowed: Narrowed,
    order: Order,
    owner: Owner = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """A page of anybody's sessions, without their messages."""
    asked: dict[str, Any] = {"owner": owner, **narrowed, **order, "limit": limit}
    return page_answer(request, await manager.list_sessions(**asked, cursor=cursor)).response()


@router.get("/sessions:count", response_model=Count)
async def count_sessions(manager: Trusted, narrowed: Narrowed, owner: Owner = None) -> Response:
    """How many sessions there are."""
    return Answer.of({"count": await manager.count_sessions(owner=owner, **narrowed)}).response()


@router.get("/folders", response_model=page_of(FolderShape))
async def list_folders(manager: Trusted, parts: InParts, owner: Owner = None, archived: bool | None = None) -> Response:
    """Every folder that anybody's sessions are in, by name, with how many."""
    found = await manager.list_folders(owner=owner, archived=archived)
    return parts.response(map(asdict, found), itemgetter("name"))


@router.get("/documents", response_model=page_of(DocumentShape))
async def list_documents(
    manager: Trusted,
    request: Request,
    owner: Owner = None,
    archived: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """A page of anybody's documents, without their content."""
    asked: dict[str, Any] = {"owner": owner, "archived": archived, "cursor": cursor, "limit": limit}
    return page_answer(request, await manager.list_documents(**asked)).response()


@router.get("/attachments", response_model=page_of(AttachmentShape))
async def list_attachments(
    manager: Trusted, request: Request, owner: Owner = None, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """A page of anybody's attachments, the last stored first."""
    return page_answer(request, await manager.list_attachments(owner=owner, cursor=cursor, limit=limit)).response()


@router.get("/search", response_model=page_of(HitShape))
async def search(manager: Trusted, request: Request, asked: Asked, owner: Owner = None) -> Response:
    """A page of the messages of anybody that fit, the best first."""
    return page_answer(request, await manager.search(**asked, owner=owner), hit_json).response()


@router.get("/trash", response_model=page_of(TrashEntryShape))
async def trash(
    manager: Trusted, request: Request, owner: Owner = None, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """A page of what anybody removed."""
    return page_answer(request, await manager.trash(owner=owner, cursor=cursor, limit=limit)).response()


@router.get("/usage", response_model=page_of(UsageShape))
async def usage(
    manager: Trusted,
    parts: InParts,
    owner: Owner = None,
    model: str | None = None,
    since: Annotated[date | None, Query(description="The first day, in UTC.")] = None,
    until: Annotated[date | None, Query(description="The last day, in UTC.")] = None,
    by: By = ["day", "model"],  # noqa: B006, never changed
    together: TOGETHER = False,
) -> Response:
    """Sums of what was recorded, of all owners or of one."""
    asked: dict[str, Any] = {"owner": owner, "model": model, "since": since, "until": until}
    sums = await manager.usage(**asked, by=() if together else by)
    return parts.response([sum.to_dict() for sum in sums], itemgetter(*KEYS))


@router.get("/retention", response_model=page_of(PolicyShape))
async def list_retention(manager: Trusted, parts: InParts, owner: Owner = None) -> Response:
    """Every policy, in the order of owners and folders."""
    policies = await manager.list_retention(owner=owner)
    return parts.response([policy.to_dict() for policy in policies], itemgetter("owner", "folder"))


@router.put("/retention", response_model=PolicyShape)
async def set_retention(manager: Trusted, once: Repeatable, body: AnyPolicy) -> Response:
    """Set anybody's policy; only here is a legal hold put and lifted."""
    return await once.of(manager, lambda m: m.set_retention(**body.given()), Answer.plain)


@router.delete("/retention", status_code=204)
async def delete_retention(
    manager: Trusted,
    owner: Annotated[str | None, Query(description="That of this owner; otherwise nobody's.")] = None,
    folder: PolicyOf = None,
) -> Response:
    """Delete anybody's policy."""
    await manager.delete_retention(owner=owner, folder=folder)
    return NO_CONTENT.response()


@router.post("/owners:erase", response_model=ErasedShape)
async def erase_owner(manager: Trusted, nobody: Nobodys, once: Repeatable, body: OwnerNamed) -> Response:
    """Erase all that an owner has; it cannot be undone."""
    return await once.of_erasure(manager, nobody, lambda m: m.erase_owner(body.owner), Answer.plain)
