"""The calls about what was removed: the trash, the way back, and the end of the way."""

from datetime import timedelta
from typing import TYPE_CHECKING

from ithaca.arguments import UNSET, Unset
from ithaca.content import whole
from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.models import ChatMessage, Erased, Page, Restored, TrashEntry
from ithaca.operations import erasure, holds, recovery, search
from ithaca.storage.protocol import Storage

if TYPE_CHECKING:
    from ithaca.manager.opening import OpenedWhenUsed

#: Entries of the trash that are purged in one transaction.
PURGE_BATCH = 100


class Purging(Base):
    """What purging comes down to."""

    def _with_entry(self, trash_id: str) -> Storage:
        """Where an entry of the trash is."""
        if self._incognito.used and self._incognito.read(recovery.is_there, self._door.scope, trash_id):
            return self._incognito
        return self._storage

    def _purge_older(self, before: int) -> Erased:
        """Purges what went to the trash until a time, but for what is on hold, in short transactions."""
        erased = Erased()
        for storage in self._storages:
            while (some := storage.write(erasure.purge_older, self._door.scope, before, PURGE_BATCH)).counts:
                erased += some
        return erased

    def _scrub(self, erased: Erased, *, anew: bool = True) -> None:
        """Makes what was erased vanish from files; unless `anew`, without what may keep others waiting for long."""
        begin = True
        while search.leaves_traces(erased) and self._storage.write(search.sweep, begin):
            begin = False
        self._storage.scrub(whole=anew and erased.total > 0)


