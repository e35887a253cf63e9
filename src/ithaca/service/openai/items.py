"""Items as messages, and back: exactly as they were given.

What an item says stands in the columns where everybody else looks for it, what is left of it in the metadata under
`openai_item`. Nothing stands in two places, so what is edited elsewhere is edited here.

| item | message |
| --- | --- |
| `message` | its `role` and `content`; a single plain part of text is a text |
| `function_call`, `custom_tool_call` | an assistant's, with one entry of `tool_calls` |
| `function_call_output`, `custom_tool_call_output` | a tool's, with `tool_call_id`; the output is the content |
| any other, known or not | `content` is a list of the item alone; `hidden`, as it is for one model only |
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from uuid_utils import uuid7

from ithaca import ChatMessage
from ithaca.attached import without_bytes

Item: TypeAlias = dict[str, Any]

#: Where in a message's metadata stands what no column holds.
KEY = "openai_item"

#: Calls: where Chat Completions has them, and what is given to them.
CALLS = {"function_call": ("function", "arguments"), "custom_tool_call": ("custom", "input")}

OUTPUTS = ("function_call_output", "custom_tool_call_output")

#: Types that OpenAI's schema gives a status; what came without one is completed.
WITH_STATUS = frozenset(
    (
        "apply_patch_call", "apply_patch_call_output", "code_interpreter_call", "computer_call",
        "computer_call_output", "file_search_call", "function_call", "function_call_output", "image_generation_call",
        "local_shell_call", "message", "program_output", "shell_call", "shell_call_output", "tool_search_call",
        "tool_search_output", "web_search_call",
    )
)  # fmt: skip

_LONGEST_ID = 200

#: What ids begin with. Other types get `item`.
_PREFIXES = {
    "code_interpreter_call": "ci",
    "compaction": "cmp",
    "computer_call": "cu",
    "computer_call_output": "cuo",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "file_search_call": "fs",
    "function_call": "fc",
    "function_call_output": "fco",
    "image_generation_call": "ig",
    "mcp_approval_request": "mcpr",
    "mcp_approval_response": "mcpa",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
    "message": "msg",
    "reasoning": "rs",
    "web_search_call": "ws",
}


def new_id(prefix: str) -> str:
    """An id as OpenAI's look, in the order of creation."""
    return f"{prefix}_{uuid7().hex}"


def text_part(role: str, text: str) -> Item:
    """A text as a part of an item's content."""
    if role == "assistant":
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "input_text", "text": text}


# Items → messages


def message_of(item: Mapping[str, Any]) -> ChatMessage:
    """The message that a checked item is stored as; an item without an id gets one."""
    kind = item.get("type") or "message"
    said = {**_without(item, "id"), "type": kind}
    if "status" in said and (said["status"] is None or said == completed(_without(said, "status"))):
        del said["status"]
    message = _STORED.get(kind, _whole)(said)
    return message.replace(id=item.get("id") or new_id(_PREFIXES.get(kind, "item")))


def _said(item: Item) -> ChatMessage:
    role, content, rest = item["role"], item["content"], _without(item, "role", "content")
    text = _plain_text(role, content)
    if text is None:
        return ChatMessage(role, content, {KEY: rest})
    # An empty text says nothing about how it was given: its item is remembered, as without one it would have no parts.
    return ChatMessage(role, text, None if text and rest == {"type": "message"} else {KEY: rest})


def _plain_text(role: str, content: Any) -> str | None:
    """The text of a content that is nothing else: given as one, or as the part that it is shown as."""
    if isinstance(content, str):
        return content
    part = content[0] if len(content) == 1 and isinstance(content[0], dict) else {}
    text = part.get("text")
    return text if isinstance(text, str) and part == text_part(role, text) else None


def _called(item: Item) -> ChatMessage:
    place, given = CALLS[item["type"]]
    if not (_is_id(item.get("call_id")) and item.get("name") and _are_texts(item["name"], item.get(given))):
        return _whole(item)
    call = {"id": item["call_id"], "type": place, place: {"name": item["name"], given: item[given]}}
    return ChatMessage("assistant", None, {KEY: _without(item, "call_id", "name", given)}, tool_calls=[call])


def _returned(item: Item) -> ChatMessage:
    id, output = item.get("call_id"), item.get("output")
    if not _is_id(id) or not isinstance(output, (str, list)):
        return _whole(item)
    return ChatMessage("tool", output, {KEY: _without(item, "call_id", "output")}, tool_call_id=id)


def _whole(item: Item) -> ChatMessage:
    role = "tool" if item["type"].endswith("_output") else "assistant"
    return ChatMessage(role, [item], {"hidden": True, KEY: {"type": item["type"]}})


_STORED: Mapping[str, Callable[[Item], ChatMessage]] = {
    "message": _said,
    **dict.fromkeys(CALLS, _called),
    **dict.fromkeys(OUTPUTS, _returned),
}


def _without(item: Mapping[str, Any], *names: str) -> Item:
    return {name: value for name, value in item.items() if name not in names}


def _is_id(value: Any) -> bool:
    """Whether a call's id fits its column; OpenAI's have up to 64 characters."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and "\0" not in value


def _are_texts(*values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


# Messages → items


def item_of(message: ChatMessage) -> Item | None:
    """The item that a message is; None where it was not made of one, or was changed into something else since."""
    rest = message.metadata.get(KEY)
    kind = rest.get("type") if isinstance(rest, dict) else None
    if not isinstance(rest, dict) or not isinstance(kind, str):
        return None
    fields = _READ.get(kind, _nothing)(message, kind)
    if fields is None:
        fields = _read_whole(message, kind)
    return None if fields is None else completed({"id": message.id, **rest, **fields})


def completed(item: Item) -> Item:
    """The item with the status that OpenAI gives to those of its type."""
    has = item["type"] not in WITH_STATUS or "status" in item
    return item if has else {**item, "status": "completed"}


def _read_said(message: ChatMessage, _: str) -> Item | None:
    content = message.content
    if content is None or message.tool_calls:
        return None
    parts = [text_part(message.role, content)] if isinstance(content, str) else without_bytes(content)
    return {"role": message.role, "content": parts}


def _read_call(message: ChatMessage, kind: str) -> Item | None:
    place, given = CALLS[kind]
    calls = message.tool_calls or []
    call = calls[0] if len(calls) == 1 and not message.content else None
    called = call.get(place) if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(called, dict) or not {"name", given} <= called.keys():
        return None
    return {"call_id": call.get("id"), "name": called["name"], given: called[given]}


def _read_output(message: ChatMessage, _: str) -> Item | None:
    if message.tool_call_id is None:
        return None
    output = "" if message.content is None else without_bytes(message.content)
    return {"call_id": message.tool_call_id, "output": output}


def _read_whole(message: ChatMessage, kind: str) -> Item | None:
    content = message.content
    item = content[0] if isinstance(content, list) and len(content) == 1 else None
    return without_bytes(item) if isinstance(item, dict) and item.get("type") == kind else None


def _nothing(message: ChatMessage, kind: str) -> Item | None:
    return None


_READ: Mapping[str, Callable[[ChatMessage, str], Item | None]] = {
    "message": _read_said,
    **dict.fromkeys(CALLS, _read_call),
    **dict.fromkeys(OUTPUTS, _read_output),
}
