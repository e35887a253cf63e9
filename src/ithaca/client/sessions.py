"""The calls about sessions."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ithaca.arguments import UNSET, Reading, SortBy, Unset
from ithaca.client import values
from ithaca.client.asking import JSON_LINES, Asking, Request, at, call, with_query
from ithaca.client.base import Calls
from ithaca.content import flag, whole
from ithaca.errors import RevisionConflict
from ithaca.models import Folder, Page, Removed, Session

#: Messages that come with their session; of more, the server sends lines.
_AT_ONCE = 1000

#: How often they are read anew where the session changes meanwhile.
_ATTEMPTS = 10


class Sessions(Calls):
    """The calls about sessions."""

    @call
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
    ) -> Asking[Session]:
        """A new session without messages. An incognito one is in the server's memory only."""
        self._door.new_session(session_id, name, endpoint_url, model, rag, owner, folder, mode, extra)
        body = {
            "id": session_id, "name": name, "endpoint_url": endpoint_url, "model": model, "rag": rag, "folder": folder,
            "mode": mode, "headers": self._door.headers(headers) or None,
            "extra": None if extra is None else dict(extra), "incognito": flag("incognito", incognito),
        }  # fmt: skip
        reply = yield self._post(at("sessions"), body, owner=owner)
        return values.session(reply.value)

    @call
    def get_session(
        self, session_id: str, *, last: int | None = None, attachments: Reading = "inline"
    ) -> Asking[Session]:
        """A session with its history: all messages, the last N, or none for `last=0`; oldest first.

        More than 1,000 are asked for again where the session changed in between. Raises `RevisionConflict` if it did
        each time.
        """
        id, many = self._door.session_id(session_id), sys.maxsize if last is None else whole("last", last, 0)
        self._door.inline(attachments)
        asked = {"last": min(many, _AT_ONCE), "attachments": attachments}
        found = (yield self._get(at("sessions", id), asked)).value
        if min(many, found["message_count"]) > _AT_ONCE:
            found = yield from self._with_history(id, found, many, attachments)
        return values.session(found)

    def _with_history(self, id: str, found: Any, last: int, attachments: Reading) -> Asking[Any]:
        """A session with its last messages, all of one moment, however many they are."""
        path = with_query(at("sessions", id, "messages"), {"attachments": attachments})
        lines = Request("GET", path, self._headers(None) | {"Accept": JSON_LINES}, repeatable=True)
        before = seen = found["revision"]
        for _ in range(_ATTEMPTS):
            read = yield lines
            found = (yield self._get(at("sessions", id))).value
            before, seen = seen, found["revision"]
            if seen == before:
                return found | {"history": [json.loads(line) for line in read.body.splitlines()[-last:]]}
        raise RevisionConflict(id, seen, before)

    @call
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
    ) -> Asking[Page[Session]]:
        """A page of the sessions that match, without their messages; give back its `cursor` for the next one."""
        asked = self._narrowed(
            owner=owner, archived=archived, important=important, folder=folder, model=model, mode=mode, name=name,
            active_since=active_since,
        )  # fmt: skip
        self._door.order(sort, important_first)
        asked |= {"incognito": flag("incognito", incognito), "sort": sort, "important_first": important_first}
        asked |= {"cursor": self._door.cursor(cursor), "limit": self._door.page(limit)}
        return values.page(values.session)((yield from self._listed("sessions", asked, owner)))

    @call
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
    ) -> Asking[int]:
        """How many sessions match; the filters are those of `list_sessions`."""
        asked = self._narrowed(
            owner=owner, archived=archived, important=important, folder=folder, model=model, mode=mode, name=name,
            active_since=active_since,
        )  # fmt: skip
        asked["incognito"] = flag("incognito", incognito)
        found = yield from self._listed("sessions:count", asked, owner)
        return int(found["count"])

    @call
    def list_folders(self, *, owner: str | None = None, archived: bool | None = None) -> Asking[list[Folder]]:
        """Every folder that sessions are in, by name, with how many; of the archived ones, the others, or all."""
        self._door.folders(owner, archived)
        found = yield from self._listed("folders", {"archived": archived}, owner, every=True)
        return [Folder(**folder) for folder in found["items"]]

    def _narrowed(self, *, owner: str | None, **given: Any) -> dict[str, Any]:
        self._door.filter(owner=owner, **given)
        return given

    @call
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
    ) -> Asking[Session]:
        """The session as it is after the change, without its messages; what is not given stays."""
        return (
            yield from self._updated(
                session_id, expected_revision, headers, name=name, endpoint_url=endpoint_url, model=model,
                folder=folder, mode=mode, rag=rag, archived=archived, is_important=is_important, extra=extra,
            )
        )  # fmt: skip

    def _updated(
        self, session_id: str, expected: int | None, headers: Mapping[str, str] | Unset = UNSET, **given: Any
    ) -> Asking[Session]:
        _, id, _, new_headers, expected = self._door.update(session_id, expected, headers, **given)
        body = {name: value for name, value in given.items() if value is not UNSET}
        if isinstance(body.get("extra"), Mapping):
            body["extra"] = dict(body["extra"])
        if new_headers is not None:
            body["headers"] = new_headers
        reply = yield self._change("PATCH", at("sessions", id), body, expected=expected)
        return values.session(reply.value)

    @call
    def rename_session(self, session_id: str, name: str, *, expected_revision: int | None = None) -> Asking[Session]:
        """The session under its new name."""
        return (yield from self._updated(session_id, expected_revision, name=name))

    @call
    def archive_session(self, session_id: str, *, expected_revision: int | None = None) -> Asking[Session]:
        """The session, archived: kept, but apart from the others."""
        return (yield from self._updated(session_id, expected_revision, archived=True))

    @call
    def unarchive_session(self, session_id: str, *, expected_revision: int | None = None) -> Asking[Session]:
        """The session, among the others again."""
        return (yield from self._updated(session_id, expected_revision, archived=False))

    @call
    def mark_important(
        self, session_id: str, important: bool = True, *, expected_revision: int | None = None
    ) -> Asking[Session]:
        """The session, starred (or not): neither clean-up nor bulk deletion takes a starred one."""
        return (yield from self._updated(session_id, expected_revision, is_important=important))

    @call
    def delete_session(self, session_id: str, *, expected_revision: int | None = None) -> Asking[Removed]:
        """Moves a session with its messages to the trash; its documents stay, with no session."""
        id, expected = self._door.session_id(session_id), self._door.expected(expected_revision)
        reply = yield self._change("DELETE", at("sessions", id), expected=expected)
        return Removed(**reply.value)

    @call
    def delete_sessions(self, session_ids: Iterable[str], *, important: bool = False) -> Asking[Removed]:
        """Moves sessions to the trash, in one transaction; the result counts those that were there."""
        body = {"session_ids": self._door.ids("session_ids", session_ids), "important": important}
        reply = yield self._post(at("sessions:delete"), body)
        return Removed(**reply.value)

    @call
    def ensure_task_session(
        self,
        session_id: str,
        name: str,
        endpoint_url: str,
        model: str,
        owner: str | None = None,
        task: Any = None,
    ) -> Asking[Session]:
        """The stored session of this id, unchanged; or a new one. Sets `task.session_id` if there is a task."""
        new = self._door.new_session(session_id, name, endpoint_url, model, False, owner)
        body = {"id": new["id"], "name": name, "endpoint_url": endpoint_url, "model": model}
        reply = yield self._post(at("sessions:ensure"), body, owner=owner)
        session = values.session(reply.value)
        if task is not None:
            task.session_id = session.id
        return session
