"""The old names: Odysseus' session manager as its callers know it, over `ithaca.SessionManager`.

Code written against the old manager ports by changing its imports. What is stored, and in which order, is the
database's to say: a session object shows it, and is brought up to date by each `get_session`. What was set on
an object by hand reaches the database with `save_sessions`.
"""

import logging
import os
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import is_
from typing import Any, TypeAlias
from weakref import WeakValueDictionary, ref

import ithaca
from ithaca import SessionManager as _Core
from ithaca.columns import iso
from ithaca.content import copied
from ithaca.errors import AmbiguousId, InvalidSession, RevisionConflict, SessionNotFound
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
_FIELDS = ("id", "owner", *_SHOWN, "headers", "history")


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
    #: The session whose history it belongs to.
    _home: "ref[Session] | None" = field(default=None, init=False, repr=False, compare=False)

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

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_home": None}  # a copy belongs to no history

    def _is_in(self, session: "Session") -> bool:
        return self._home is not None and self._home() is session

    def _is_saved(self) -> bool:
        said = ("role", "content", "metadata", "tool_calls", "tool_call_id", "name")
        now, stored = _plain(self), self._stored
        return stored is not None and all(getattr(now, name) == getattr(stored, name) for name in said)


def _plain(message: Any, id: str | None = None) -> Any:
    """The message as the store takes it; what is no message, for the store to refuse."""
    return _said(message, id or message.id, message.timestamp) if isinstance(message, ChatMessage) else message


def _said(message: ChatMessage, id: str | None, at: datetime | None) -> ithaca.ChatMessage:
    return ithaca.ChatMessage(
        message.role,
        message.content,
        _own_metadata(message),
        tool_calls=message.tool_calls,
        tool_call_id=message.tool_call_id,
        name=message.name,
        id=id,
        created_at=at,
    )


