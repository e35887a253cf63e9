"""Many sessions of many owners: what is stored where lists and clean-up are measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ithaca import ChatMessage, Conversation, SessionManager

#: Sessions of an owner.
EACH = 100


@dataclass(frozen=True, slots=True)
class Owned:
    """A session that was last used at a time, with one message or none."""

    owner: str
    id: str
    name: str
    at: datetime
    messages: int


def owner(number: int) -> str:
    return f"owner-{number:06}"


def sessions(count: int, now: datetime) -> Iterator[Owned]:
    """So many sessions. One of each owner holds nothing, and another was not used for two months."""
    for number in range(count):
        place = number % EACH
        at = now - timedelta(days=60 if place == 1 else 2, seconds=number)
        yield Owned(owner(number // EACH), f"session-{number:08}", f"Chat {number}", at, 0 if place == 0 else 1)


def fill(database: str, many: Iterator[Owned]) -> None:
    """Imports them. They are not made searchable: what is measured among them stores no messages and doesn't search."""
    with SessionManager(database) as manager:
        manager.import_conversations(map(_conversation, many))


def _conversation(one: Owned) -> Conversation:
    said = [ChatMessage("user", "Hello.", created_at=one.at)] * one.messages
    return Conversation(
        one.id,
        one.name,
        said,
        model="qwen3",
        owner=one.owner,
        created_at=one.at,
        updated_at=one.at,
        last_accessed=one.at,
    )
