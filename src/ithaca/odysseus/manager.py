"""The old manager's calls."""

import logging
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from typing import Any
from weakref import WeakValueDictionary

import ithaca
from ithaca.errors import AmbiguousId, IthacaError, SessionNotFound
from ithaca.odysseus.message import ChatMessage
from ithaca.odysseus.session import Session
from ithaca.odysseus.stored import StoredSession

_log = logging.getLogger("ithaca")

#: Sessions that are kept with their messages after the last caller let go of them.
KEPT = 64


class SessionManager:
    """The old manager's calls.

    Takes what `ithaca.SessionManager` takes, or one of these. Errors are raised: nothing is logged and dropped,
    but a message for a session that was deleted while a caller held it. Each call that takes an id raises
    `AmbiguousId` if several owners have it.
    """

    def __init__(self, database: str | os.PathLike[str] | ithaca.SessionManager | None = None, **options: Any) -> None:
        if not isinstance(database, ithaca.SessionManager):
            database = ithaca.SessionManager(database, **options)
        #: The manager with the clean interface, for what the old one had no name for.
        self.core = database
        self._lock = threading.Lock()
        # One object a session, by owner and id, as long as anybody has it; the last used ones for longer.
        self._objects: WeakValueDictionary[tuple[str, str], StoredSession] = WeakValueDictionary()
        self._kept: OrderedDict[tuple[str, str], StoredSession] = OrderedDict()

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
        self, session_id: str, name: str, endpoint_url: str, model: str, rag: bool = False, owner: str | None = None
    ) -> Session:
        """A new session. Raises `SessionExists`, changing nothing, if the id is taken."""
        return self._keep(self.core.create_session(session_id, name, endpoint_url, model, rag, owner))

    def get_session(self, session_id: str) -> Session:
        """The session, up to date; the same object as long as it is held. Raises `SessionNotFound`, a `KeyError`."""
        return self._keep(self._head(session_id))

    def get_sessions_for_user(self, username: str | None = None) -> dict[str, Session]:
        """The sessions of exactly this owner by id, the last active first; "" is nobody, None is everybody.

        An id that several owners have names no session of everybody's: it is left out, with a warning in the log.
        """
        found = sorted(self._by_id(username).values(), key=lambda head: head.last_message_at or head.created_at)
        return {head.id: self._object(head)._obtained(head) for head in reversed(found)}

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
            removed = self.core.delete_session(session_id).sessions
        except SessionNotFound:
            removed = 0
        self._forget(session_id)
        return removed > 0

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
            try:
                session._obtained(session._core.get_session(session.id, last=0))
            except SessionNotFound:
                self._let_go(session)

    def save_sessions(self) -> None:
        """Writes what was set by hand on the session objects that are held: fields, and messages in `history`.

        Raises `RevisionConflict` rather than overwrite messages that were not seen; all other sessions are saved.
        """
        refused: list[IthacaError] = []
        for session in self._held():
            try:
                session._save()
            except SessionNotFound as error:
                self._let_go(session)
                refused.append(error)
            except IthacaError as error:
                refused.append(error)
        if refused:
            raise refused[0]

    def sync_session_metadata(self, session_id: str) -> bool:
        """Brings the fields of a session object up to date; whether the session is stored."""
        try:
            head = self._head(session_id)
        except SessionNotFound:
            return False
        session = self._objects.get((head.owner, head.id))
        if session is not None:
            session._obtained(head)
        return True

    # Messages

    def add_message(self, session_id: str, message: ChatMessage) -> None:
        """Stores a message at the end of a session, and sets its `id`, `seq` and `timestamp`.

        Of an object that stands for a stored message a copy is added. Raises `SessionNotFound`; for a session whose
        object is held, warns and stores nothing.
        """
        try:
            session = self._object(self.core.get_session(session_id, last=0))
        except SessionNotFound:
            if not (held := self._held(session_id)):
                raise
            session = held[0]
        session.add_message(message)

    def truncate_messages(self, session_id: str, keep_count: int) -> bool:
        """Keeps the first messages; False, and nothing changed, for a negative number."""
        if keep_count < 0:
            return False
        self._object(self._head(session_id))._truncate(keep_count)
        return True

    def replace_messages(
        self, session_id: str, messages: Sequence[ChatMessage], *, expected_revision: int | None = None
    ) -> bool:
        """Makes these the messages of a session, all or nothing; those that it held keep their ids and times.

        Raises `RevisionConflict` if the session was changed since `expected_revision`, or since the history of
        its object was last looked at, or, if nobody did that, since the object was obtained.
        """
        self._object(self._head(session_id))._replace(messages, expected_revision)
        return True

    # Session objects

    def _head(self, session_id: str) -> ithaca.Session:
        """The session without messages. Where there is none, lets go of whatever was held under the id."""
        try:
            return self.core.get_session(session_id, last=0)
        except SessionNotFound:
            self._forget(session_id)
            raise

    def _heads(self, owner: str | None) -> Iterator[ithaca.Session]:
        """Every session, without messages. In the order of creation none is missed when others become active."""
        page = self.core.list_sessions(owner=owner, sort="created", limit=1_000)
        yield from page
        while page.cursor is not None:
            page = self.core.list_sessions(owner=owner, sort="created", cursor=page.cursor, limit=1_000)
            yield from page

    def _by_id(self, owner: str | None = None) -> dict[str, ithaca.Session]:
        """The sessions whose id says which they are."""
        found = {(head.owner, head.id): head for head in self._heads(owner)}
        owners = Counter(session_id for _, session_id in found)
        for session_id in (session_id for session_id, count in owners.items() if count > 1):
            _log.warning("session id %s belongs to several owners: left out of everybody's sessions", session_id)
        return {head.id: head for head in found.values() if owners[head.id] == 1}

    def _object(self, head: ithaca.Session) -> StoredSession:
        with self._lock:
            session = self._objects.get((head.owner, head.id))
            if session is None:
                session = self._objects[head.owner, head.id] = StoredSession(self.core, head, self._let_go)
            return session

    def _keep(self, head: ithaca.Session) -> Session:
        session, key = self._object(head), (head.owner, head.id)
        with self._lock:
            self._kept[key] = session
            self._kept.move_to_end(key)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return session._obtained(head)

    def _held(self, session_id: str | None = None) -> list[StoredSession]:
        with self._lock:
            held = list(self._objects.values())
        return [session for session in held if session_id in (None, session.id)]

    def _changed(self, head: ithaca.Session) -> None:
        session = self._objects.get((head.owner, head.id))
        if session is not None:
            session._moves_on(head)

    def _forget(self, session_id: str) -> None:
        """Lets go of whatever was held under an id that nobody has."""
        for session in self._held(session_id):
            self._let_go(session)

    def _let_go(self, session: StoredSession) -> None:
        key = (session._seen.owner, session.id)
        with self._lock:
            if self._objects.get(key) is session:
                self._objects.pop(key, None)
                self._kept.pop(key, None)


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

    # One state of all, safe to go through while others add and delete.

    def items(self) -> ItemsView[str, Session]:
        return self._manager.get_sessions_for_user().items()

    def values(self) -> ValuesView[Session]:
        return self._manager.get_sessions_for_user().values()
