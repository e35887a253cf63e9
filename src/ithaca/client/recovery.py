"""The calls about what was removed: the trash, the way back, and the end of the way."""

from datetime import timedelta

from ithaca.arguments import UNSET, Unset
from ithaca.client import values
from ithaca.client.asking import Asking, at, call
from ithaca.client.base import Calls
from ithaca.content import whole
from ithaca.models import ChatMessage, Erased, Page, Restored, TrashEntry


class Recovery(Calls):
    """The calls about what was removed."""

    @call
    def trash(
        self, *, session_id: str | None = None, owner: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Asking[Page[TrashEntry]]:
        """A page of what was removed, an entry for each operation, the last first."""
        door = self._door
        id = None if session_id is None else door.session_id(session_id)
        asked = {"session_id": id, "cursor": door.cursor(cursor), "limit": door.page(limit)}
        return values.page(values.trash_entry)((yield from self._listed("trash", asked, owner)))

    @call
    def trashed_messages(
        self, trash_id: str, *, session_id: str | None = None, after: int = 0, limit: int = 50
    ) -> Asking[list[ChatMessage]]:
        """Messages in an entry of the trash with a number above `after`, oldest first."""
        door = self._door
        id, session = door.trash_id(trash_id), None if session_id is None else door.session_id(session_id)
        asked = {"session_id": session, "after": whole("after", after, 0), "limit": door.page(limit)}
        return values.items(values.message)((yield self._get(at("trash", id, "messages"), asked)).value)

    @call
    def undo(self, session_id: str, *, expected_revision: int | None = None) -> Asking[Restored]:
        """Takes back the last operation on a session that removed or replaced something, or its deletion."""
        id, expected = self._door.session_id(session_id), self._door.expected(expected_revision)
        return Restored(**(yield self._post(at("sessions", id, "undo"), expected=expected)).value)

    @call
    def restore(self, trash_id: str, *, expected_revision: int | None = None) -> Asking[Restored]:
        """Takes back one operation, whenever it was, for all whom it concerned."""
        id, expected = self._door.trash_id(trash_id), self._door.expected(expected_revision)
        return Restored(**(yield self._post(at("trash", id, "restore"), expected=expected)).value)

    @call
    def purge(self, trash_id: str | None = None, *, older_than: timedelta | None = None) -> Asking[Erased]:
        """Erases for good: one entry of the trash, or else what is older than given, or than the retention time."""
        if trash_id is not None:
            path = at("trash", self._door.purged_entry(trash_id, older_than))
            return Erased(**(yield self._sent_once("DELETE", path)).value)
        self._door.purged_before(older_than)
        days = None if older_than is None else older_than / timedelta(days=1)
        return Erased(**(yield self._post(self._over_all("trash:purge"), {"older_than_days": days})).value)

    @call
    def erase_owner(self, owner: str | Unset = UNSET) -> Asking[Erased]:
        """Erases all that an owner has; without one named, only the client of `for_owner` knows whose."""
        named = self._door.erased_owner(owner)
        if self._is_over_all:
            return Erased(**(yield self._post(at("admin", "owners:erase"), {"owner": named})).value)
        return Erased(**(yield self._post(at("me:erase"), {"owner": named}, owner=named)).value)
