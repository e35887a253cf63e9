"""`AsyncSessionManager`: the same calls as `SessionManager`, for code on an event loop.

What each returns and raises stands in `SessionManager`; `help()` shows it here too.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Self, TypeVar

from ithaca import columns
from ithaca.arguments import UNSET, Door, SortBy, Unset
from ithaca.config import Durability, Settings, read_settings, without_password
from ithaca.content import TokenCounter, estimate_tokens, whole
from ithaca.errors import ManagerClosed
from ithaca.later import Recently
from ithaca.later_async import AsyncLater
from ithaca.manager import HOUR, IMPORT_BATCH, STREAM_PAGE, SessionManager
from ithaca.models import (
    ChatMessage,
    Content,
    Conversation,
    DatabaseInfo,
    Document,
    DocumentVersion,
    ImportReport,
    LibraryDocument,
    Page,
    Problem,
    Removed,
    Session,
)
from ithaca.operations import documents, imports, integrity, listing, messages, retention, sessions
from ithaca.operations.scope import Scope
from ithaca.secrets import Vault
from ithaca.storage import open_async_storage
from ithaca.storage.connection import AsyncStorage, Operation, P

T = TypeVar("T")


class OpenedWhenUsed:
    """A storage that the first call opens, since a constructor cannot await."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._storage: AsyncStorage | None = None
        self._closed = False
        self._opening = asyncio.Lock()

    async def open(self) -> AsyncStorage:
        async with self._opening:
            if self._closed:
                raise ManagerClosed
            if self._storage is None:
                self._storage = await open_async_storage(self._settings)
            return self._storage

    async def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await (self._storage or await self.open()).read(op, *args, **kwargs)

    async def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await (self._storage or await self.open()).write(op, *args, **kwargs)

    async def close(self) -> None:
        async with self._opening:
            self._closed = True
            if self._storage is not None:
                await self._storage.close()