def _to_add(message: Any) -> Any:
    """The message as the store takes it at the end of a session: one that was stored already is another one there."""
    if not isinstance(message, ChatMessage) or (stored := message._stored) is None:
        return _plain(message)
    id, at = message.id, message.timestamp
    return _said(message, None if id == stored.id else id, None if at == stored.created_at else at)


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
        #: Whose the stored session is, whatever is set as its owner by hand.
        self._owner = ""
        #: The stored session whose fields are shown, and the revision at which the history was fetched.
        self._seen: ithaca.Session | None = None
        self._fetched: int | None = None
        #: The revision that whoever holds the object has seen: when it was obtained, or its history fetched.
        self._known: int | None = None
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
        if manager is None or manager._accepts(self, message):
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

    def __contains__(self, key: object) -> bool:
        return key in _FIELDS or key in vars(self)

    def __iter__(self) -> Iterator[str]:
        return iter(_FIELDS)

    def keys(self) -> Iterable[str]:
        """The names of its fields."""
        return _FIELDS

    def __repr__(self) -> str:
        return f"Session(id={self.id!r}, name={self.name!r}, model={self.model!r}, owner={self.owner!r})"

    def _show(self, seen: ithaca.Session) -> "Session":
        """Shows a state of the stored session, unless a later one is shown already."""
        with self._lock:
            if self._seen is None or self._seen.created_at != seen.created_at:
                self._fetched, self._known = None, seen.revision  # another session, under the id of one deleted
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
            alone = self.revision is not None and seen.revision == self.revision + 1
            if alone and self._fetched == self.revision:
                self._fetched = seen.revision
            if alone and self._known == self.revision:
                self._known = seen.revision
            self._show(seen)

    def _obtained(self) -> "Session":
        """Somebody got it, and with it what it shows."""
        if self._fetched is None:
            self._known = self.revision
        return self

    def _append(self, message: ChatMessage) -> None:
        """Shows a message that was stored at the end, by the one change since what is shown."""
        if self._known == self.revision:
            self._known = (self.revision or 0) + 1
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
        self._has_fetched()

    def _extend(self, news: Sequence[ithaca.ChatMessage]) -> None:
        """Shows messages that follow those that are shown; now it shows all."""
        new = self._objects_of(news)
        self._stored += new
        self._messages += new
        self._has_fetched()

    def _has_fetched(self) -> None:
        self._added, self._alone = {}, 0
        self._fetched = self._known = self.revision

    def _takes(self, message: Any, stored: ithaca.ChatMessage) -> ChatMessage:
        """Makes the message the stored one, which belongs to the history from now on."""
        if isinstance(message, ChatMessage) and message._stored is not None and message._is_in(self):
            self._part_with(message, message._stored)
        return self._claims(_stored_as(message, stored))

    def _claims(self, message: ChatMessage) -> ChatMessage:
        message._home = ref(self)
        return message

    def _part_with(self, message: ChatMessage, stood: ithaca.ChatMessage) -> None:
        """Where a message stood that stands for another one now, shows what is stored there."""
        with self._lock:
            if self._added.get(stood.id) is message:
                self._added[stood.id] = self._claims(ChatMessage(stood.role)._shows(stood))
            number = stood.seq or 0
            at = bisect_left(self._stored, number, key=lambda one: number if one is message else one.seq or 0)
            if at == len(self._stored) or self._stored[at] is not message:
                return
            self._stored[at] = other = self._claims(ChatMessage(stood.role)._shows(stood))
            if at < len(self._messages) and self._messages[at] is message:
                self._messages[at] = other
            else:  # it was moved by hand
                self._messages[:] = [other if one is message else one for one in self._messages]

    def _own(self, messages: Iterable[Any]) -> list[Any]:
        """The messages, with a copy of each that belongs to another history: there it goes on saying what is stored."""
        mine = {id(message) for message in (*self._stored, *self._added.values())}
        return [message if id(message) in mine else _apart(message) for message in messages]

    def _is_changed_by(self, messages: Sequence[Any], expected: int) -> bool:
        """Whether storing these in the place of all would be a change for certain."""
        ids = [getattr(_plain(message, _known_id(message)), "id", None) for message in messages]
        if self._fetched != expected:
            return None in ids or len(ids) != self.message_count
        known = [message for message in messages if isinstance(message, ChatMessage) and message._stored is not None]
        return ids != [message.id for message in self._stored] or not all(message._is_saved() for message in known)

    def _objects_of(self, stored: Sequence[ithaca.ChatMessage]) -> list[ChatMessage]:
        found = ((self._added.get(message.id) or ChatMessage(message.role), message) for message in stored)
        return [self._claims(message._shows(stored)) for message, stored in found]

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
        # One object a session, as long as anybody has it; the last used ones for longer.
        self._objects: WeakValueDictionary[_Key, Session] = WeakValueDictionary()
        self._kept: OrderedDict[_Key, Session] = OrderedDict()
        #: Under which owners an id was met.
        self._owners: dict[str, set[str]] = {}

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
        """Every stored session by id, asked of the database at each use; as in `get_sessions_for_user`."""
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
        """The session, up to date; the same object as long as it is held. Raises `SessionNotFound`, a `KeyError`.

        This call and all others that take an id raise `AmbiguousId` if several owners have it.
        """
        try:
            return self._keep(self.core.get_session(session_id, last=0))
        except SessionNotFound:
            self._forget(session_id)
            raise

    def get_sessions_for_user(self, username: str | None = None) -> dict[str, Session]:
        """The sessions of exactly this owner by id, the last active first; "" is nobody, None is everybody.

        An id that several owners have names no session of everybody's: it is left out, with a warning in the log.
        """
        found = list(self._by_id(username).values())
        found.sort(key=lambda head: head.last_message_at or head.created_at, reverse=True)
        return {head.id: self._object(head)._show(head)._obtained() for head in found}

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
        try:
            self.core.delete_session(session_id)
        except SessionNotFound:
            self._forget(session_id)
            return False
        self._forget(session_id)
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
        for session in self._held():
            self._sync(session)

    def save_sessions(self) -> None:
        """Writes what was set by hand on the session objects that are held: fields, and messages in `history`.

        Raises `RevisionConflict` rather than overwrite messages that were not seen.
        """
        for session in self._held():
            with session._lock:
                self._save(session)

    def sync_session_metadata(self, session_id: str) -> bool:
        """Brings the fields of a session object up to date; whether the session is stored."""
        try:
            seen = self.core.get_session(session_id, last=0)
        except SessionNotFound:
            self._forget(session_id)
            return False
        session = self._objects.get((seen.owner, seen.id))
        if session is not None:
            session._show(seen)
        return True

    # Messages

    def add_message(self, session_id: str, message: ChatMessage) -> None:
        """Stores a message at the end of a session, and sets its `id`, `seq` and `timestamp`.

        An object that was added before is added as another message, which it stands for from then on. Raises
        `SessionNotFound`; for a session whose object is held, warns and stores nothing.
        """
        session = self._object_of(session_id)
        if session is not None:
            self._add(session, message)
        else:
            _added(self.core, session_id, message)

    def truncate_messages(self, session_id: str, keep_count: int) -> bool:
        """Keeps the first messages; False, and nothing changed, for a negative number."""
        if keep_count < 0:
            return False
        session = self._object_of(session_id)
        if session is None:
            self.core.truncate_messages(session_id, keep_count)
            return True
        with session._lock:
            removed = self._core_of(session).truncate_messages(session_id, keep_count)
            before = session._known
            self._sync(session)
            if removed.messages and before is not None and session.revision == before + 1:
                session._known = session.revision  # nothing happened but this
        return True

    def replace_messages(
        self, session_id: str, messages: Sequence[ChatMessage], *, expected_revision: int | None = None
    ) -> bool:
        """Makes these the messages of a session, all or nothing; those that it held keep their ids and times.

        Raises `RevisionConflict` if the session was changed since `expected_revision`, or since the history of
        its object was fetched, or else since the object was obtained.
        """
        session = self._object_of(session_id)
        if session is None:
            _replaced(self.core, session_id, list(map(_apart, messages)), expected_revision)
        else:
            with session._lock:
                expected = session._known if expected_revision is None else expected_revision
                self._replace(session, messages, expected)
        return True

    # What session objects ask for

    def _core_of(self, session: Session) -> _Core:
        """What reaches the session of an object and no other, even if somebody else has its id."""
        return self.core.for_owner(session._owner)

    def _add(self, session: Session, message: ChatMessage) -> None:
        leave = _leaving(message)
        with session._lock:
            try:
                self._store(session, message)
            except SessionNotFound:
                self._warn(session)
                return
        leave()  # with no lock held: two threads may exchange messages of two sessions

    def _accepts(self, by_hand: Session, message: ChatMessage) -> bool:
        core = self.core if by_hand.owner is None else self.core.for_owner(by_hand.owner)
        try:
            _added(core, by_hand.id, message)
        except SessionNotFound:
            self._warn(by_hand)
            return False
        return True

    def _warn(self, session: Session) -> None:
        _log.warning("session %s was deleted: a message for it was dropped", session.id)
        self._let_go(session)

    def _store(self, session: Session, message: Any) -> None:
        new = _to_add(message)
        stored = self._store_next(session, new)
        if stored is not None:
            session._append(session._takes(message, stored))
            return
        stored = self._core_of(session).add_message(session.id, new)
        session._alone += new.id is None
        session._added[stored.id] = session._takes(message, stored)
        session._show(self._core_of(session).get_session(session.id, last=0))

    def _store_next(self, session: Session, new: Any) -> ithaca.ChatMessage | None:
        """The message, stored by the one change since what the object shows; None if that cannot be known."""
        if isinstance(new, ithaca.ChatMessage) and new.id is not None:
            return None  # perhaps it is stored already
        try:
            return self._core_of(session).add_message(session.id, new, expected_revision=session.revision)
        except RevisionConflict:
            return None

    def _fetch(self, session: Session) -> None:
        with session._lock:
            if session._fetched == session.revision:
                return
            try:
                news = self._news(session)
                if news is None:
                    session._take(self._core_of(session).get_session(session.id))
                else:
                    session._extend(news)
            except SessionNotFound:
                self._let_go(session)
                session._fetched = session.revision  # it goes on showing what was seen last

    def _news(self, session: Session) -> list[ithaca.ChatMessage] | None:
        """The messages that came since, if nothing else can have happened: at most one change is not from here."""
        if session._fetched is None or session.revision is None:
            return None
        unknown = session.revision - session._fetched - session._alone
        if unknown not in (0, 1):
            return None
        last = session._stored[-1].seq if session._stored else 0
        news = list(self._core_of(session).iter_messages(session.id, after=last or 0))
        complete = len(session._stored) + len(news) == session.message_count
        return news if complete and (len(news) > session._alone) == bool(unknown) else None

    def _save(self, session: Session) -> None:
        messages = list(session._messages) if session._history_changed() else None
        changes = session._changes()
        if changes:
            self._changed(self._core_of(session).update_session(session.id, **changes))
        if messages is not None:
            self._replace(session, messages, session._fetched)

    def _replace(self, session: Session, messages: Sequence[ChatMessage], expected: int | None) -> None:
        mine = session._own(messages)
        changed = expected is not None and session._is_changed_by(mine, expected)
        now = _replaced(self._core_of(session), session.id, mine, expected)
        session._added |= {message.id: session._claims(message) for message in now}
        if changed and expected is not None and session._known == expected:
            session._known = expected + 1
        self._sync(session)

    def _sync(self, session: Session) -> None:
        try:
            session._show(self._core_of(session).get_session(session.id, last=0))
        except SessionNotFound:
            self._let_go(session)

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

    def _by_id(self, owner: str | None = None) -> dict[str, ithaca.Session]:
        """The sessions whose id says which they are."""
        found: dict[str, ithaca.Session] = {}
        several: set[str] = set()
        for head in self._heads(owner):
            if found.setdefault(head.id, head).owner != head.owner:
                several.add(head.id)
        for session_id in several:
            _log.warning("session id %s belongs to several owners: left out of everybody's sessions", session_id)
            del found[session_id]
        return found

    def _object(self, head: ithaca.Session) -> Session:
        key = (head.owner, head.id)
        with self._lock:
            session = self._objects.get(key)
            if session is None:
                session = self._objects[key] = Session(head.id)
                session._manager, session._owner = self, head.owner
                self._remember(key)
            return session

    def _remember(self, key: "_Key") -> None:
        if len(self._owners) > 2 * len(self._objects) + KEPT:  # most of them are no longer held
            self._owners = {}
            for owner, session_id in list(self._objects):
                self._owners.setdefault(session_id, set()).add(owner)
        self._owners.setdefault(key[1], set()).add(key[0])

    def _keep(self, head: ithaca.Session) -> Session:
        session, key = self._object(head), (head.owner, head.id)
        with self._lock:
            self._kept[key] = session
            self._kept.move_to_end(key)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return session._show(head)._obtained()

    def _held(self) -> list[Session]:
        with self._lock:
            return list(self._objects.values())

    def _object_of(self, session_id: str) -> Session | None:
        """The object of the one session of this id, if it is held. Raises `AmbiguousId`."""
        with self._lock:
            held = [self._objects.get((owner, session_id)) for owner in self._owners.get(session_id, ())]
        found = next((session for session in held if session is not None), None)
        if found is None or self.core.owner is not None:
            return found
        try:
            head = self.core.get_session(session_id, last=0)  # another owner may have the id too, or instead
        except SessionNotFound:
            return found
        return self._objects.get((head.owner, session_id))

    def _changed(self, head: ithaca.Session) -> None:
        session = self._objects.get((head.owner, head.id))
        if session is not None:
            session._advance(head)

    def _forget(self, session_id: str) -> None:
        """Lets go of whatever was held under an id that nobody has."""
        with self._lock:
            for owner in self._owners.pop(session_id, ()):
                self._objects.pop((owner, session_id), None)
                self._kept.pop((owner, session_id), None)

    def _let_go(self, session: Session) -> None:
        key = (session._owner, session.id)
        with self._lock:
            if self._objects.get(key) is session:
                self._objects.pop(key, None)
                self._kept.pop(key, None)


