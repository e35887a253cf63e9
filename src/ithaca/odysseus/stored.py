"""A session object that shows what is stored.

Its fields show the stored session as it was last read. `revision` is how far whoever holds the object has seen its
messages: when it was obtained, or when `history` was last looked at, moved on by each change from here. Where more has
happened, the history is fetched when it is next looked at. What was set by hand is what differs from `_seen` and
`_stored`.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from operator import is_
from typing import Any

import ithaca
from ithaca.errors import InvalidSession, RevisionConflict, SessionNotFound
from ithaca.odysseus.message import ChatMessage, copy_of, is_changed, is_stored, known_id, marked, shown, to_store
from ithaca.odysseus.session import Session

# What a caller may set on a session object and `save_sessions` writes; and what is only told.
_SETTABLE = ("name", "endpoint_url", "model", "rag", "archived", "is_important", "folder", "mode", "extra")
_TOLD = (
    "message_count", "total_input_tokens", "total_output_tokens", "created_at", "updated_at", "last_accessed",
    "last_message_at",
)  # fmt: skip


class StoredSession(Session):
    """The object of one stored session: it reaches that and no other, even if somebody else has its id."""

    _headers: dict[str, str] | None
    #: The headers as they are stored, if they were looked at.
    _headers_read: dict[str, str] | None

    def __init__(
        self, core: ithaca.SessionManager, head: ithaca.Session, let_go: Callable[["StoredSession"], None]
    ) -> None:
        self.id = head.id
        self._core, self._let_go, self._lock = core.for_owner(head.owner), let_go, threading.RLock()
        self._begin(head)

    def _begin(self, head: ithaca.Session) -> None:
        self._seen, self.revision, self._fetched = head, head.revision, False
        self._messages: list[ChatMessage] = []
        #: The messages as they are stored, by id, whatever the caller does with the list.
        self._stored: dict[str | None, ChatMessage] = {}
        for name in _TOLD:
            setattr(self, name, getattr(head, name))
        self._undo()

    @property
    def history(self) -> list[ChatMessage]:
        with self._lock:
            if not self._is_current() and not self._list_is_set():
                self.revision = self._fetch()
            return self._messages

    @history.setter
    def history(self, messages: list[ChatMessage]) -> None:
        with self._lock:
            if not self._fetched:
                self._fetch()
            self._messages = messages

    @property
    def headers(self) -> dict[str, str]:
        if self._headers is None:
            self._headers = self._seen.headers
            self._headers_read = dict(self._headers)
        return self._headers

    @headers.setter
    def headers(self, headers: dict[str, str] | None) -> None:
        self._headers = headers or {}

    # What is shown

    def _obtained(self, head: ithaca.Session) -> "StoredSession":
        """Somebody got it: it shows a state of the stored session, and nothing that was set by hand."""
        with self._lock:
            self._undo()
            self._show(head)
            if not self._fetched:
                self.revision = max(self.revision, head.revision)
            return self

    def _moves_on(self, head: ithaca.Session) -> None:
        """Shows the state after a change from here; if that is the only one, nothing in it is unseen."""
        with self._lock:
            if self.revision == head.revision - 1:
                self.revision = head.revision
            self._show(head)

    def _show(self, head: ithaca.Session) -> None:
        """Shows a state, unless a later one is shown; what was set by hand stays if nobody else has changed it."""
        with self._lock:
            if head.created_at != self._seen.created_at:
                self._begin(head)  # another session, under the id of one deleted
            if head.revision < max(self.revision, self._seen.revision):
                return
            changed = [name for name in _SETTABLE if getattr(head, name) != getattr(self._seen, name)]
            for name in (*_TOLD, *changed):
                setattr(self, name, getattr(head, name))
            if self._headers == self._headers_read:
                self._headers = self._headers_read = None
            self._seen = head

    def _undo(self) -> None:
        for name in _SETTABLE:
            setattr(self, name, getattr(self._seen, name))
        self.owner, self._headers, self._headers_read = self._seen.owner or None, None, None
        if self._list_is_set():
            self._messages = list(self._stored.values())

    def _fetch(self) -> int:
        """Shows all messages; the revision that they are of."""
        try:
            whole = self._core.get_session(self.id)
        except SessionNotFound:
            self._let_go(self)  # it goes on showing what was seen last
            return self.revision
        self._take(whole)
        return whole.revision

    def _take(self, whole: ithaca.Session) -> None:
        self._show(whole)
        self._stored = {message.id: shown(self._stored.get(message.id), message) for message in whole.history}
        self._messages, self._fetched = list(self._stored.values()), True

    def _is_current(self) -> bool:
        return self._fetched and self.revision >= self._seen.revision

    def _list_is_set(self) -> bool:
        return len(self._messages) != len(self._stored) or not all(map(is_, self._messages, self._stored.values()))

    # What is changed from here

    def _add(self, message: ChatMessage) -> None:
        with self._lock:
            stored, follows = self._store(to_store(message))
            message = marked(message, stored)
            if self._stored.setdefault(message.id, message) is message:
                self._messages.append(message)
            if not follows:
                self._sync()
                return
            self.revision, self.message_count = self.revision + 1, self.message_count + 1
            self.last_message_at = max(filter(None, (self.last_message_at, message.timestamp)))

    def _store(self, new: Any) -> tuple[ithaca.ChatMessage, bool]:
        """The message as it is stored, and whether it follows on what was seen, with nothing in between."""
        if getattr(new, "id", None) is None:  # otherwise it may be stored already
            with suppress(RevisionConflict):
                return self._core.add_message(self.id, new, expected_revision=self.revision), True
        return self._core.add_message(self.id, new), False

    def _sync(self) -> None:
        try:
            self._show(self._core.get_session(self.id, last=0))
        except SessionNotFound:
            self._let_go(self)

    def _was_deleted(self) -> None:
        super()._was_deleted()
        self._let_go(self)

    def _truncate(self, keep_count: int) -> None:
        with self._lock:
            if self._core.truncate_messages(self.id, keep_count).messages:
                self._stored = dict(islice(self._stored.items(), keep_count))
                self._messages = list(self._stored.values())
                self._moves_on(self._core.get_session(self.id, last=0))

    def _replace(self, messages: Sequence[Any], expected: int | None) -> None:
        with self._lock:
            mine = list(map(self._own, messages))
            new = [to_store(message, known_id(message)) for message in mine]
            expected = self.revision if expected is None else expected
            stored = self._core.replace_messages(self.id, new, expected_revision=expected)
            whole = self._core.get_session(self.id)
            unseen = whole.history != stored  # something stands there that was not given
            now = map(marked, mine, stored if unseen else whole.history)
            self._stored |= {message.id: message for message in now}
            self._take(whole)
            self.revision = self.revision if unseen else whole.revision

    def _own(self, message: Any) -> Any:
        """The message, or a copy of one that another history shows."""
        elsewhere = is_stored(message) and self._stored.get(message.id) is not message
        return copy_of(message) if elsewhere else message

    # What was set by hand

    def _save(self) -> None:
        """Writes it. Raises `RevisionConflict` rather than overwrite messages that were not seen."""
        with self._lock:
            if self.owner != (self._seen.owner or None):
                raise InvalidSession("owner", self.owner, "the owner that it was made for")
            changes = {each: value for each in _SETTABLE if (value := self[each]) != getattr(self._seen, each)}
            if self._headers != self._headers_read:
                changes["headers"] = self._headers
            if self._list_is_set() or any(map(is_changed, self._messages)):
                self._save_messages()
            if changes:
                self._moves_on(self._core.update_session(self.id, **changes))
                self._undo()

    def _save_messages(self) -> None:
        if not self._fetched:
            self._fetch()  # a message was changed that was added without looking at the others
        self._replace(self._messages, None)
