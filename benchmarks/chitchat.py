"""Real conversations: 258,145 messages in 7,168 chats (https://github.com/BYU-PCCL/chitchat-dataset)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from benchmarks.floor_sqlite import kept
from ithaca import ChatMessage, Conversation

#: A chat as the data set has it: its id and its messages.
Chat: TypeAlias = tuple[str, Sequence[Mapping[str, Any]]]


@cache
def chats(every: int = 1) -> list[Chat]:
    """All of them, or every so-manieth."""
    read = json.loads((files("chitchat_dataset") / "dataset.json").read_text(encoding="utf-8"))
    found: list[Chat] = [
        (id, [said for turn in chat["messages"] for said in turn]) for id, chat in sorted(read.items())
    ]
    return found[::every]


def count(chats: Sequence[Chat]) -> int:
    return sum(len(said) for _, said in chats)


def conversations(chats: Sequence[Chat]) -> Iterator[Conversation]:
    """As Ithaca takes them."""
    for number, (id, said) in enumerate(chats):
        yield Conversation(id, f"Chat {number}", [_message(one, said[0]["sender"]) for one in said])


def _message(said: Mapping[str, Any], first: str) -> ChatMessage:
    at = datetime.fromisoformat(said["timestamp"])
    return ChatMessage(_role(said, first), said["text"], {"sender": said["sender"]}, created_at=at)


def rows(chats: Sequence[Chat]) -> Iterator[tuple[Any, ...]]:
    """As the floor takes them: session, number, and what is kept of a message."""
    for id, said in chats:
        for seq, one in enumerate(said, 1):
            id_, *rest, _ = kept(_role(one, said[0]["sender"]), one["text"], {"sender": one["sender"]})
            at = datetime.fromisoformat(one["timestamp"]).replace(tzinfo=UTC)
            yield id, seq, id_, *rest, int(at.timestamp() * 1e6)


def _role(said: Mapping[str, Any], first: str) -> str:
    return "user" if said["sender"] == first else "assistant"