#: An owner and a session's id.
_Key: TypeAlias = tuple[str, str]


class _Sessions(Mapping[str, Session]):
    """The stored sessions as a mapping; it holds none of them."""

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    def __getitem__(self, session_id: str) -> Session:
        return self._manager.get_session(session_id)

    def __contains__(self, session_id: object) -> bool:
        try:
            return isinstance(session_id, str) and self._manager.sync_session_metadata(session_id)
        except AmbiguousId:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._manager.get_sessions_for_user())

    def __len__(self) -> int:
        return len(self._manager._by_id())

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


def _added(core: _Core, session_id: str, message: Any) -> None:
    """Stores a message in a session whose object is not held."""
    leave, stored = _leaving(message), core.add_message(session_id, _to_add(message))
    _stored_as(message, stored)._home = None
    leave()


def _leaving(message: Any) -> Callable[[], None]:
    """What is to be called when the message stands for another one: it takes it out of the history that it was in."""
    if isinstance(message, ChatMessage) and message._stored is not None and message._home is not None:
        home = message._home()
        if home is not None:
            return partial(home._part_with, message, message._stored)
    return lambda: None


def _apart(message: Any) -> Any:
    """The message, to be stored elsewhere too: where it stands, it goes on standing for what is stored there."""
    return copy(message) if isinstance(message, ChatMessage) and message._stored is not None else message


def _replaced(core: _Core, session_id: str, messages: Sequence[Any], expected: int | None) -> list[ChatMessage]:
    plain = [_plain(message, _known_id(message)) for message in messages]
    stored = core.replace_messages(session_id, plain, expected_revision=expected)
    return [_stored_as(message, kept) for message, kept in zip(messages, stored, strict=True)]


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
