"""What tests start from: sessions, messages and conversations with as little said as the test needs."""

from collections.abc import Iterable, Sequence
from typing import Any

from ithaca import ChatMessage, Conversation, Session, SessionManager
from ithaca.models import Content


def texts(count: int, start: int = 1) -> list[ChatMessage]:
    """Messages that say their own numbers: "1", "2", "3" …"""
    return [ChatMessage("user" if n % 2 else "assistant", str(n)) for n in range(start, start + count)]


def make_session(
    manager: SessionManager, messages: int | Iterable[ChatMessage] = 0, session_id: str | None = None, **fields: Any
) -> Session:
    """A stored session, read back; with so many messages that say their own numbers, or with these."""
    return manager.get_session(store_session(manager, messages, session_id, **fields))


def store_session(
    manager: SessionManager, messages: int | Iterable[ChatMessage] = 0, session_id: str | None = None, **fields: Any
) -> str:
    """The id of a stored session that nobody has read, for tests that look at when it was."""
    session = manager.create_session(session_id, **fields)
    manager.add_messages(session.id, texts(messages) if isinstance(messages, int) else list(messages))
    return session.id


def make_sessions(manager: SessionManager, conversations: Iterable[Conversation]) -> None:
    """Many sessions in one transaction."""
    manager.import_conversations(conversations)


def said(messages: Sequence[ChatMessage]) -> list[Content]:
    """What each of the messages says."""
    return [message.content for message in messages]


def history(manager: SessionManager, session_id: str) -> list[Content]:
    """What each message of a session says, as it is stored now."""
    return said(manager.get_session(session_id).history)


def numbers(messages: Sequence[ChatMessage]) -> list[int | None]:
    """The messages' numbers in their session."""
    return [message.seq for message in messages]
