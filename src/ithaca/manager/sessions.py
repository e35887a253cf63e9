"""The calls about sessions."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ithaca.arguments import UNSET, Reading, SortBy, Unset
from ithaca.columns import to_time
from ithaca.content import flag, whole
from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.manager.histories import Key
from ithaca.models import (
    Folder,
    Page,
    Removed,
    Session,
)
from ithaca.operations import answered, histories, listing, sessions


class Sessions(Base):
    """The calls about sessions."""

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
        incognito: bool = False,
    ) -> Session:
        """A new session without messages; its id is a UUIDv7 unless one is given.

        An incognito session is never written to disk: it is in memory, known to this manager and to those that
        `for_owner` makes of it, and gone when that is closed. Raises `SessionExists`, changing nothing, if the id
        is taken; `InvalidSession`.
        """
        door = self._door
        new = door.new_session(session_id, name, endpoint_url, model, rag, owner, folder, mode, extra)
        headers_, hidden = door.headers(headers), flag("incognito", incognito)
        if session_id is not None:
            self._refuse_taken(session_id, incognito=hidden)
        storage = self._incognito if hidden else self._storage
        return self._incognito.learn(storage.write(sessions.create, door.scope, new, headers_))

    def get_session(self, session_id: str, *, last: int | None = None, attachments: Reading = "inline") -> Session:
        """A session with its history: all messages, the last N, or none for `last=0`; oldest first.

        With `attachments="reference"`, an `AttachmentReference` stands in the place of each image and file that is
        kept apart, and its bytes are not read.

        Raises `SessionNotFound`.
        """
        door = self._door
        id, last = door.session_id(session_id), None if last is None else whole("last", last, 0)
        inline = door.inline(attachments)
        if last == 0:
            session = self._at(id).read(sessions.get_bare, door.scope, id)
        elif last is None and not self._is_hidden(id):
            session = self._get_whole(id, inline)
        else:
            session = self._at(id).read(sessions.get, door.scope, id, last, inline)
        self._was_read(id, to_time(session.last_accessed))
        return session

    def _get_whole(self, session_id: str, inline: bool) -> Session:
        scope = self._door.scope
        key: Key = (scope.owner, session_id, "all")
        known = self._histories.get(key)
        if known and (unchanged := self._storage.read(histories.get_unchanged, scope, session_id, known)):
            return unchanged
        session, history = self._storage.read(histories.get, scope, session_id, known, inline)
        self._histories.put(key, history)
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
        incognito: bool = False,
        sort: SortBy = "activity",
        important_first: bool = False,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Session]:
        """A page of the sessions that match, without their messages; give back its `cursor` for the next one.

        A filter that is None lets everything pass; `owner=""` and `folder=""` mean: of none. `name` is found
        anywhere in the name, or in the first 2,000 bytes of a long one, whatever its case and accents. With
        `incognito`, only incognito sessions, otherwise all others. Orders: "activity" (the last message, or the
        creation), "created" and "messages" run downward, "name" upward.
        """
        door = self._door
        wanted = door.filter(
            owner=owner, archived=archived, important=important, folder=folder, model=model, mode=mode, name=name,
            active_since=active_since,
        )  # fmt: skip
        order = door.order(sort, important_first)
        storage = self._incognito if flag("incognito", incognito) else self._storage
        return storage.read(listing.list_sessions, door.scope, wanted, order, door.cursor(cursor), door.page(limit))

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
        incognito: bool = False,
    ) -> int:
        """How many sessions match; the filters are those of `list_sessions`."""
        wanted = self._door.filter(
            owner=owner, archived=archived, important=important, folder=folder, model=model, mode=mode, name=name,
            active_since=active_since,
        )  # fmt: skip
        storage = self._incognito if flag("incognito", incognito) else self._storage
        return storage.read(listing.count_sessions, self._door.scope, wanted)

    def list_folders(self, *, owner: str | None = None, archived: bool | None = None) -> list[Folder]:
        """Every folder that sessions are in, by name, with how many; of the archived ones, the others, or all."""
        call = self._door.folders(owner, archived)
        return self._storage.read(listing.list_folders, *call)

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
        call = self._door.update(
            session_id, expected_revision, headers, name=name, endpoint_url=endpoint_url, model=model, folder=folder,
            mode=mode, rag=rag, archived=archived, is_important=is_important, extra=extra,
        )  # fmt: skip
        return self._at(call[1]).write(sessions.update, *call)

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
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return self._at(id).write(answered.delete, door.scope, id, expected)

    def delete_sessions(self, session_ids: Iterable[str], *, important: bool = False) -> Removed:
        """Moves sessions to the trash, in one transaction; the result counts those that were there.

        Starred ones stay, unless `important=True`. Either all of them are incognito, or none.
        """
        door = self._door
        ids = door.ids("session_ids", session_ids)
        return self._at_one_place(ids).write(answered.delete_many, door.scope, ids, important)

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
        storage = self._at(new["id"]) if self._is_in_memory(new["id"]) else self._storage
        session = storage.write(sessions.ensure, self._door.scope, new)
        if task is not None:
            task.session_id = session.id
        return session


@documented_by(Sessions)
class AsyncSessions(AsyncBase):
    """The calls about sessions."""

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
        incognito: bool = False,
    ) -> Session:
        door = self._door
        new = door.new_session(session_id, name, endpoint_url, model, rag, owner, folder, mode, extra)
        headers_, hidden = door.headers(headers), flag("incognito", incognito)
        if session_id is not None:
            await self._refuse_taken(session_id, incognito=hidden)
        storage = self._incognito if hidden else self._storage
        return self._incognito.learn(await storage.write(sessions.create, door.scope, new, headers_))

    async def get_session(
        self, session_id: str, *, last: int | None = None, attachments: Reading = "inline"
    ) -> Session:
        door = self._door
        id, last = door.session_id(session_id), None if last is None else whole("last", last, 0)
        inline = door.inline(attachments)
        if last == 0:
            session = await self._at(id).read(sessions.get_bare, door.scope, id)
        elif last is None and not self._is_hidden(id):
            session = await self._get_whole(id, inline)
        else:
            session = await self._at(id).read(sessions.get, door.scope, id, last, inline)
        self._was_read(id, to_time(session.last_accessed))
        return session

    async def _get_whole(self, session_id: str, inline: bool) -> Session:
        scope = self._door.scope
        key: Key = (scope.owner, session_id, "all")
        known = self._histories.get(key)
        if known and (unchanged := await self._storage.read(histories.get_unchanged, scope, session_id, known)):
            return unchanged
        session, history = await self._storage.read(histories.get, scope, session_id, known, inline)
        self._histories.put(key, history)
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
        incognito: bool = False,
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
        storage = self._incognito if flag("incognito", incognito) else self._storage
        return await storage.read(
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
        incognito: bool = False,
    ) -> int:
        wanted = self._door.filter(
            owner=owner, archived=archived, important=important, folder=folder, model=model, mode=mode, name=name,
            active_since=active_since,
        )  # fmt: skip
        storage = self._incognito if flag("incognito", incognito) else self._storage
        return await storage.read(listing.count_sessions, self._door.scope, wanted)

    async def list_folders(self, *, owner: str | None = None, archived: bool | None = None) -> list[Folder]:
        call = self._door.folders(owner, archived)
        return await self._storage.read(listing.list_folders, *call)

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
        call = self._door.update(
            session_id, expected_revision, headers, name=name, endpoint_url=endpoint_url, model=model, folder=folder,
            mode=mode, rag=rag, archived=archived, is_important=is_important, extra=extra,
        )  # fmt: skip
        return await self._at(call[1]).write(sessions.update, *call)

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
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        return await self._at(id).write(answered.delete, door.scope, id, expected)

    async def delete_sessions(self, session_ids: Iterable[str], *, important: bool = False) -> Removed:
        door = self._door
        ids = door.ids("session_ids", session_ids)
        return await (await self._at_one_place(ids)).write(answered.delete_many, door.scope, ids, important)

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
        storage = self._at(new["id"]) if await self._is_in_memory(new["id"]) else self._storage
        session = await storage.write(sessions.ensure, self._door.scope, new)
        if task is not None:
            task.session_id = session.id
        return session
