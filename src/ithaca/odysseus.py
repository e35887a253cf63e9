"""The old names: Odysseus' session manager as its callers know it, over `ithaca.SessionManager`.

Code written against the old manager ports by changing its imports. What is stored, and in which order, is the
database's to say: a session object shows it, and is brought up to date by each `get_session`. What was set on
an object by hand reaches the database with `save_sessions`.
"""

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from operator import is_
from typing import Any
from weakref import WeakValueDictionary

import ithaca
from ithaca import SessionManager as _Core
from ithaca.columns import iso
from ithaca.content import copied
from ithaca.errors import InvalidSession, RevisionConflict, SessionNotFound
from ithaca.models import Content

__all__ = ["ChatMessage", "Session", "SessionManager", "get_session_manager_instance", "set_session_manager_instance"]

_log = logging.getLogger("ithaca")

#: Sessions that are kept with their messages after the last caller let go of them.
KEPT = 64

# What a caller may set on a session object and `save_sessions` writes.
_SETTABLE = ("name", "endpoint_url", "model", "rag", "archived", "is_important", "folder", "mode", "extra")
_SHOWN = (
    *_SETTABLE, "message_count", "total_input_tokens", "total_output_tokens", "revision", "created_at", "updated_at",
    "last_accessed", "last_message_at",
)  # fmt: skip


@dataclass
class ChatMessage:
    """One message; it may be changed at will.

    When it is stored, and not before, it gets its `id`, `seq` and `timestamp`; its metadata then has them too,
    as `_db_id` and (unless the caller gave another) `timestamp`.
    """

    role: str
    content: Content = None
    metadata: dict[str, Any] | None = None
    tool_calls: list[Any] | None = field(default=None, kw_only=True)
    tool_call_id: str | None = field(default=None, kw_only=True)
    name: str | None = field(default=None, kw_only=True)
    id: str | None = field(default=None, kw_only=True, compare=False)
    seq: int | None = field(default=None, kw_only=True, compare=False)
    timestamp: datetime | None = field(default=None, kw_only=True, compare=False)
    _stored: ithaca.ChatMessage | None = field(default=None, init=False, repr=False, compare=False)

    def get(self, key: str, default: Any = None) -> Any:
        """A field by name."""
        return getattr(self, key, default)

    def to_dict(self) -> dict[str, Any]:
        """What a model or a browser is sent; fields that say nothing are left out."""
        more = {name: getattr(self, name) for name in ("metadata", "tool_calls", "tool_call_id", "name")}
        return {"role": self.role, "content": self.content} | {name: value for name, value in more.items() if value}

    def _is_now(self, stored: ithaca.ChatMessage) -> "ChatMessage":
        """Marks it as stored."""
        self.id, self.seq, self.timestamp = stored.id, stored.seq, stored.created_at
        self.metadata = {"timestamp": _printed(stored.created_at), **copied(stored.metadata), "_db_id": stored.id}
        self._stored = stored
        return self

    def _shows(self, stored: ithaca.ChatMessage) -> "ChatMessage":
        """Makes it say what is stored."""
        self.role, self.tool_call_id, self.name = stored.role, stored.tool_call_id, stored.name
        self.content = stored.content if isinstance(stored.content, str) else copied(stored.content)
        self.tool_calls = copied(stored.tool_calls)
        return self._is_now(stored)

    def _is_saved(self) -> bool:
        said = ("role", "content", "metadata", "tool_calls", "tool_call_id", "name")
        now, stored = _plain(self), self._stored
        return stored is not None and all(getattr(now, name) == getattr(stored, name) for name in said)


def _plain(message: Any, id: str | None = None) -> Any:
    """The message as the store takes it; what is no message, for the store to refuse."""
    if not isinstance(message, ChatMessage):
        return message
    return ithaca.ChatMessage(
        message.role,
        message.content,
        _own_metadata(message),
        tool_calls=message.tool_calls,
        tool_call_id=message.tool_call_id,
        name=message.name,
        id=id or message.id,
        created_at=message.timestamp,
    )


def _own_metadata(message: ChatMessage) -> Any:
    """Its metadata without what was put there when it was stored."""
    given, stored = message.metadata, message._stored
    if not isinstance(given, dict):
        return given
    time = None if stored is None or "timestamp" in stored.metadata else _printed(stored.created_at)
    put = {"_db_id"} if time is None or given.get("timestamp") != time else {"_db_id", "timestamp"}
    return {key: value for key, value in given.items() if key not in put}


def _printed(time: datetime | None) -> str | None:
    return None if time is None else iso(time)


