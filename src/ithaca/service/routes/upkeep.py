"""What tidies up, brings in or erases much at once: for one's own data, and for administrators over all.

The same routes twice: under `/api` on a manager confined to who asks, under `/api/admin` on one that isn't.
"""

from typing import Any

from fastapi import APIRouter, Depends, Response

from ithaca import AsyncSessionManager
from ithaca.service.access import owned, trusted
from ithaca.service.answers import Answer
from ithaca.service.repeats import Repeatable
from ithaca.service.strict import Route
from ithaca.service.wire.shapes import (
    CleanedUp,
    CollectedShape,
    ErasedShape,
    ImportReportShape,
    RetentionReportShape,
)
from ithaca.service.wire.upkeep import (
    Age,
    Application,
    CleanUp,
    Collection,
    Conversations,
    Documents,
)


def routes(prefix: str, which: Any, tag: str) -> APIRouter:
    """The routes on the managers that a dependency gives."""
    router = APIRouter(prefix=prefix, tags=[tag], route_class=Route)

    @router.post("/sessions:cleanup", response_model=CleanedUp)
    async def cleanup_empty_sessions(once: Repeatable, body: CleanUp, manager: AsyncSessionManager = which) -> Response:
        """Move empty sessions to the trash and archive unused ones."""
        return await once.of(manager, lambda m: m.cleanup_empty_sessions(**body.given()), Answer.plain)

    @router.post("/retention:apply", response_model=RetentionReportShape)
    async def apply_retention(once: Repeatable, body: Application, manager: AsyncSessionManager = which) -> Response:
        """Do what all policies say now, in short transactions."""
        return await once.of_many(manager, lambda m: m.apply_retention(**body.given()), Answer.plain)

    @router.post("/attachments:collect", response_model=CollectedShape)
    async def collect_attachments(once: Repeatable, body: Collection, manager: AsyncSessionManager = which) -> Response:
        """Remove attachments that no message refers to, in the trash neither."""
        return await once.of_many(manager, lambda m: m.collect_attachments(**body.given()), Answer.plain)

    @router.post("/trash:purge", response_model=ErasedShape)
    async def purge(once: Repeatable, body: Age, manager: AsyncSessionManager = which) -> Response:
        """Erase for good what is older than given, or than the retention time; not of an owner on hold."""
        age = body.age()
        return await once.of_many(manager, lambda m: m.purge(older_than=age), Answer.plain)

    @router.post("/conversations:import", response_model=ImportReportShape)
    async def import_conversations(
        once: Repeatable, body: Conversations, manager: AsyncSessionManager = which
    ) -> Response:
        """Add conversations from elsewhere; repeating it adds nothing twice."""
        given = [each.conversation() for each in body.conversations]
        return await once.of_many(manager, lambda m: m.import_conversations(given), Answer.plain)

    @router.post("/documents:import", response_model=ImportReportShape)
    async def import_documents(once: Repeatable, body: Documents, manager: AsyncSessionManager = which) -> Response:
        """Add documents from elsewhere with their versions."""
        given = [each.document() for each in body.documents]
        return await once.of_many(manager, lambda m: m.import_documents(given), Answer.plain)

    return router


own = routes("/api", Depends(owned), "upkeep")
all_owners = routes("/api/admin", Depends(trusted), "admin")
