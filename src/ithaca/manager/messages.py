"""The calls about messages."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ithaca.arguments import UNSET, Reading, Unset
from ithaca.content import flag, whole
from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.manager.histories import Key
from ithaca.models import (
    ChatMessage,
    Content,
    Removed,
)
from ithaca.operations import histories, versions
from ithaca.operations import messages as operations

#: Messages that `iter_messages` holds at a time, at most.
STREAM_PAGE = 500


class Messages(Base):
    """The calls about messages."""

    def add_message(
        self, session_id: str, message: ChatMessage, *, expected_revision: int | None = None
    ) -> ChatMessage:
        """The message as it is stored at the end of the session: with its id, number and time.

        A message that brings an id may be added again: if it says the same, nothing happens and the stored
        one is returned; if not, `MessageConflict`. Raises `SessionNotFound`, `InvalidMessage`,
        `RevisionConflict`.
        """
        call = self._door.append_one(session_id, message, expected_revision)
        self._indexing.stored()
        return self._at(call[1]).write(operations.appending(call[2]), *call)[0]

    def add_messages(
        self, session_id: str, messages: Iterable[ChatMessage], *, expected_revision: int | None = None
    ) -> list[ChatMessage]:
        """The messages as they are stored, in their order and with numbers in a row; all of them, or none."""
        call = self._door.append(session_id, messages, expected_revision)
        self._indexing.stored()
        return self._at(call[1]).write(operations.appending(call[2]), *call)

    def get_message(self, session_id: str, message_id: str, *, attachments: Reading = "inline") -> ChatMessage:
        """One message; `attachments` as in `get_messages`. Raises `MessageNotFound`, `SessionNotFound`."""
        door = self._door
        id, message_id = door.session_id(session_id), door.message_id(session_id, message_id)
        message = self._at(id).read(operations.get_one, door.scope, id, message_id, door.inline(attachments))
        self._was_read(id)
        return message

    def get_messages(
        self,
        session_id: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
        attachments: Reading = "inline",
    ) -> list[ChatMessage]:
        """Messages by number, oldest first: the first after `after`, or the newest before `before`.

        Without either, the newest of all; with both, the first of those between. Fewer than `limit` means
        that there are no more in that direction. With `attachments="reference"`, an `AttachmentReference` stands
        in the place of each image and file that is kept apart, and its bytes are not read. Raises
        `SessionNotFound`.
        """
        door = self._door
        id = door.session_id(session_id)
        bounds = door.bound("before", before), door.bound("after", after)
        count, inline = door.page(limit), door.inline(attachments)
        if bounds == (None, None) and not self._is_hidden(id):
            return self._get_newest(id, count, inline)
        page = self._at(id).read(operations.get_page, door.scope, id, *bounds, count, inline)
        self._was_read(id)
        return page

    def _get_newest(self, session_id: str, count: int, inline: bool) -> list[ChatMessage]:
        scope = self._door.scope
        key: Key = (scope.owner, session_id, "last")
        known = self._histories.get(key)
        page, last, accessed = self._storage.read(histories.newest, scope, session_id, known, count, inline)
        if last is not known:
            self._histories.put(key, last)
        self._was_read(session_id, accessed)
        return page

    def iter_messages(
        self, session_id: str, *, after: int = 0, attachments: Reading = "inline"
    ) -> Iterator[ChatMessage]:
        """Every message with a number above `after`, oldest first, in constant memory.

        Messages that are added meanwhile are met at the end. `attachments` as in `get_messages`. Raises
        `SessionNotFound` when it begins.
        """
        id = self._door.session_id(session_id)
        return self._pages(id, whole("after", after, 0), self._door.inline(attachments))

    def _pages(self, session_id: str, after: int, inline: bool) -> Iterator[ChatMessage]:
        self._was_read(session_id)
        while True:
            call = (self._door.scope, session_id, after, STREAM_PAGE, inline)
            page, more = self._at(session_id).read(operations.stretch, *call)
            yield from page
            if not more:
                return
            after = page[-1].seq or 0

    def edit_message(
        self,
        session_id: str,
        message_id: str,
        content: Content | Unset = UNSET,
        *,
        tool_calls: Sequence[Any] | None | Unset = UNSET,
        metadata: Mapping[str, Any] | None | Unset = UNSET,
        branch: bool = False,
        expected_revision: int | None = None,
    ) -> ChatMessage:
        """The message as it is after the change, in its old place; what it said before goes to the trash.

        With `branch=True`, a copy with an id of its own takes its place: the conversation begins anew from
        there, and the old message with all that followed it is kept as a version (see `list_versions`). Raises
        `MessageNotFound`, `SessionNotFound`, `InvalidMessage`, `RevisionConflict`.
        """
        door = self._door
        changes = door.edited(content, tool_calls, metadata)
        message = door.message_id(session_id, message_id)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        edit = versions.edit_as_version if flag("branch", branch) else operations.edit
        self._indexing.stored()
        return self._at(id).write(edit, door.scope, id, message, changes, expected)

    def delete_messages(
        self, session_id: str, message_ids: Iterable[str], *, expected_revision: int | None = None
    ) -> Removed:
        """Moves messages to the trash; the result counts those that were there. Raises `SessionNotFound`."""
        door = self._door
        ids = door.ids("message_ids", message_ids)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return self._at(id).write(operations.delete, door.scope, id, ids, expected)

    def truncate_messages(self, session_id: str, keep_count: int, *, expected_revision: int | None = None) -> Removed:
        """Keeps the first `keep_count` messages and moves the others to the trash.

        More than there are keeps all. Raises `SessionNotFound`, `RevisionConflict`; `InvalidArgument` (a
        `ValueError`) for a negative number.
        """
        door = self._door
        keep = whole("keep_count", keep_count, 0)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return self._at(id).write(operations.truncate, door.scope, id, keep, expected)

    def replace_messages(
        self, session_id: str, messages: Iterable[ChatMessage], *, expected_revision: int | None = None
    ) -> list[ChatMessage]:
        """Makes these the messages of the session, all or nothing; returns them as they are stored.

        Messages with ids that the session holds keep their ids and times. As far as the list begins like the
        stored one, numbers stay too; what comes after the first difference gets new ones, and what stood there
        goes to the trash. Raises `SessionNotFound`, `InvalidMessage`, `RevisionConflict`.
        """
        door = self._door
        new = door.drafts(messages)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        self._indexing.stored()
        return self._at(id).write(operations.replace, door.scope, id, new, expected)


@documented_by(Messages)
class AsyncMessages(AsyncBase):
    """The calls about messages."""

    async def add_message(
        self, session_id: str, message: ChatMessage, *, expected_revision: int | None = None
    ) -> ChatMessage:
        call = self._door.append_one(session_id, message, expected_revision)
        self._indexing.stored()
        return (await self._at(call[1]).write(operations.appending(call[2]), *call))[0]

    async def add_messages(
        self, session_id: str, messages: Iterable[ChatMessage], *, expected_revision: int | None = None
    ) -> list[ChatMessage]:
        call = self._door.append(session_id, messages, expected_revision)
        self._indexing.stored()
        return await self._at(call[1]).write(operations.appending(call[2]), *call)

    async def get_message(self, session_id: str, message_id: str, *, attachments: Reading = "inline") -> ChatMessage:
        door = self._door
        id, message_id = door.session_id(session_id), door.message_id(session_id, message_id)
        message = await self._at(id).read(operations.get_one, door.scope, id, message_id, door.inline(attachments))
        self._was_read(id)
        return message

    async def get_messages(
        self,
        session_id: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
        attachments: Reading = "inline",
    ) -> list[ChatMessage]:
        door = self._door
        id = door.session_id(session_id)
        bounds = door.bound("before", before), door.bound("after", after)
        count, inline = door.page(limit), door.inline(attachments)
        if bounds == (None, None) and not self._is_hidden(id):
            return await self._get_newest(id, count, inline)
        page = await self._at(id).read(operations.get_page, door.scope, id, *bounds, count, inline)
        self._was_read(id)
        return page

    async def _get_newest(self, session_id: str, count: int, inline: bool) -> list[ChatMessage]:
        scope = self._door.scope
        key: Key = (scope.owner, session_id, "last")
        known = self._histories.get(key)
        page, last, accessed = await self._storage.read(histories.newest, scope, session_id, known, count, inline)
        if last is not known:
            self._histories.put(key, last)
        self._was_read(session_id, accessed)
        return page

    def iter_messages(
        self, session_id: str, *, after: int = 0, attachments: Reading = "inline"
    ) -> AsyncIterator[ChatMessage]:
        id = self._door.session_id(session_id)
        return self._pages(id, whole("after", after, 0), self._door.inline(attachments))

    async def _pages(self, session_id: str, after: int, inline: bool) -> AsyncIterator[ChatMessage]:
        self._was_read(session_id)
        while True:
            call = (self._door.scope, session_id, after, STREAM_PAGE, inline)
            page, more = await self._at(session_id).read(operations.stretch, *call)
            for message in page:
                yield message
            if not more:
                return
            after = page[-1].seq or 0

    async def edit_message(
        self,
        session_id: str,
        message_id: str,
        content: Content | Unset = UNSET,
        *,
        tool_calls: Sequence[Any] | None | Unset = UNSET,
        metadata: Mapping[str, Any] | None | Unset = UNSET,
        branch: bool = False,
        expected_revision: int | None = None,
    ) -> ChatMessage:
        door = self._door
        changes = door.edited(content, tool_calls, metadata)
        message = door.message_id(session_id, message_id)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        edit = versions.edit_as_version if flag("branch", branch) else operations.edit
        self._indexing.stored()
        return await self._at(id).write(edit, door.scope, id, message, changes, expected)

    async def delete_messages(
        self, session_id: str, message_ids: Iterable[str], *, expected_revision: int | None = None
    ) -> Removed:
        door = self._door
        ids = door.ids("message_ids", message_ids)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return await self._at(id).write(operations.delete, door.scope, id, ids, expected)

    async def truncate_messages(
        self, session_id: str, keep_count: int, *, expected_revision: int | None = None
    ) -> Removed:
        door = self._door
        keep = whole("keep_count", keep_count, 0)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return await self._at(id).write(operations.truncate, door.scope, id, keep, expected)

    async def replace_messages(
        self, session_id: str, messages: Iterable[ChatMessage], *, expected_revision: int | None = None
    ) -> list[ChatMessage]:
        door = self._door
        new = door.drafts(messages)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        self._indexing.stored()
        return await self._at(id).write(operations.replace, door.scope, id, new, expected)