class Session:
    """A session object: fields to read and set, `session["field"]`, and `history`, a list of its own.

    One that a manager gave is bound to what is stored; its history is fetched when it is first looked at. One
    made by hand is bound to the manager of `set_session_manager_instance`, or without one to nothing: it keeps
    its messages to itself.
    """

    name: str
    endpoint_url: str
    model: str
    rag: bool
    archived: bool
    is_important: bool
    folder: str | None
    mode: str | None
    extra: dict[str, Any]
    message_count: int
    total_input_tokens: int
    total_output_tokens: int
    revision: int | None
    created_at: datetime | None
    updated_at: datetime | None
    last_accessed: datetime | None
    last_message_at: datetime | None

    def __init__(
        self,
        id: str,
        name: str = "",
        endpoint_url: str = "",
        model: str = "",
        rag: bool = False,
        archived: bool = False,
        headers: dict[str, str] | None = None,
        history: list[ChatMessage] | None = None,
        owner: str | None = None,
        is_important: bool = False,
        message_count: int = 0,
    ) -> None:
        self.id, self.owner = id, owner
        self.name, self.endpoint_url, self.model = name, endpoint_url, model
        self.rag, self.archived, self.is_important = rag, archived, is_important
        self.folder = self.mode = self.revision = None
        self.created_at = self.updated_at = self.last_accessed = self.last_message_at = None
        self.extra, self.message_count, self.total_input_tokens, self.total_output_tokens = {}, message_count, 0, 0
        self._headers: dict[str, str] | None = headers
        #: The headers as they are stored, if they were looked at.
        self._headers_read: dict[str, str] | None = None
        self._lock = threading.RLock()
        self._manager: SessionManager | None = None
        #: The stored session whose fields are shown, and the revision at which the history was fetched.
        self._seen: ithaca.Session | None = None
        self._fetched: int | None = None
        self._messages = [] if history is None else history
        #: The messages as they are stored, whatever the caller does with the list.
        self._stored: list[ChatMessage] = []
        #: Messages that were stored from here since the history was fetched.
        self._added: dict[str | None, ChatMessage] = {}
        #: How many of them were changes of their own.
        self._alone = 0

    @property
    def history(self) -> list[ChatMessage]:
        """The messages, oldest first."""
        if self._manager is not None and self._fetched != self.revision:
            self._manager._fetch(self)
        return self._messages

    @history.setter
    def history(self, messages: list[ChatMessage]) -> None:
        self._messages = messages

    _history = history

    @property
    def headers(self) -> dict[str, str]:
        """The headers to send to the endpoint. Raises `HeadersUnreadable` if their key is lost."""
        if self._headers is None:
            self._headers = {} if self._seen is None else self._seen.headers
            self._headers_read = dict(self._headers)
        return self._headers

    @headers.setter
    def headers(self, headers: dict[str, str] | None) -> None:
        self._headers = headers or {}

    def add_message(self, message: ChatMessage) -> None:
        """Stores a message at the end of the session. If the session was deleted, warns and stores nothing."""
        if self._manager is not None:
            self._manager._add(self, message)
            return
        manager = get_session_manager_instance()
        if manager is None or manager._accepts(self.id, message):
            self._messages.append(message)
            self.message_count = len(self._messages)

    def get_context_messages(self) -> list[dict[str, Any]]:
        """What a model is sent: the messages without those of slash commands and hidden ones."""
        shown = ((message, message.metadata or {}) for message in self.history)
        return [m.to_dict() for m, about in shown if about.get("source") != "slash" and not about.get("hidden")]

    def get(self, key: str, default: Any = None) -> Any:
        """A field by name."""
        return getattr(self, key, default)

    def __getitem__(self, key: str) -> Any:
        try:
            return getattr(self, key)
        except AttributeError:
            raise KeyError(key) from None

    def __repr__(self) -> str:
        return f"Session(id={self.id!r}, name={self.name!r}, model={self.model!r}, owner={self.owner!r})"

    def _show(self, seen: ithaca.Session) -> "Session":
        """Shows a state of the stored session, unless a later one is shown already."""
        with self._lock:
            if self._seen is None or self._seen.created_at != seen.created_at:
                self._fetched = None  # another session, under the id of one that was deleted
            elif (self.revision or 0) > seen.revision:
                return self
            for name in _SHOWN:
                setattr(self, name, getattr(seen, name))
            self.extra, self.owner = copied(seen.extra), seen.owner or None
            self._headers = self._headers_read = None
            self._seen = seen
            if len(self._messages) != len(self._stored) or not all(map(is_, self._messages, self._stored)):
                self._messages = list(self._stored)
            return self

    def _advance(self, seen: ithaca.Session) -> None:
        """Shows the state after a change of everything but the messages."""
        with self._lock:
            if self._fetched is not None and self._fetched == self.revision and seen.revision == self._fetched + 1:
                self._fetched = seen.revision
            self._show(seen)

    def _append(self, message: ChatMessage) -> None:
        """Shows a message that was stored at the end, by the one change since what is shown."""
        if self._fetched == self.revision:
            self._stored.append(message)
            self._messages.append(message)
            self._fetched = (self.revision or 0) + 1
        else:
            self._added[message.id] = message
            self._alone += 1
        self.revision = (self.revision or 0) + 1
        self.message_count += 1
        self.last_message_at = message.timestamp

    def _take(self, seen: ithaca.Session) -> None:
        """Shows a state with all its messages; one that was shown before stays the same object."""
        self._show(seen)
        if self.revision != seen.revision:
            return
        self._added |= {message.id: message for message in self._stored if message.id not in self._added}
        self._stored = self._objects_of(seen.history)
        self._messages = list(self._stored)
        self._added, self._alone, self._fetched = {}, 0, self.revision

    def _extend(self, news: Sequence[ithaca.ChatMessage]) -> None:
        """Shows messages that follow those that are shown; now it shows all."""
        new = self._objects_of(news)
        self._stored += new
        self._messages += new
        self._added, self._alone, self._fetched = {}, 0, self.revision

    def _objects_of(self, stored: Sequence[ithaca.ChatMessage]) -> list[ChatMessage]:
        return [self._added.get(message.id, ChatMessage(message.role))._shows(message) for message in stored]

    def _changes(self) -> dict[str, Any]:
        """The fields that were set by hand."""
        if self._seen is not None and self.owner != (self._seen.owner or None):
            raise InvalidSession("owner", self.owner, "the owner that it was made for")
        changes = {name: getattr(self, name) for name in _SETTABLE if getattr(self, name) != getattr(self._seen, name)}
        return changes if self._headers in (None, self._headers_read) else changes | {"headers": self._headers}

    def _history_changed(self) -> bool:
        """Whether the list, or a message in it, is not as it is stored."""
        if self._fetched is None or self._fetched != self.revision:
            return False
        same = len(self._messages) == len(self._stored) and all(map(is_, self._messages, self._stored))
        return not (same and all(message._is_saved() for message in self._messages))


