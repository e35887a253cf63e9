"""The tool calls that a message makes and the results that it brings, in either shape that they are stored in.

OpenAI's shape: an assistant's `tool_calls`, and messages of the role "tool" with a `tool_call_id`. Anthropic's:
blocks `tool_use` in an assistant's content, and blocks `tool_result` in a user's. A conversation may mix them. Tools
that the provider runs itself leave both in the assistant's content: `server_tool_use`, and a result such as
`web_search_tool_result`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ithaca.models import ChatMessage, Content
from ithaca.tokens import TokenCounter, count_message

#: Where the words of a part stand, by its type. Parts of any other type are taken to say something.
_WORDS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "summary_text": "text",
    "reasoning_text": "text",
    "refusal": "refusal",
}

#: The roles whose messages are in every context, wherever they stand.
ALWAYS = ("system", "developer")

#: What the model thought, which only it may see, before what it said or did.
THOUGHTS = ("thinking", "redacted_thinking")

#: Parts that say nothing: calls and results are sent as such, and thoughts are for the model that had them.
_SILENT = ("tool_use", "tool_result", *THOUGHTS)

#: Calls of tools that the provider runs. Their results, of many types, end in the same word.
_SERVER_CALLS = ("server_tool_use", "mcp_tool_use")
_SERVER_RESULT = "_tool_result"


@dataclass(slots=True)
class Parts:
    """What a message consists of. Blocks and calls are named by their index in `content` and in `tool_calls`."""

    #: The blocks that are neither calls nor results; None where the content is not blocks.
    words: list[int] | None = None
    #: Whether any of its words says something.
    says: bool = False
    #: Call id → the index of its `tool_use` block, or of its entry in `tool_calls`.
    called_in_content: dict[str, int] = field(default_factory=dict)
    called_in_calls: dict[str, int] = field(default_factory=dict)
    #: Call id → the index of its `tool_result` block; None where the whole message is the result.
    results: dict[str, int | None] = field(default_factory=dict)
    #: Calls that no result can answer, and results that can answer no call: without an id, or in the wrong place.
    lost_calls: int = 0
    lost_results: int = 0
    #: Thoughts that stand in somebody else's words.
    lost_thoughts: int = 0

    @property
    def calls(self) -> list[str]:
        """The ids of its calls."""
        return [*self.called_in_content, *self.called_in_calls]


def parts_of(message: ChatMessage) -> Parts:
    """What the message consists of."""
    parts = Parts()
    if message.role == "tool" and message.tool_call_id:
        parts.results[message.tool_call_id] = None
        return parts
    content = message.content
    if isinstance(content, list):
        parts.words = []
        for index, block in enumerate(content):
            _sort(parts, message.role, index, block)
        _sort_server_tools(parts, message.role, content)
    else:
        parts.says = says(content)
    for index, call in enumerate(message.tool_calls or ()):
        _note_call(parts, parts.called_in_calls, message.role, index, id_of_call(call))
    if message.role == "tool":  # of a tool without an id, nobody knows what it answers
        parts.lost_results += not parts.results
        parts.says = False
    return parts


def _sort(parts: Parts, role: str, index: int, block: Any) -> None:
    kind = type_of(block)
    if kind == "tool_use":
        named = _text(block.get("name")) and isinstance(block.get("input"), dict)
        _note_call(parts, parts.called_in_content, role, index, _text(block.get("id")) if named else "")
    elif kind == "tool_result":
        id = _text(block.get("tool_use_id"))
        if id and role in ("user", "tool") and id not in parts.results:
            parts.results[id] = index
        else:
            parts.lost_results += 1
    elif kind in THOUGHTS and role != "assistant":
        parts.lost_thoughts += 1
    elif parts.words is not None and not is_of_server_tool(kind):
        parts.words.append(index)
        parts.says = parts.says or says([block])


def is_of_server_tool(kind: str) -> bool:
    """Whether it is the type of a call, or of a result, of a tool that the provider runs."""
    if kind == "tool_result":
        return False
    return kind in _SERVER_CALLS or kind.endswith(_SERVER_RESULT)


def _sort_server_tools(parts: Parts, role: str, content: Sequence[Any]) -> None:
    """Calls with the results that stand behind them in the same message are words of it; others are lost."""
    asked: dict[str, int] = {}
    for index, block in enumerate(content):
        kind = type_of(block)
        if kind in _SERVER_CALLS:
            parts.lost_calls += 1
            asked[_text(block.get("id"))] = index
        elif is_of_server_tool(kind):
            call = asked.pop(_text(block.get("tool_use_id")), None)
            if call is None or role != "assistant" or parts.words is None:
                parts.lost_results += 1
            else:
                parts.words += [call, index]
                parts.lost_calls, parts.says = parts.lost_calls - 1, True
    if parts.words is not None:
        parts.words.sort()


def _note_call(parts: Parts, where: dict[str, int], role: str, index: int, id: str) -> None:
    if id and role == "assistant" and id not in parts.called_in_content and id not in parts.called_in_calls:
        where[id] = index
    else:
        parts.lost_calls += 1


def id_of_call(call: Any) -> str:
    """The id of an entry of `tool_calls`; "" for one that no provider would take."""
    if not isinstance(call, Mapping):
        return ""
    called = call.get("custom") if call.get("type") == "custom" else call.get("function")
    return _text(call.get("id")) if isinstance(called, Mapping) and _text(called.get("name")) else ""


def type_of(block: Any) -> str:
    """A block's type; "text" for a plain string, "" for what is no block."""
    if isinstance(block, str):
        return "text"
    return _text(block.get("type")) if isinstance(block, Mapping) else ""


def says(content: Content) -> bool:
    """Whether there is anything to send in it: blank text is nothing, and so are thoughts alone."""
    if not isinstance(content, list):
        return bool(content and not content.isspace())
    return any(_block_says(block) for block in content)


def _block_says(block: Any) -> bool:
    kind = type_of(block)
    if not kind or kind in _SILENT:
        return False
    if isinstance(block, str):
        return says(block)
    return kind not in _WORDS or says(_text(block.get(_WORDS[kind])))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


class Piece(NamedTuple):
    """A stored message, or what of it is sent in one place."""

    seq: int
    message: ChatMessage
    #: The indexes of the blocks and of the entries of `tool_calls` that are sent; None for all.
    blocks: Sequence[int] | None = None
    calls: Sequence[int] | None = None

    def of(self, message: ChatMessage, count_tokens: TokenCounter) -> ChatMessage:
        """The same piece of the same message, which may have been read anew; a part is counted anew."""
        if self.blocks is None and self.calls is None:
            return message
        content, calls = message.content, message.tool_calls
        if self.blocks is not None and isinstance(content, list):
            content = [content[index] for index in self.blocks]
        if self.calls is not None and calls is not None:
            calls = [calls[index] for index in self.calls] or None
        return message.altered(content=content, tool_calls=calls, tokens=count_message(content, calls, count_tokens))
