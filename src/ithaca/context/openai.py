"""Messages as OpenAI's Chat Completions takes them.

The rules, from https://platform.openai.com/docs/api-reference/chat/create and the errors that it answers with: an
assistant message with `tool_calls` is followed at once by a "tool" message for each of them; a "tool" message
follows the calls that it answers; an assistant message without calls has content; only a user's content may have
parts other than text; a name has letters, digits, `_` and `-`; an id has at most 40 characters.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from ithaca.attached import without_bytes
from ithaca.columns import to_json
from ithaca.context.calls import says, type_of
from ithaca.digests import sha256
from ithaca.models import ChatMessage

Part: TypeAlias = dict[str, Any]

#: Longer ids are refused.
_LONGEST_ID = 40


def to_openai(messages: Iterable[ChatMessage]) -> list[dict[str, Any]]:
    """The list `messages` of a request."""
    return [sent for message in messages for sent in _SENT.get(message.role, _said)(message)]


def _said(message: ChatMessage) -> Iterator[dict[str, Any]]:
    if content := text_only(message.content):
        yield {"role": message.role, "content": content, **_name(message)}


def _asked(message: ChatMessage) -> Iterator[dict[str, Any]]:
    """A user's message: first the results in it, each as a message of its own, then the rest."""
    content = message.content
    if isinstance(content, list):
        for block in content:
            if type_of(block) == "tool_result":
                yield _result(block.get("tool_use_id"), block.get("content"))
        content = parts(content)
    if says(content):
        yield {"role": "user", "content": content, **_name(message)}


def _answered(message: ChatMessage) -> Iterator[dict[str, Any]]:
    calls = [_call(call) for call in message.tool_calls or ()]
    if isinstance(message.content, list):
        calls = [_call_of(block) for block in message.content if type_of(block) == "tool_use"] + calls
    content = text_only(message.content) if says(message.content) else None
    sent = {"role": "assistant", "content": content or None, **_name(message)}
    if calls or content:
        yield {**sent, "tool_calls": calls} if calls else sent


def _returned(message: ChatMessage) -> Iterator[dict[str, Any]]:
    if message.tool_call_id:
        yield _result(message.tool_call_id, message.content)
    else:
        yield from _asked(message)


_SENT: dict[str, Callable[[ChatMessage], Iterator[dict[str, Any]]]] = {
    "user": _asked,
    "assistant": _answered,
    "tool": _returned,
}


def _result(id: Any, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": _short_id(id), "content": text_only(content) or ""}


def _call(call: Any) -> dict[str, Any]:
    """An entry of `tool_calls`, complete: what else is in it goes back to the provider that put it there."""
    kind = call.get("type") or "function"
    called = dict(call[kind]) if kind == "custom" else _function(call["function"])
    return {**call, "id": _short_id(call["id"]), "type": kind, kind: {**called, "name": word(called["name"])}}


def _function(function: Mapping[str, Any]) -> dict[str, Any]:
    arguments = function.get("arguments")
    return {**function, "arguments": arguments if isinstance(arguments, str) else to_json(arguments or {})}


def _call_of(block: Part) -> dict[str, Any]:
    function = {"name": word(block["name"]), "arguments": to_json(block["input"])}
    return {"id": _short_id(block["id"]), "type": "function", "function": function}


def _short_id(id: Any) -> str:
    return id if len(id) <= _LONGEST_ID else digested(id)


def digested(id: str) -> str:
    """An id that every provider takes, the same for the same id."""
    return f"call_{sha256(id.encode(errors='surrogatepass')).hexdigest()[:24]}"


def word(name: str) -> str:
    """The name in the letters that every provider takes; "_" where there are none."""
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", name)[:64] or "_"


def _name(message: ChatMessage) -> dict[str, str]:
    name = word(message.name or "").strip("_")
    return {"name": name} if name else {}


# Content


def text_only(content: Any) -> Any:
    """Content where only text may stand: of other parts it is said that they were there."""
    if not isinstance(content, list):
        return content
    return [part if part["type"] == "text" else _note(part) for part in parts(content)]


def _note(part: Part) -> Part:
    return {"type": "text", "text": f"[{part['type']}]"}


def parts(content: Iterable[Any]) -> list[Part]:
    """Blocks as parts: those of other providers translated, those of an unknown type as they are."""
    return [part for block in content if (part := _part(block)) is not None]


def _part(block: Any) -> Part | None:
    if isinstance(block, str):
        return _text(block)
    kind = type_of(block)
    if not kind:
        return None
    translate = _TRANSLATED.get(kind)
    translated: Part | None = without_bytes(block) if translate is None else translate(block)
    return translated


def _text(text: Any) -> Part | None:
    return {"type": "text", "text": text} if isinstance(text, str) and text else None


def _image(block: Part) -> Part:
    return {"type": "image_url", "image_url": {"url": _url(block.get("source"))}}


def _input_image(block: Part) -> Part:
    """An image of the Responses API; only its URL can be sent, not the id of a file."""
    url = block.get("image_url")
    return {"type": "image_url", "image_url": {"url": url}} if isinstance(url, str) and url else _note(block)


def _input_file(block: Part) -> Part:
    """A file of the Responses API; its URL cannot be sent."""
    file = {name: block[name] for name in ("filename", "file_data", "file_id") if isinstance(block.get(name), str)}
    return {"type": "file", "file": file} if file.keys() - {"filename"} else _note(block)


def _document(block: Part) -> Part | None:
    source = block.get("source")
    if isinstance(source, Mapping) and source.get("type") == "text":
        return _text(source.get("data"))
    name = block.get("title") or "document.pdf"
    return {"type": "file", "file": {"filename": name, "file_data": _url(source)}}


def _url(source: Any) -> str:
    """Where Anthropic's `source` lies: its URL, or its bytes as one."""
    if not isinstance(source, Mapping):
        return ""
    if source.get("type") == "url":
        return str(source.get("url") or "")
    data = source.get("data")
    text = b64encode(data).decode("ascii") if isinstance(data, bytes) else data or ""
    return f"data:{source.get('media_type') or 'application/octet-stream'};base64,{text}"


_TRANSLATED: dict[str, Callable[[Part], Part | None]] = {
    "text": lambda block: _text(block.get("text")),
    "input_text": lambda block: _text(block.get("text")),
    "output_text": lambda block: _text(block.get("text")),
    "summary_text": lambda block: _text(block.get("text")),
    "reasoning_text": lambda block: _text(block.get("text")),
    "refusal": lambda block: _text(block.get("refusal")),
    "image": _image,
    "input_image": _input_image,
    "computer_screenshot": _input_image,
    "input_file": _input_file,
    "document": _document,
    # They have a place of their own in a message, or are for the model alone that had them.
    "tool_use": lambda _: None,
    "tool_result": lambda _: None,
    "thinking": lambda _: None,
    "redacted_thinking": lambda _: None,
}