class SessionManager:
    """The old manager's calls.

    Takes what `ithaca.SessionManager` takes, or one of these. Errors are raised: nothing is logged and dropped,
    but a message for a session that was deleted while a caller held it.
    """

    def __init__(self, database: str | os.PathLike[str] | _Core | None = None, **options: Any) -> None:
        #: The manager with the clean interface, for what the old one had no name for.
        self.core = database if isinstance(database, _Core) else _Core(database, **options)
        self._lock = threading.Lock()
        # One object an id, as long as anybody has it; the last used ones for longer.
        self._objects: WeakValueDictionary[str, Session] = WeakValueDictionary()
        self._kept: OrderedDict[str, Session] = OrderedDict()

    def close(self) -> None:
        """Ends all work on the database."""
        self.core.close()

    def __enter__(self) -> "SessionManager":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Sessions

    @property
    def sessions(self) -> Mapping[str, Session]:
        """Every stored session by id, asked of the database at each use."""
        return _Sessions(self)

    def create_session(
        self,
        session_id: str,
        name: str,
        endpoint_url: str,
        model: str,
        rag: bool = False,
        owner: str | None = None,
    ) -> Session:
        """A new session. Raises `SessionExists`, changing nothing, if the id is taken."""
        made = self.core.create_session(session_id, name, endpoint_url, model, rag, owner)
        session = self._keep(made)
        session._take(made)
        return session

    def get_session(self, session_id: str) -> Session:
        """The session, up to date; the same object as long as it is held. Raises `SessionNotFound`, a `KeyError`."""
        try:
            return self._keep(self.core.get_session(session_id, last=0))
        except SessionNotFound:
            self._forget(session_id)
            raise

    def get_sessions_for_user(self, username: str | None = None) -> dict[str, Session]:
        """The sessions of exactly this owner by id, the last active first; "" is nobody, None is everybody."""
        found = list(self._heads(owner=username))
        found.sort(key=lambda head: head.last_message_at or head.created_at, reverse=True)
        return {head.id: self._object(head)._show(head) for head in found}

    def update_session_name(self, session_id: str, name: str) -> None:
        """Renames a session."""
        self._changed(self.core.rename_session(session_id, name))

    def archive_session(self, session_id: str) -> None:
        """Archives a session."""
        self._changed(self.core.archive_session(session_id))

    def unarchive_session(self, session_id: str) -> None:
        """Brings a session back from the archive."""
        self._changed(self.core.unarchive_session(session_id))

    def mark_important(self, session_id: str, important: bool = True) -> None:
        """Stars a session, or takes the star away."""
        self._changed(self.core.mark_important(session_id, important))

    def delete_session(self, session_id: str) -> bool:
        """Whether there was something to delete."""
        self._forget(session_id)
        try:
            self.core.delete_session(session_id)
        except SessionNotFound:
            return False
        return True

    def ensure_task_session(
        self, session_id: str, name: str, endpoint_url: str, model: str, owner: str | None = None, task: Any = None
    ) -> Session:
        """The stored session of this id, unchanged, or a new one; sets `task.session_id`."""
        return self._keep(self.core.ensure_task_session(session_id, name, endpoint_url, model, owner, task))

    def cleanup_empty_sessions(self, auto_archive_days: float = 30, min_age_hours: float = 1) -> dict[str, int]:
        """Deletes empty sessions and archives unused ones; the counts of both, and of all that were looked at."""
        return self.core.cleanup_empty_sessions(auto_archive_days, min_age_hours)

    def load_sessions(self) -> None:
        """Brings every session object that is held up to date. Nothing needs to be loaded beforehand."""
        for session_id in self._held():
            self.sync_session_metadata(session_id)

    def save_sessions(self) -> None:
        """Writes what was set by hand on the session objects that are held: fields, and messages in `history`.

        Raises `RevisionConflict` rather than overwrite messages that were not seen.
        """
        for session in self._held().values():
            with session._lock:
                self._save(session)

    def sync_session_metadata(self, session_id: str) -> bool:
        """Brings the fields of a session object up to date; whether the session is stored."""
        try:
            seen = self.core.get_session(session_id, last=0)
        except SessionNotFound:
            self._forget(session_id)
            return False
        session = self._objects.get(session_id)
        if session is not None:
            session._show(seen)
        return True

    # Messages

    def add_message(self, session_id: str, message: ChatMessage) -> None:
        """Stores a message at the end of a session, and sets its `id`, `seq` and `timestamp`.

        Raises `SessionNotFound`; for a session whose object is held, warns and stores nothing.
        """
        session = self._objects.get(session_id)
        if session is not None:
            self._add(session, message)
        else:
            _stored_as(message, self.core.add_message(session_id, _plain(message)))

    def truncate_messages(self, session_id: str, keep_count: int) -> bool:
        """Keeps the first messages; False, and nothing changed, for a negative number."""
        if keep_count < 0:
            return False
        self.core.truncate_messages(session_id, keep_count)
        return self._catch_up(session_id)

    def replace_messages(
        self, session_id: str, messages: Sequence[ChatMessage], *, expected_revision: int | None = None
    ) -> bool:
        """Makes these the messages of a session, all or nothing; those that it held keep their ids and times.

        Raises `RevisionConflict` if the session was changed since `expected_revision`, or since the history of
        its object was fetched.
        """
        session = self._objects.get(session_id)
        expected = expected_revision if expected_revision is not None or session is None else session._fetched
        plain = [_plain(message, _known_id(message)) for message in messages]
        stored = self.core.replace_messages(session_id, plain, expected_revision=expected)
        now = [_stored_as(message, kept) for message, kept in zip(messages, stored, strict=True)]
        if session is not None:
            with session._lock:
                session._added |= {message.id: message for message in now}
        return self._catch_up(session_id)

    # What session objects ask for

    def _add(self, session: Session, message: ChatMessage) -> None:
        with session._lock:
            try:
                self._store(session, message)
            except SessionNotFound:
                self._warn(session.id)

    def _accepts(self, session_id: str, message: ChatMessage) -> bool:
        try:
            _stored_as(message, self.core.add_message(session_id, _plain(message)))
        except SessionNotFound:
            self._warn(session_id)
            return False
        return True

    def _warn(self, session_id: str) -> None:
        _log.warning("session %s was deleted: a message for it was dropped", session_id)
        self._forget(session_id)

    def _store(self, session: Session, message: Any) -> None:
        if isinstance(message, ChatMessage) and message._stored is not None:
            message = copy(message)  # it is in a history already, perhaps in another session's
        new = _plain(message)
        stored = self._store_next(session, new)
        if stored is not None:
            session._append(_stored_as(message, stored))
            return
        stored = self.core.add_message(session.id, new)
        session._alone += new.id is None
        session._added[stored.id] = _stored_as(message, stored)
        session._show(self.core.get_session(session.id, last=0))

    def _store_next(self, session: Session, new: Any) -> ithaca.ChatMessage | None:
        """The message, stored by the one change since what the object shows; None if that cannot be known."""
        if isinstance(new, ithaca.ChatMessage) and new.id is not None:
            return None  # perhaps it is stored already
        try:
            return self.core.add_message(session.id, new, expected_revision=session.revision)
        except RevisionConflict:
            return None

    def _fetch(self, session: Session) -> None:
        with session._lock:
            if session._fetched == session.revision:
                return
            try:
                news = self._news(session)
                session._take(self.core.get_session(session.id)) if news is None else session._extend(news)
            except SessionNotFound:
                self._forget(session.id)
                session._fetched = session.revision  # it goes on showing what was seen last

    def _news(self, session: Session) -> list[ithaca.ChatMessage] | None:
        """The messages that came since, if nothing else can have happened: at most one change is not from here."""
        if session._fetched is None or session.revision is None:
            return None
        unknown = session.revision - session._fetched - session._alone
        if unknown not in (0, 1):
            return None
        last = session._stored[-1].seq if session._stored else 0
        news = list(self.core.iter_messages(session.id, after=last or 0))
        complete = len(session._stored) + len(news) == session.message_count
        return news if complete and (len(news) > session._alone) == bool(unknown) else None

    def _save(self, session: Session) -> None:
        changes = session._changes()
        if changes:
            self._changed(self.core.update_session(session.id, **changes))
        if session._history_changed():
            self.replace_messages(session.id, session.history, expected_revision=session._fetched)

    # Session objects

    def _heads(self, owner: str | None = None) -> Iterator[ithaca.Session]:
        """Every session, without messages. In the order of creation none is missed when others become active."""
        cursor = None
        while True:
            page = self.core.list_sessions(owner=owner, sort="created", cursor=cursor, limit=1_000)
            yield from page
            cursor = page.cursor
            if cursor is None:
                return

    def _object(self, head: ithaca.Session) -> Session:
        with self._lock:
            session = self._objects.get(head.id)
            if session is None:
                session = self._objects[head.id] = Session(head.id)
                session._manager = self
            return session

    def _keep(self, head: ithaca.Session) -> Session:
        session = self._object(head)
        with self._lock:
            self._kept[head.id] = session
            self._kept.move_to_end(head.id)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return session._show(head)

    def _held(self) -> dict[str, Session]:
        with self._lock:
            return dict(self._objects.items())

    def _changed(self, head: ithaca.Session) -> None:
        session = self._objects.get(head.id)
        if session is not None:
            session._advance(head)

    def _catch_up(self, session_id: str) -> bool:
        if session_id in self._objects:
            self.sync_session_metadata(session_id)
        return True

    def _forget(self, session_id: str) -> None:
        with self._lock:
            self._objects.pop(session_id, None)
            self._kept.pop(session_id, None)


