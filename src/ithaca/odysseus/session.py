"""A session under its old name: fields to read and set, and a list of messages."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ithaca.errors import SessionNotFound
from ithaca.odysseus.message import ChatMessage, copy_of, is_stored, marked, to_store

if TYPE_CHECKING:
    from ithaca.odysseus.manager import SessionManager

_log = logging.getLogger("ithaca")


@dataclass(eq=False)
class Session:
    """A session object: fields to read and set, `session["field"]`, and `history`, a list of its own.

    One that a manager gave is bound to what is stored. One made by hand stores its messages through the manager
    of `set_session_manager_instance`; without one, it keeps them to itself.
    """

    id: str
    name: str = ""
    endpoint_url: str = ""
    model: str = ""
    rag: bool = False
    archived: bool = False
    #: The headers to send to the endpoint. Raises `HeadersUnreadable` if their key is lost.
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    #: The messages, oldest first.
    history: list[ChatMessage] = field(default_factory=list, repr=False)
    owner: str | None = None
    is_important: bool = False
    message_count: int = 0
    folder: str | None = field(default=None, kw_only=True)
    mode: str | None = field(default=None, kw_only=True)
    extra: dict[str, Any] = field(default_factory=dict, kw_only=True)
    total_input_tokens: int = field(default=0, kw_only=True)
    total_output_tokens: int = field(default=0, kw_only=True)
    revision: int = field(default=0, kw_only=True)
    created_at: datetime | None = field(default=None, kw_only=True)
    updated_at: datetime | None = field(default=None, kw_only=True)
    last_accessed: datetime | None = field(default=None, kw_only=True)
    last_message_at: datetime | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.headers, self.history = self.headers or {}, self.history or []  # they may be given as None

    @property
    def _history(self) -> list[ChatMessage]:
        return self.history

    @_history.setter
    def _history(self, messages: list[ChatMessage]) -> None:
        self.history = messages

    def add_message(self, message: ChatMessage) -> None:
        """Stores a message at the end of the session. If the session was deleted, warns and stores nothing.

        An object that stands for a stored message goes on doing so: what is added is a copy of it.
        """
        try:
            self._add(copy_of(message, id=None, seq=None, timestamp=None) if is_stored(message) else message)
        except SessionNotFound:
            self._was_deleted()

    def _add(self, message: ChatMessage) -> None:
        manager = get_session_manager_instance()
        if manager is not None:
            core = manager.core if self.owner is None else manager.core.for_owner(self.owner)
            message = marked(message, core.add_message(self.id, to_store(message)))
        self.history.append(message)
        self.message_count = len(self.history)

    def _was_deleted(self) -> None:
        _log.warning("session %s was deleted: a message for it was dropped", self.id)

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
        return key in [*self.keys(), *vars(self)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> Iterable[str]:
        """The names of its fields."""
        return [each.name for each in fields(self)]


_instance: "SessionManager | None" = None


def set_session_manager_instance(manager: "SessionManager | None") -> None:
    """Makes this the manager of sessions that were made by hand."""
    global _instance
    _instance = manager


def get_session_manager_instance() -> "SessionManager | None":
    """The manager that was set; None if none was."""
    return _instance
