"""The calls about everything that is kept: clean-up, imports, checks."""

from collections.abc import Iterable, Iterator
from typing import Any

from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.models import (
    Conversation,
    DatabaseInfo,
    ImportReport,
    LibraryDocument,
    Problem,
)
from ithaca.operations import imports, integrity, retention

HOUR = 3600 * 1_000_000

#: Conversations, or documents, that are imported in one transaction, and the bytes of their attachments.
IMPORT_BATCH, IMPORT_BYTES = 500, 32 * 1024 * 1024


class Upkeep(Base):
    """The calls about everything that is kept: clean-up, imports, checks."""

    def cleanup_empty_sessions(
        self, auto_archive_days: float = 30, min_age_hours: float = 1, *, dry_run: bool = False
    ) -> dict[str, int]:
        """Tidies up; returns the counts `deleted_empty`, `archived_old` and `total_checked`.

        Moves to the trash: sessions without messages that were not changed for `min_age_hours`. Archives:
        sessions that were neither changed nor read for `auto_archive_days`. Starred ones stay as they are.
        All or nothing; with `dry_run`, nothing.
        """
        empty, unused = (
            self._door.age("min_age_hours", min_age_hours),
            self._door.age("auto_archive_days", auto_archive_days),
        )
        ages = (int(empty * HOUR), int(unused * 24 * HOUR))
        return self._storage.write(retention.clean_up, self._door.scope, *ages, self._door.dry_run(dry_run))

    def import_conversations(self, conversations: Iterable[Conversation]) -> ImportReport:
        """Adds conversations from elsewhere, with their ids, times and messages; repeating it adds nothing twice.

        A session that is here already gets the messages that it lacks, and is not changed otherwise; a message
        without an id is a new one each time. What was deleted here stays deleted. Each few hundred are one
        transaction. Raises `SessionExists` for an incognito one's id.
        """
        return self._import(
            imports.add_conversations, map(self._door.incoming, self._door.listed("conversations", conversations))
        )

    def import_documents(self, documents: Iterable[LibraryDocument]) -> ImportReport:
        """Adds documents from elsewhere with their versions; those that are here already stay as they are."""
        return self._import(
            imports.add_documents, map(self._door.incoming_document, self._door.listed("documents", documents))
        )

    def _import(self, op: Any, incoming: Iterator[Any]) -> ImportReport:
        report = ImportReport()
        for batch in batches(incoming):
            for session_id in session_ids(batch):
                self._refuse_taken(session_id, incognito=False)
            self._indexing.stored()
            added: ImportReport = self._storage.write(op, self._door.scope, batch)
            report += added
        return report

    def info(self) -> DatabaseInfo:
        """Which database this is, how large, and how many sessions it holds."""
        return self._storage.read(integrity.describe, self._door.scope, self._database)

    def verify(self) -> list[Problem]:
        """Derives every invariant again from what is stored; returns what is broken, by name. Reads everything."""
        scope = self._door.scope
        return [problem for storage in self._storages for problem in storage.read(integrity.verify, scope)]


@documented_by(Upkeep)
class AsyncUpkeep(AsyncBase):
    """The calls about everything that is kept: clean-up, imports, checks."""

    async def cleanup_empty_sessions(
        self, auto_archive_days: float = 30, min_age_hours: float = 1, *, dry_run: bool = False
    ) -> dict[str, int]:
        empty, unused = (
            self._door.age("min_age_hours", min_age_hours),
            self._door.age("auto_archive_days", auto_archive_days),
        )
        ages = (int(empty * HOUR), int(unused * 24 * HOUR))
        return await self._storage.write(retention.clean_up, self._door.scope, *ages, self._door.dry_run(dry_run))

    async def import_conversations(self, conversations: Iterable[Conversation]) -> ImportReport:
        return await self._import(
            imports.add_conversations, map(self._door.incoming, self._door.listed("conversations", conversations))
        )

    async def import_documents(self, documents: Iterable[LibraryDocument]) -> ImportReport:
        return await self._import(
            imports.add_documents, map(self._door.incoming_document, self._door.listed("documents", documents))
        )

    async def _import(self, op: Any, incoming: Iterator[Any]) -> ImportReport:
        report = ImportReport()
        for batch in batches(incoming):
            for session_id in session_ids(batch):
                await self._refuse_taken(session_id, incognito=False)
            self._indexing.stored()
            added: ImportReport = await self._storage.write(op, self._door.scope, batch)
            report += added
        return report

    async def info(self) -> DatabaseInfo:
        return await self._storage.read(integrity.describe, self._door.scope, self._database)

    async def verify(self) -> list[Problem]:
        scope = self._door.scope
        return [problem for storage in self._storages for problem in await storage.read(integrity.verify, scope)]


def batches(incoming: Iterable[Any]) -> Iterator[list[Any]]:
    """What is imported in one transaction each."""
    batch: list[Any] = []
    size = 0
    for one in incoming:
        batch.append(one)
        size += one.attached_bytes
        if len(batch) == IMPORT_BATCH or size > IMPORT_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def session_ids(batch: Iterable[Any]) -> Iterator[str]:
    """The ids of the sessions in it, if it is of sessions."""
    return (one.session["id"] for one in batch if isinstance(one, imports.Incoming))