class Recovery(Purging):
    """The calls about what was removed."""

    def trash(
        self, *, session_id: str | None = None, owner: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[TrashEntry]:
        """A page of what was removed, an entry for each operation, the last first.

        What was removed of incognito sessions is listed only where the session is named.
        """
        door = self._door
        session = None if session_id is None else door.session_id(session_id)
        of_owner = None if owner is None else door.owner_filter(owner)
        storage = self._storage if session is None else self._at(session, of_owner)
        return storage.read(recovery.list_trash, door.scope, session, of_owner, door.cursor(cursor), door.page(limit))

    def trashed_messages(
        self, trash_id: str, *, session_id: str | None = None, after: int = 0, limit: int = 50
    ) -> list[ChatMessage]:
        """Messages in an entry of the trash with a number above `after`, oldest first.

        Of an entry with several sessions, `session_id` says which. Raises `TrashNotFound`.
        """
        door = self._door
        session = None if session_id is None else door.session_id(session_id)
        page = whole("after", after, 0), door.page(limit)
        id = door.trash_id(trash_id)
        storage = self._with_entry(id)
        return storage.read(recovery.trashed_messages, door.scope, id, session, *page)

    def undo(self, session_id: str, *, expected_revision: int | None = None) -> Restored:
        """Takes back the last operation on a session that removed or replaced something, or its deletion.

        What comes back stands where it was, before what came later; if that was in another version of the
        conversation, that version is shown. What had taken its place (the new text of an edited message) goes to the
        trash in turn, as an entry of kind "undo" that `restore` brings back; so does a message whose id is in use
        again. Raises `NothingToUndo`, `SessionNotFound`, `RevisionConflict`; `AmbiguousId`; and, for trusted code,
        `SessionExists` if the id of a deleted session is another owner's now.
        """
        door = self._door
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return self._at(id).write(recovery.undo, door.scope, id, expected)

    def restore(self, trash_id: str, *, expected_revision: int | None = None) -> Restored:
        """Takes back one operation, whenever it was, for all whom it concerned.

        Raises `TrashNotFound`, `RevisionConflict`; `SessionExists` or `DocumentExists` if an id is taken by now: then
        nothing comes back, though `undo` brings back the others of several sessions one by one.
        """
        door = self._door
        id, expected = door.trash_id(trash_id), door.expected(expected_revision)
        storage = self._with_entry(id)
        self._refuse_hiding(storage, id)
        return storage.write(recovery.restore, door.scope, id, expected)

    def _refuse_hiding(self, storage: Storage, trash_id: str) -> None:
        """Raises `SessionExists` if a session would come back where another storage's has its id."""
        if self._incognito.used:
            for owner, session_id in storage.read(recovery.sessions_in, self._door.scope, trash_id):
                self._refuse_taken(session_id, incognito=storage is self._incognito)
                if storage is self._incognito:
                    self._incognito.know(owner, session_id)

    def purge(self, trash_id: str | None = None, *, older_than: timedelta | None = None) -> Erased:
        """Erases for good: one entry of the trash, or else what is older than given, or than the retention time.

        Returns the counts of erased rows by table; summaries, search entries and attachments that nothing is left of
        go too. On SQLite nothing of it is left in the files: they are written anew if anything was erased, which takes
        as long as copying them, and writers wait. On PostgreSQL nothing is left that a query or a dump shows, and the
        pages are reused after the next vacuum. What is of an owner on legal hold stays. Raises `TrashNotFound`;
        `LegalHold` for such an owner's entry, or where that one is asked; `DatabaseBusy` if a reader kept traces from
        being removed from the files: then it is erased all the same, and the next call removes them.
        """
        door = self._door
        if trash_id is None:
            self._storage.write(holds.refuse_held_scope, door.scope)
            erased = self._purge_older(door.purged_before(older_than))
            self._histories.clear()
        else:
            id = door.purged_entry(trash_id, older_than)
            storage = self._with_entry(id)
            erased = storage.write(erasure.purge_entry, door.scope, id)
            self._histories.clear()
        self._scrub(erased)
        return erased

    def erase_owner(self, owner: str | Unset = UNSET) -> Erased:
        """Erases all that an owner has: conversations, documents, attachments, trash, usage, keys, users and log-ins.

        Returns a receipt: the counts of erased rows by table. It cannot be undone. A manager that is confined to
        an owner erases that one's; any other must name the owner, "" for what is nobody's. What is left in files, and
        what `DatabaseBusy` means, is as with `purge`. Raises `LegalHold`.
        """
        erased, whose = Erased(), self._door.erased_owner(owner)
        for storage in self._storages:
            erased += storage.write(erasure.erase_owner, self._door.scope, whose)
            self._histories.clear()
        self._incognito.forget_owner(whose)
        self._scrub(erased)
        return erased


class AsyncPurging(AsyncBase):
    """What purging comes down to."""

    async def _with_entry(self, trash_id: str) -> "OpenedWhenUsed":
        if self._incognito.used and await self._incognito.read(recovery.is_there, self._door.scope, trash_id):
            return self._incognito
        return self._storage

    async def _purge_older(self, before: int) -> Erased:
        erased = Erased()
        for storage in self._storages:
            while (some := await storage.write(erasure.purge_older, self._door.scope, before, PURGE_BATCH)).counts:
                erased += some
        return erased

    async def _scrub(self, erased: Erased, *, anew: bool = True) -> None:
        begin = True
        while search.leaves_traces(erased) and await self._storage.write(search.sweep, begin):
            begin = False
        await self._storage.scrub(whole=anew and erased.total > 0)


@documented_by(Recovery)
class AsyncRecovery(AsyncPurging):
    """The calls about what was removed."""

    async def trash(
        self, *, session_id: str | None = None, owner: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[TrashEntry]:
        door = self._door
        session = None if session_id is None else door.session_id(session_id)
        of_owner = None if owner is None else door.owner_filter(owner)
        storage = self._storage if session is None else self._at(session, of_owner)
        return await storage.read(
            recovery.list_trash, door.scope, session, of_owner, door.cursor(cursor), door.page(limit)
        )

    async def trashed_messages(
        self, trash_id: str, *, session_id: str | None = None, after: int = 0, limit: int = 50
    ) -> list[ChatMessage]:
        door = self._door
        session = None if session_id is None else door.session_id(session_id)
        page = whole("after", after, 0), door.page(limit)
        id = door.trash_id(trash_id)
        storage = await self._with_entry(id)
        return await storage.read(recovery.trashed_messages, door.scope, id, session, *page)

    async def undo(self, session_id: str, *, expected_revision: int | None = None) -> Restored:
        door = self._door
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return await self._at(id).write(recovery.undo, door.scope, id, expected)

    async def restore(self, trash_id: str, *, expected_revision: int | None = None) -> Restored:
        door = self._door
        id, expected = door.trash_id(trash_id), door.expected(expected_revision)
        storage = await self._with_entry(id)
        await self._refuse_hiding(storage, id)
        return await storage.write(recovery.restore, door.scope, id, expected)

    async def _refuse_hiding(self, storage: "OpenedWhenUsed", trash_id: str) -> None:
        if self._incognito.used:
            for owner, session_id in await storage.read(recovery.sessions_in, self._door.scope, trash_id):
                await self._refuse_taken(session_id, incognito=storage is self._incognito)
                if storage is self._incognito:
                    self._incognito.know(owner, session_id)

    async def purge(self, trash_id: str | None = None, *, older_than: timedelta | None = None) -> Erased:
        door = self._door
        if trash_id is None:
            await self._storage.write(holds.refuse_held_scope, door.scope)
            erased = await self._purge_older(door.purged_before(older_than))
            self._histories.clear()
        else:
            id = door.purged_entry(trash_id, older_than)
            storage = await self._with_entry(id)
            erased = await storage.write(erasure.purge_entry, door.scope, id)
            self._histories.clear()
        await self._scrub(erased)
        return erased

    async def erase_owner(self, owner: str | Unset = UNSET) -> Erased:
        erased, whose = Erased(), self._door.erased_owner(owner)
        for storage in self._storages:
            erased += await storage.write(erasure.erase_owner, self._door.scope, whose)
            self._histories.clear()
        self._incognito.forget_owner(whose)
        await self._scrub(erased)
        return erased