class _Sessions(Mapping[str, Session]):
    """The stored sessions as a mapping; it holds none of them."""

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    def __getitem__(self, session_id: str) -> Session:
        return self._manager.get_session(session_id)

    def __contains__(self, session_id: object) -> bool:
        return isinstance(session_id, str) and self._manager.sync_session_metadata(session_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._manager.get_sessions_for_user())

    def __len__(self) -> int:
        return self._manager.core.count_sessions()

    def items(self) -> Any:
        """One state of all, safe to go through while others add and delete."""
        return self._manager.get_sessions_for_user().items()

    def values(self) -> Any:
        """One state of all, safe to go through while others add and delete."""
        return self._manager.get_sessions_for_user().values()


def _known_id(message: Any) -> str | None:
    """The id that it was stored under, also of a message that was made anew from another's metadata."""
    if not isinstance(message, ChatMessage) or not isinstance(message.metadata, dict):
        return None
    return message.id or message.metadata.get("_db_id")


def _stored_as(message: Any, stored: ithaca.ChatMessage) -> ChatMessage:
    if isinstance(message, ChatMessage):
        return message._is_now(stored)
    return ChatMessage(stored.role)._shows(stored)


_instance: SessionManager | None = None


def set_session_manager_instance(manager: SessionManager | None) -> None:
    """Makes this the manager of sessions that were made by hand."""
    global _instance
    _instance = manager


def get_session_manager_instance() -> SessionManager | None:
    """The manager that was set; None if none was."""
    return _instance
