"""A message under its old name: an object to change at will, and how it becomes a stored one."""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import ithaca
from ithaca.columns import iso
from ithaca.models import Content

_SAID = ("role", "content", "tool_calls", "tool_call_id", "name")


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
    #: What is stored of it, and what its metadata says beside that.
    _stored: ithaca.ChatMessage | None = field(default=None, init=False, repr=False, compare=False)
    _told: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def get(self, key: str, default: Any = None) -> Any:
        """A field by name."""
        return getattr(self, key, default)

    def to_dict(self) -> dict[str, Any]:
        """What a model or a browser is sent; fields that say nothing are left out."""
        more = {name: getattr(self, name) for name in ("metadata", "tool_calls", "tool_call_id", "name")}
        return {"role": self.role, "content": self.content} | {name: value for name, value in more.items() if value}


def is_stored(message: Any) -> bool:
    """Whether it stands for a stored message."""
    return isinstance(message, ChatMessage) and message._stored is not None


def is_changed(message: Any) -> bool:
    """Whether it says something else than is stored of it; what is not stored is changed."""
    if not is_stored(message):
        return True
    same = all(getattr(message, name) == getattr(message._stored, name) for name in _SAID)
    return not same or (_own_metadata(message) or {}) != message._stored.metadata


def to_store(message: Any, id: str | None = None) -> Any:
    """The message as the store takes it; what is no message, for the store to refuse."""
    if not isinstance(message, ChatMessage):
        return message
    said = {name: getattr(message, name) for name in _SAID}
    at = message.timestamp
    return ithaca.ChatMessage(**said, metadata=_own_metadata(message), id=id or message.id, created_at=at)


def known_id(message: Any) -> str | None:
    """The id that it was stored under, also of a message that was made anew from another's metadata."""
    if not isinstance(message, ChatMessage) or not isinstance(message.metadata, dict):
        return None
    return message.id or message.metadata.get("_db_id")


def _own_metadata(message: ChatMessage) -> Any:
    """Its metadata without what was put there when it was stored."""
    if not isinstance(message.metadata, dict):
        return message.metadata
    told = message._told.items()
    return {key: value for key, value in message.metadata.items() if key != "_db_id" and (key, value) not in told}


def copy_of(message: ChatMessage, **changes: Any) -> ChatMessage:
    """A message that says the same and stands for none that is stored."""
    own = {name: deepcopy(getattr(message, name)) for name in _SAID}
    return replace(message, **own, metadata=_own_metadata(message), **changes)


def marked(message: Any, stored: ithaca.ChatMessage) -> ChatMessage:
    """The message, which stands for the stored one from now on."""
    if not isinstance(message, ChatMessage):
        return shown(None, stored)
    message.id, message.seq, message.timestamp = stored.id, stored.seq, stored.created_at
    own, time = deepcopy(stored.metadata), stored.created_at
    message._told = {} if time is None or "timestamp" in own else {"timestamp": iso(time)}
    message.metadata = message._told | own | {"_db_id": stored.id}
    message._stored = stored
    return message


def shown(message: ChatMessage | None, stored: ithaca.ChatMessage) -> ChatMessage:
    """The message, saying what is stored; what was changed by hand stays unless it was changed in the store, too."""
    message = message or ChatMessage(stored.role)
    if message._stored is not stored and message._stored != stored:
        for name in _SAID:
            setattr(message, name, deepcopy(getattr(stored, name)))
        return marked(message, stored)
    message._stored = stored
    return message
