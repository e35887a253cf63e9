"""A request of OpenAI's Chat Completions, as a client sends it, and what comes back."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ithaca.errors import Described, InvalidArgument
from ithaca.models import ChatMessage
from ithaca.tokens import TOKENS_PER_MESSAGE, count_message, estimate_tokens

#: What a message's own fields hold.
_OWN = ("role", "content", "tool_calls", "tool_call_id", "name")


@dataclass(frozen=True, slots=True)
class Relayed:
    """A response as it came from an endpoint, the body as its bytes come."""

    status: int
    headers: Mapping[str, str]
    #: Asynchronous from an `AsyncSessionManager`. Whoever stops reading hangs up; what came is kept.
    body: Iterator[bytes] | AsyncIterator[bytes]
    #: The reply that is recorded; None if no session was named.
    reply_id: str | None = None


@dataclass(frozen=True, slots=True)
class RelayRequest:
    """A request, looked at as far as passing it on needs."""

    body: bytes = field(repr=False)
    value: dict[str, Any] = field(repr=False)
    model: str
    streams: bool
    #: What `metadata.session_id` says.
    session_id: str | None

    @classmethod
    def of(cls, body: bytes) -> "RelayRequest":
        """Raises `InvalidArgument` for what no endpoint would take."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            raise InvalidArgument("body", Described("no JSON"), "a JSON object") from None
        if not isinstance(value, dict):
            raise InvalidArgument("body", Described(f"a {type(value).__name__}"), "a JSON object")
        model, metadata = value.get("model", ""), value.get("metadata")
        if not isinstance(model, str):
            raise InvalidArgument("model", model, "a text")
        if not isinstance(value.get("messages"), list):
            raise InvalidArgument("messages", Described("something else"), "a list of messages")
        named = metadata.get("session_id") if isinstance(metadata, dict) else None
        return cls(body, value, model, value.get("stream") is True, named if isinstance(named, str) else None)

    def to(self, model: str) -> "RelayRequest":
        """The same request for a model there; its bytes are as they came, unless something in it is ours."""
        if self.session_id is None and self.model == model:
            return self
        value = self.value | {"model": model}
        if self.session_id is not None:
            value["metadata"] = {name: it for name, it in value["metadata"].items() if name != "session_id"}
            value = {name: it for name, it in value.items() if name != "metadata" or it}
        return replace(self, body=json.dumps(value).encode(), value=value, model=model)

    @property
    def messages(self) -> list[ChatMessage]:
        """What is said, as messages; what they say besides is kept in the metadata. Raises `InvalidArgument`."""
        return [_message(number, value) for number, value in enumerate(self.value["messages"])]

    def tokens(self) -> int:
        """About how many tokens the messages are, whatever they say: they needn't be such that can be stored.

        Raises `InvalidArgument` for what is nested too deeply to be looked at.
        """
        try:
            return sum(TOKENS_PER_MESSAGE + _tokens(message.content, message.tool_calls) for message in self.messages)
        except RecursionError:
            raise InvalidArgument("messages", Described("something nested deeply"), "less deeply nested") from None


def _tokens(content: Any, tool_calls: Any) -> int:
    said = content if isinstance(content, (str, list)) else None
    return count_message(said, tool_calls, estimate_tokens)


def _message(number: int, value: Any) -> ChatMessage:
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        raise InvalidArgument(f"messages[{number}]", Described("something else"), "an object with a role")
    more = {name: it for name, it in value.items() if name not in _OWN and it is not None}
    return ChatMessage(
        value["role"], value.get("content"), {"openai": more} if more else None,
        tool_calls=value.get("tool_calls") or None, tool_call_id=value.get("tool_call_id"), name=value.get("name"),
    )  # fmt: skip