class AsyncSessionManager:
    """Keeps conversations in a database, without ever making the event loop wait.

    The same calls as `SessionManager`, awaited; `iter_messages` is an async iterator. The database is opened by the
    first call, or by `async with`. One manager belongs to one event loop.
    """

    def __init__(
        self,
        database: str | os.PathLike[str] | None = None,
        *,
        durability: Durability | None = None,
        settings: Settings | None = None,
        count_tokens: TokenCounter = estimate_tokens,
        clock: Callable[[], int] = columns.now,
    ) -> None:
        settings = settings or read_settings(database, durability=durability)
        self._database = without_password(settings.database)
        self._door = Door(Scope(None, Vault(settings), settings.limits, clock, count_tokens))
        self._storage = OpenedWhenUsed(settings)
        self._later = AsyncLater()
        self._read_lately = Recently(sessions.ACCESS_GRAIN)
        self._closes = True

    def for_owner(self, owner: str | None) -> Self:
        confined = self._door.owner(owner if self._door.scope.owner is None else owner or "")
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._door = self._door.confined_to(confined)
        other._closes = False
        return other

    @property
    def owner(self) -> str | None:
        """The owner that this manager is confined to; None if it isn't."""
        return self._door.scope.owner

    async def close(self) -> None:
        if self._closes:
            await self._later.close()
            await self._storage.close()

    async def __aenter__(self) -> Self:
        if self._closes:
            await self._storage.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Sessions

    async def create_session(
        self,
        session_id: str | None = None,
        name: str = "New chat",
        endpoint_url: str = "",
        model: str = "",
        rag: bool = False,
        owner: str | None = None,
        *,
        folder: str | None = None,
        mode: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Session:
        door = self._door
        new = door.new_session(session_id, name, endpoint_url, model, rag, owner, folder, mode, extra)
        return await self._storage.write(sessions.create, door.scope, new, door.headers(headers))

    async def get_session(self, session_id: str, *, last: int | None = None) -> Session:
        door = self._door
        id, last = door.session_id(session_id), None if last is None else whole("last", last, 0)
        if last == 0:
            session = await self._storage.read(sessions.get_bare, door.scope, id)
        else:
            session = await self._storage.read(sessions.get, door.scope, id, last)
        self._was_read(id)
        return session

    async def list_sessions(
        self,
        *,
        owner: str | None = None,
        archived: bool | None = None,
        important: bool | None = None,
        folder: str | None = None,
        model: str | None = None,
        mode: str | None = None,
        name: str | None = None,
        active_since: datetime | None = None,
        sort: SortBy = "activity",
        important_first: bool = False,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Session]:
        door = self._door
        wanted = door.filter(
            owner=owner, archived=archived, important=important, folder=folder, model=model, mode=mode, name=name,
            active_since=active_since,
        )  # fmt: skip
        order = door.order(sort, important_first)
        return await self._storage.read(
            listing.list_sessions, door.scope, wanted, order, door.cursor(cursor), door.page(limit)
        )

    async def count_sessions(
        self,
        *,
        owner: str | None = None,
        archived: bool | None = None,
        important: bool | None = None,
        folder: str | None = None,
        model: str | None = None,
        mode: str | None = None,
        name: str | None = None,
        active_since: datetime | None = None,
    ) -> int:
        wanted = self._door.filter(
            owner=owner, archived=archived, important=important, folder=folder, model=model, mode=mode, name=name,
            active_since=active_since,
        )  # fmt: skip
        return await self._storage.read(listing.count_sessions, self._door.scope, wanted)

    async def update_session(
        self,
        session_id: str,
        *,
        name: str | Unset = UNSET,
        endpoint_url: str | Unset = UNSET,
        model: str | Unset = UNSET,
        headers: Mapping[str, str] | Unset = UNSET,
        folder: str | None | Unset = UNSET,
        mode: str | None | Unset = UNSET,
        rag: bool | Unset = UNSET,
        archived: bool | Unset = UNSET,
        is_important: bool | Unset = UNSET,
        extra: Mapping[str, Any] | None | Unset = UNSET,
        expected_revision: int | None = None,
    ) -> Session:
        door = self._door
        changes = door.session_columns(
            name=name, endpoint_url=endpoint_url, model=model, folder=folder, mode=mode, rag=rag, archived=archived,
            is_important=is_important, extra=extra,
        )  # fmt: skip
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return await self._storage.write(sessions.update, door.scope, id, changes, door.new_headers(headers), expected)

    async def rename_session(self, session_id: str, name: str, *, expected_revision: int | None = None) -> Session:
        return await self.update_session(session_id, name=name, expected_revision=expected_revision)

    async def archive_session(self, session_id: str, *, expected_revision: int | None = None) -> Session:
        return await self.update_session(session_id, archived=True, expected_revision=expected_revision)

    async def unarchive_session(self, session_id: str, *, expected_revision: int | None = None) -> Session:
        return await self.update_session(session_id, archived=False, expected_revision=expected_revision)

    async def mark_important(
        self, session_id: str, important: bool = True, *, expected_revision: int | None = None
    ) -> Session:
        return await self.update_session(session_id, is_important=important, expected_revision=expected_revision)

    async def delete_session(self, session_id: str, *, expected_revision: int | None = None) -> Removed:
        door = self._door
        return await self._storage.write(
            sessions.delete, door.scope, door.session_id(session_id), door.expected(expected_revision)
        )

    async def delete_sessions(self, session_ids: Iterable[str], *, important: bool = False) -> Removed:
        door = self._door
        ids = door.ids("session_ids", session_ids)
        return await self._storage.write(sessions.delete_many, door.scope, ids, important)

    async def ensure_task_session(
        self,
        session_id: str,
        name: str,
        endpoint_url: str,
        model: str,
        owner: str | None = None,
        task: Any = None,
    ) -> Session:
        new = self._door.new_session(session_id, name, endpoint_url, model, False, owner)
        session = await self._storage.write(sessions.ensure, self._door.scope, new)
        if task is not None:
            task.session_id = session.id
        return session

    async def cleanup_empty_sessions(
        self, auto_archive_days: float = 30, min_age_hours: float = 1, *, dry_run: bool = False
    ) -> dict[str, int]:
        empty, unused = (
            self._door.age("min_age_hours", min_age_hours),
            self._door.age("auto_archive_days", auto_archive_days),
        )
        ages = (int(empty * HOUR), int(unused * 24 * HOUR))
        return await self._storage.write(retention.clean_up, self._door.scope, *ages, dry_run)

    # Messages

    async def add_message(
        self, session_id: str, message: ChatMessage, *, expected_revision: int | None = None
    ) -> ChatMessage:
        call = self._door.append(session_id, [message], expected_revision)
        return (await self._storage.write(messages.append, *call))[0]

    async def add_messages(
        self, session_id: str, messages_: Iterable[ChatMessage], *, expected_revision: int | None = None
    ) -> list[ChatMessage]:
        return await self._storage.write(messages.append, *self._door.append(session_id, messages_, expected_revision))

    async def get_message(self, session_id: str, message_id: str) -> ChatMessage:
        door = self._door
        message = door.message_id(session_id, message_id)
        return await self._storage.read(messages.get_one, door.scope, door.session_id(session_id), message)

    async def get_messages(
        self, session_id: str, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> list[ChatMessage]:
        door = self._door
        id = door.session_id(session_id)
        bounds = door.bound("before", before), door.bound("after", after)
        page = await self._storage.read(messages.get_page, door.scope, id, *bounds, door.page(limit))
        self._was_read(id)
        return page

    def iter_messages(self, session_id: str, *, after: int = 0) -> AsyncIterator[ChatMessage]:
        id = self._door.session_id(session_id)
        return self._pages(id, whole("after", after, 0))

    async def _pages(self, session_id: str, after: int) -> AsyncIterator[ChatMessage]:
        while True:
            page = await self._storage.read(messages.get_page, self._door.scope, session_id, None, after, STREAM_PAGE)
            for message in page:
                yield message
            if len(page) < STREAM_PAGE:
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
        expected_revision: int | None = None,
    ) -> ChatMessage:
        door = self._door
        changes = door.edited(content, tool_calls, metadata)
        message = door.message_id(session_id, message_id)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return await self._storage.write(messages.edit, door.scope, id, message, changes, expected)

    async def delete_messages(
        self, session_id: str, message_ids: Iterable[str], *, expected_revision: int | None = None
    ) -> Removed:
        door = self._door
        ids = door.ids("message_ids", message_ids)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return await self._storage.write(messages.delete, door.scope, id, ids, expected)

    async def truncate_messages(
        self, session_id: str, keep_count: int, *, expected_revision: int | None = None
    ) -> Removed:
        door = self._door
        keep = whole("keep_count", keep_count, 0)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return await self._storage.write(messages.truncate, door.scope, id, keep, expected)

    async def replace_messages(
        self, session_id: str, messages_: Iterable[ChatMessage], *, expected_revision: int | None = None
    ) -> list[ChatMessage]:
        door = self._door
        new = door.drafts(messages_)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return await self._storage.write(messages.replace, door.scope, id, new, expected)

    # Documents

    async def create_document(
        self,
        title: str,
        content: str = "",
        *,
        language: str | None = None,
        session_id: str | None = None,
        document_id: str | None = None,
        source: str | None = None,
        owner: str | None = None,
    ) -> Document:
        door = self._door
        new = door.new_document(title, content, language, session_id, document_id, source, owner)
        return await self._storage.write(documents.create, door.scope, new, owner is not None)

    async def get_document(self, document_id: str) -> Document:
        return await self._storage.read(documents.get, self._door.scope, self._door.document_id(document_id))

    async def list_documents(
        self,
        *,
        session_id: str | None = None,
        owner: str | None = None,
        archived: bool | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Document]:
        door = self._door
        wanted = door.document_filter(session_id, owner, archived)
        return await self._storage.read(
            documents.list_documents, door.scope, wanted, door.cursor(cursor), door.page(limit)
        )

    async def edit_document(
        self,
        document_id: str,
        content: str | Unset = UNSET,
        *,
        title: str | Unset = UNSET,
        language: str | None | Unset = UNSET,
        summary: str | None = None,
        source: str | None = None,
        expected_revision: int | None = None,
    ) -> Document:
        door = self._door
        changes = door.document_columns(content=content, title=title, language=language)
        id, expected = door.document_id(document_id), door.expected(expected_revision)
        return await self._storage.write(documents.edit, door.scope, id, changes, door.note(summary, source), expected)

    async def list_document_versions(self, document_id: str) -> list[DocumentVersion]:
        return await self._storage.read(documents.list_versions, self._door.scope, self._door.document_id(document_id))

    async def get_document_version(self, document_id: str, version: int) -> DocumentVersion:
        door = self._door
        number = whole("version", version, 1)
        return await self._storage.read(documents.get_version, door.scope, door.document_id(document_id), number)

    async def restore_document_version(
        self, document_id: str, version: int, *, expected_revision: int | None = None
    ) -> Document:
        door = self._door
        id, number = door.document_id(document_id), whole("version", version, 1)
        return await self._storage.write(documents.restore, door.scope, id, number, door.expected(expected_revision))

    async def attach_document(
        self, document_id: str, session_id: str, *, expected_revision: int | None = None
    ) -> Document:
        door = self._door
        id, home = door.document_id(document_id), door.session_id(session_id)
        return await self._storage.write(documents.attach, door.scope, id, home, door.expected(expected_revision))

    async def detach_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        door = self._door
        id = door.document_id(document_id)
        return await self._storage.write(documents.attach, door.scope, id, None, door.expected(expected_revision))

    async def archive_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        door = self._door
        id = door.document_id(document_id)
        return await self._storage.write(documents.archive, door.scope, id, True, door.expected(expected_revision))

    async def unarchive_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        door = self._door
        id = door.document_id(document_id)
        return await self._storage.write(documents.archive, door.scope, id, False, door.expected(expected_revision))

    async def delete_document(self, document_id: str, *, expected_revision: int | None = None) -> Removed:
        door = self._door
        id = door.document_id(document_id)
        return await self._storage.write(documents.delete, door.scope, id, door.expected(expected_revision))

    # Everything

    async def import_conversations(self, conversations: Iterable[Conversation]) -> ImportReport:
        return await self._import(imports.add_conversations, map(self._door.incoming, conversations))

    async def import_documents(self, documents_: Iterable[LibraryDocument]) -> ImportReport:
        return await self._import(imports.add_documents, map(self._door.incoming_document, documents_))

    async def _import(self, op: Any, incoming: Iterator[Any]) -> ImportReport:
        report = ImportReport()
        while batch := list(islice(incoming, IMPORT_BATCH)):
            added: ImportReport = await self._storage.write(op, self._door.scope, batch)
            report += added
        return report

    async def info(self) -> DatabaseInfo:
        return await self._storage.read(integrity.describe, self._door.scope, self._database)

    async def verify(self) -> list[Problem]:
        return await self._storage.read(integrity.verify, self._door.scope)

    def _was_read(self, session_id: str) -> None:
        scope = self._door.scope
        if self._read_lately.first((scope.owner, session_id), scope.clock()):
            self._later.do(self._storage.write(sessions.touch, scope, session_id))


for _name, _call in vars(AsyncSessionManager).items():
    if not _name.startswith("_") and getattr(_call, "__doc__", "") is None:
        _call.__doc__ = getattr(SessionManager, _name).__doc__
