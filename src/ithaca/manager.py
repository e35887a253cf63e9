"""`SessionManager`: the public interface, for code that waits in its thread."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Self

from ithaca import columns
from ithaca.arguments import UNSET, Door, SortBy, Unset
from ithaca.config import Durability, Settings, read_settings, without_password
from ithaca.content import TokenCounter, estimate_tokens, whole
from ithaca.later import Later, Recently
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
from ithaca.storage import open_storage

HOUR = 3600 * 1_000_000

#: Conversations, or documents, that are imported in one transaction.
IMPORT_BATCH = 500

#: Messages that `iter_messages` holds at a time.
STREAM_PAGE = 500


class SessionManager:
    """Keeps conversations in a database.

    `database` is a path, `sqlite:///chats.db`, `sqlite:///:memory:` or `postgresql://user@host/db`; without
    one, `ITHACA_DATABASE_URL` is used, else a file in the platform's user data folder. Any number of
    threads may use one manager, and any number of processes one database. A manager sees every
    owner's data; `for_owner` gives one that sees a single owner's.

    Whatever changes something takes `expected_revision=`: with it, the change is refused with
    `RevisionConflict` unless the session (or the document) is at that revision. When a call returns, its
    change is durable; when it raises, nothing of it was done. Every call may raise `StorageError`.

        >>> with SessionManager("sqlite:///:memory:") as manager:
        ...     session = manager.create_session(name="Trip to Pylos", model="qwen3")
        ...     message = manager.add_message(session.id, ChatMessage("user", "hello"))
        ...     [(m.seq, m.role, m.content) for m in manager.get_session(session.id).history]
        [(1, 'user', 'hello')]
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
        """Opens the database in constant time; a new one is made.

        `durability="relaxed"` risks the last commits in a power cut, never in a killed process. `clock` gives
        the time in microseconds since 1970. Raises `ConfigurationError`, `SchemaError` or `StorageError`.
        """
        settings = settings or read_settings(database, durability=durability)
        self._database = without_password(settings.database)
        self._door = Door(Scope(None, Vault(settings), settings.limits, clock, count_tokens))
        self._storage = open_storage(settings)
        self._later = Later()
        self._read_lately = Recently(sessions.ACCESS_GRAIN)
        self._closes = True

    def for_owner(self, owner: str | None) -> Self:
        """A manager confined to an owner, on the same connections. "" or None: to what nobody owns.

        For it, what others own does not exist. Closing it does nothing; it ends with the manager it is from.
        """
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

    def close(self) -> None:
        """Ends all work on the database; calls after it raise `ManagerClosed`. Closing twice is fine."""
        if self._closes:
            self._later.close()
            self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Sessions

    def create_session(
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
        """A new session without messages; its id is a UUIDv7 unless one is given.

        Raises `SessionExists`, changing nothing, if the id is taken; `InvalidSession`.
        """
        door = self._door
        new = door.new_session(session_id, name, endpoint_url, model, rag, owner, folder, mode, extra)
        return self._storage.write(sessions.create, door.scope, new, door.headers(headers))

    def get_session(self, session_id: str, *, last: int | None = None) -> Session:
        """A session with its history: all messages, the last N, or none for `last=0`; oldest first.

        Raises `SessionNotFound`.
        """
        door = self._door
        id, last = door.session_id(session_id), None if last is None else whole("last", last, 0)
        if last == 0:
            session = self._storage.read(sessions.get_bare, door.scope, id)
        else:
            session = self._storage.read(sessions.get, door.scope, id, last)
        self._was_read(id)
        return session

    def list_sessions(
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
        """A page of the sessions that match, without their messages; give back its `cursor` for the next one.

        A filter that is None lets everything pass; `owner=""` and `folder=""` mean: of none. `name` is found
        anywhere in the name, whatever its case and accents. Orders: "activity" (the last message, or the
        creation), "created" and "messages" run downward, "name" upward.
        """
        door = self._door
        wanted = door.filter(
            owner=owner, archived=archived, important=important, folder=folder, model=model, mode=mode, name=name,
            active_since=active_since,
        )  # fmt: skip
        order = door.order(sort, important_first)
        return self._storage.read(
            listing.list_sessions, door.scope, wanted, order, door.cursor(cursor), door.page(limit)
        )

    def count_sessions(
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
        """How many sessions match; the filters are those of `list_sessions`."""
        wanted = self._door.filter(
            owner=owner, archived=archived, important=important, folder=folder, model=model, mode=mode, name=name,
            active_since=active_since,
        )  # fmt: skip
        return self._storage.read(listing.count_sessions, self._door.scope, wanted)

    def update_session(
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
        """The session as it is after the change, without its messages; what is not given stays.

        Another `endpoint_url` without `headers` removes the headers: they were meant for the old one. Raises
        `SessionNotFound`, `RevisionConflict`, `InvalidSession`.
        """
        door = self._door
        changes = door.session_columns(
            name=name, endpoint_url=endpoint_url, model=model, folder=folder, mode=mode, rag=rag, archived=archived,
            is_important=is_important, extra=extra,
        )  # fmt: skip
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return self._storage.write(sessions.update, door.scope, id, changes, door.new_headers(headers), expected)

    def rename_session(self, session_id: str, name: str, *, expected_revision: int | None = None) -> Session:
        """The session under its new name."""
        return self.update_session(session_id, name=name, expected_revision=expected_revision)

    def archive_session(self, session_id: str, *, expected_revision: int | None = None) -> Session:
        """The session, archived: kept, but apart from the others."""
        return self.update_session(session_id, archived=True, expected_revision=expected_revision)

    def unarchive_session(self, session_id: str, *, expected_revision: int | None = None) -> Session:
        """The session, among the others again."""
        return self.update_session(session_id, archived=False, expected_revision=expected_revision)

    def mark_important(
        self, session_id: str, important: bool = True, *, expected_revision: int | None = None
    ) -> Session:
        """The session, starred (or not): neither clean-up nor bulk deletion takes a starred one."""
        return self.update_session(session_id, is_important=important, expected_revision=expected_revision)

    def delete_session(self, session_id: str, *, expected_revision: int | None = None) -> Removed:
        """Moves a session with its messages to the trash; its documents stay, with no session.

        Raises `SessionNotFound`, `RevisionConflict`.
        """
        door = self._door
        return self._storage.write(
            sessions.delete, door.scope, door.session_id(session_id), door.expected(expected_revision)
        )

    def delete_sessions(self, session_ids: Iterable[str], *, important: bool = False) -> Removed:
        """Moves sessions to the trash, in one transaction; the result counts those that were there.

        Starred ones stay, unless `important=True`.
        """
        door = self._door
        ids = door.ids("session_ids", session_ids)
        return self._storage.write(sessions.delete_many, door.scope, ids, important)

    def ensure_task_session(
        self,
        session_id: str,
        name: str,
        endpoint_url: str,
        model: str,
        owner: str | None = None,
        task: Any = None,
    ) -> Session:
        """The stored session of this id, unchanged; or a new one. Sets `task.session_id` if there is a task."""
        new = self._door.new_session(session_id, name, endpoint_url, model, False, owner)
        session = self._storage.write(sessions.ensure, self._door.scope, new)
        if task is not None:
            task.session_id = session.id
        return session

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
        return self._storage.write(retention.clean_up, self._door.scope, *ages, dry_run)

    # Messages

    def add_message(
        self, session_id: str, message: ChatMessage, *, expected_revision: int | None = None
    ) -> ChatMessage:
        """The message as it is stored at the end of the session: with its id, number and time.

        A message that brings an id may be added again: if it says the same, nothing happens and the stored
        one is returned; if not, `MessageConflict`. Raises `SessionNotFound`, `InvalidMessage`,
        `RevisionConflict`.
        """
        return self._storage.write(messages.append, *self._door.append(session_id, [message], expected_revision))[0]

    def add_messages(
        self, session_id: str, messages_: Iterable[ChatMessage], *, expected_revision: int | None = None
    ) -> list[ChatMessage]:
        """The messages as they are stored, in their order and with numbers in a row; all of them, or none."""
        return self._storage.write(messages.append, *self._door.append(session_id, messages_, expected_revision))

    def get_message(self, session_id: str, message_id: str) -> ChatMessage:
        """One message. Raises `MessageNotFound`, `SessionNotFound`."""
        door = self._door
        message = door.message_id(session_id, message_id)
        return self._storage.read(messages.get_one, door.scope, door.session_id(session_id), message)

    def get_messages(
        self, session_id: str, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> list[ChatMessage]:
        """Messages by number, oldest first: the first after `after`, or the newest before `before`.

        Without either, the newest of all; with both, the first of those between. Fewer than `limit` means
        that there are no more in that direction. Raises `SessionNotFound`.
        """
        door = self._door
        id = door.session_id(session_id)
        bounds = door.bound("before", before), door.bound("after", after)
        page = self._storage.read(messages.get_page, door.scope, id, *bounds, door.page(limit))
        self._was_read(id)
        return page

    def iter_messages(self, session_id: str, *, after: int = 0) -> Iterator[ChatMessage]:
        """Every message with a number above `after`, oldest first, in constant memory.

        Messages that are added meanwhile are met at the end. Raises `SessionNotFound` when it begins.
        """
        id = self._door.session_id(session_id)
        return self._pages(id, whole("after", after, 0))

    def _pages(self, session_id: str, after: int) -> Iterator[ChatMessage]:
        while True:
            page = self._storage.read(messages.get_page, self._door.scope, session_id, None, after, STREAM_PAGE)
            yield from page
            if len(page) < STREAM_PAGE:
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
        expected_revision: int | None = None,
    ) -> ChatMessage:
        """The message as it is after the change, in its old place; what it said before goes to the trash.

        Raises `MessageNotFound`, `SessionNotFound`, `InvalidMessage`, `RevisionConflict`.
        """
        door = self._door
        changes = door.edited(content, tool_calls, metadata)
        message = door.message_id(session_id, message_id)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return self._storage.write(messages.edit, door.scope, id, message, changes, expected)

    def delete_messages(
        self, session_id: str, message_ids: Iterable[str], *, expected_revision: int | None = None
    ) -> Removed:
        """Moves messages to the trash; the result counts those that were there. Raises `SessionNotFound`."""
        door = self._door
        ids = door.ids("message_ids", message_ids)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return self._storage.write(messages.delete, door.scope, id, ids, expected)

    def truncate_messages(self, session_id: str, keep_count: int, *, expected_revision: int | None = None) -> Removed:
        """Keeps the first `keep_count` messages and moves the others to the trash.

        More than there are keeps all. Raises `SessionNotFound`, `RevisionConflict`; `InvalidArgument` (a
        `ValueError`) for a negative number.
        """
        door = self._door
        keep = whole("keep_count", keep_count, 0)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return self._storage.write(messages.truncate, door.scope, id, keep, expected)

    def replace_messages(
        self, session_id: str, messages_: Iterable[ChatMessage], *, expected_revision: int | None = None
    ) -> list[ChatMessage]:
        """Makes these the messages of the session, all or nothing; returns them as they are stored.

        Messages with ids that the session holds keep their ids and times. As far as the list begins like the
        stored one, numbers stay too; what comes after the first difference gets new ones, and what stood there
        goes to the trash. Raises `SessionNotFound`, `InvalidMessage`, `RevisionConflict`.
        """
        door = self._door
        new = door.drafts(messages_)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return self._storage.write(messages.replace, door.scope, id, new, expected)

    # Documents

    def create_document(
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
        """A new document, at version 1. A session that it shall belong to must be of the same owner.

        Raises `DocumentExists`, `SessionNotFound`, `InvalidDocument`.
        """
        door = self._door
        new = door.new_document(title, content, language, session_id, document_id, source, owner)
        return self._storage.write(documents.create, door.scope, new, owner is not None)

    def get_document(self, document_id: str) -> Document:
        """A document with its current content. Raises `DocumentNotFound`."""
        return self._storage.read(documents.get, self._door.scope, self._door.document_id(document_id))

    def list_documents(
        self,
        *,
        session_id: str | None = None,
        owner: str | None = None,
        archived: bool | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Document]:
        """A page of documents without their content, the last changed first.

        `session_id=""`: those that belong to no session.
        """
        door = self._door
        wanted = door.document_filter(session_id, owner, archived)
        return self._storage.read(documents.list_documents, door.scope, wanted, door.cursor(cursor), door.page(limit))

    def edit_document(
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
        """The document at its new version; what is not given stays as it was.

        Raises `DocumentNotFound`, `RevisionConflict`, `InvalidDocument`.
        """
        door = self._door
        changes = door.document_columns(content=content, title=title, language=language)
        id, expected = door.document_id(document_id), door.expected(expected_revision)
        return self._storage.write(documents.edit, door.scope, id, changes, door.note(summary, source), expected)

    def list_document_versions(self, document_id: str) -> list[DocumentVersion]:
        """Every version without its content, the newest first. Raises `DocumentNotFound`."""
        return self._storage.read(documents.list_versions, self._door.scope, self._door.document_id(document_id))

    def get_document_version(self, document_id: str, version: int) -> DocumentVersion:
        """One version with its content. Raises `VersionNotFound`, `DocumentNotFound`."""
        door = self._door
        number = whole("version", version, 1)
        return self._storage.read(documents.get_version, door.scope, door.document_id(document_id), number)

    def restore_document_version(
        self, document_id: str, version: int, *, expected_revision: int | None = None
    ) -> Document:
        """The document at a new version that says what an older one said.

        Raises `VersionNotFound`, `DocumentNotFound`, `RevisionConflict`.
        """
        door = self._door
        id, number = door.document_id(document_id), whole("version", version, 1)
        return self._storage.write(documents.restore, door.scope, id, number, door.expected(expected_revision))

    def attach_document(self, document_id: str, session_id: str, *, expected_revision: int | None = None) -> Document:
        """The document, belonging to a session of its owner. Raises `DocumentNotFound`, `SessionNotFound`."""
        door = self._door
        id, home = door.document_id(document_id), door.session_id(session_id)
        return self._storage.write(documents.attach, door.scope, id, home, door.expected(expected_revision))

    def detach_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        """The document, belonging to no session. Raises `DocumentNotFound`."""
        door = self._door
        id = door.document_id(document_id)
        return self._storage.write(documents.attach, door.scope, id, None, door.expected(expected_revision))

    def archive_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        """The document, archived. Raises `DocumentNotFound`."""
        door = self._door
        id = door.document_id(document_id)
        return self._storage.write(documents.archive, door.scope, id, True, door.expected(expected_revision))

    def unarchive_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        """The document, among the others again. Raises `DocumentNotFound`."""
        door = self._door
        id = door.document_id(document_id)
        return self._storage.write(documents.archive, door.scope, id, False, door.expected(expected_revision))

    def delete_document(self, document_id: str, *, expected_revision: int | None = None) -> Removed:
        """Moves a document with its versions to the trash. Raises `DocumentNotFound`, `RevisionConflict`."""
        door = self._door
        id = door.document_id(document_id)
        return self._storage.write(documents.delete, door.scope, id, door.expected(expected_revision))

    # Everything

    def import_conversations(self, conversations: Iterable[Conversation]) -> ImportReport:
        """Adds conversations from elsewhere, with their ids, times and messages; repeating it adds nothing twice.

        A session that is here already gets the messages that it lacks, and is not changed otherwise. What was
        deleted here stays deleted. Each few hundred are one transaction.
        """
        return self._import(imports.add_conversations, map(self._door.incoming, conversations))

    def import_documents(self, documents_: Iterable[LibraryDocument]) -> ImportReport:
        """Adds documents from elsewhere with their versions; those that are here already stay as they are."""
        return self._import(imports.add_documents, map(self._door.incoming_document, documents_))

    def _import(self, op: Any, incoming: Iterator[Any]) -> ImportReport:
        report = ImportReport()
        while batch := list(islice(incoming, IMPORT_BATCH)):
            added: ImportReport = self._storage.write(op, self._door.scope, batch)
            report += added
        return report

    def info(self) -> DatabaseInfo:
        """Which database this is, how large, and how many sessions it holds."""
        return self._storage.read(integrity.describe, self._door.scope, self._database)

    def verify(self) -> list[Problem]:
        """Derives every invariant again from what is stored; returns what is broken, by name. Reads everything."""
        return self._storage.read(integrity.verify, self._door.scope)

    def _was_read(self, session_id: str) -> None:
        scope = self._door.scope
        if self._read_lately.first((scope.owner, session_id), scope.clock()):
            self._later.do(lambda: self._storage.write(sessions.touch, scope, session_id))
