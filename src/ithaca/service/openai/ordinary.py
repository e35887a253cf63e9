"""Messages that were not made of items, as items: several, where a message has words and calls.

A message's words keep its id. Its thoughts, its calls and the results in it have an id of the message's and their
own: `MESSAGE~thoughts`, `MESSAGE~CALL`. What goes first: results, thoughts, words, calls.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ithaca import ChatMessage
from ithaca.attached import without_bytes
from ithaca.columns import to_json
from ithaca.context.calls import THOUGHTS, type_of
from ithaca.context.openai import parts
from ithaca.models import Content
from ithaca.service.openai.items import Item, completed, item_of, text_part

_MARK = "~"


def items_of(message: ChatMessage) -> list[Item]:
    """A message's items; at least one."""
    item = item_of(message)
    return list(map(completed, _ordinary(message))) if item is None else [item]


def _ordinary(message: ChatMessage) -> Iterator[Item]:
    if message.role == "tool" and message.tool_call_id:
        yield _output(str(message.id), message.tool_call_id, message.content)
        return
    blocks = _blocks(message.content)
    yield from (_result(message, block) for block in blocks if type_of(block) == "tool_result")
    if thoughts := [block for block in blocks if type_of(block) in THOUGHTS]:
        yield _reasoning(message, thoughts)
    words = [block for block in blocks if _id_of_block(message, block) == message.id]
    calls = [block for block in blocks if type_of(block) == "tool_use"]
    if words or not (len(blocks) or message.tool_calls):
        yield _said(message, words)
    yield from (_use(message, block) for block in calls)
    yield from (_call(message, call) for call in message.tool_calls or ())


def _blocks(content: Content) -> Sequence[Any]:
    return content if isinstance(content, list) else [content] if content else []


# Ids


def holder_of(item_id: str) -> str | None:
    """The id of the message that an item is a part of; None if its id is a message's."""
    holder, mark, _ = item_id.rpartition(_MARK)
    return holder if mark and holder else None


def without(message: ChatMessage, item_id: str) -> dict[str, Any]:
    """What is left of a message without one of its items, as `edit_message` takes it."""
    blocks = [block for block in _blocks(message.content) if _id_of_block(message, block) != item_id]
    calls = [call for call in message.tool_calls or () if _id_of_call(message, call) != item_id]
    content = blocks if isinstance(message.content, list) else message.content if blocks else None
    return {"content": content or None, "tool_calls": calls or None}


def _part_id(message: ChatMessage, part: Any) -> str:
    return f"{message.id}{_MARK}{str(part).replace('%', '%25').replace(_MARK, '%7E')}"


def _id_of_block(message: ChatMessage, block: Any) -> str:
    kind = type_of(block)
    if kind in THOUGHTS:
        return _part_id(message, "thoughts")
    named = {"tool_use": "id", "tool_result": "tool_use_id"}.get(kind)
    return str(message.id) if named is None else _part_id(message, block.get(named))


def _id_of_call(message: ChatMessage, call: Any) -> str:
    return _part_id(message, call.get("id") if isinstance(call, Mapping) else call)


# Calls, results and thoughts


def _result(message: ChatMessage, block: Any) -> Item:
    return _output(_id_of_block(message, block), block.get("tool_use_id"), block.get("content"))


def _output(id: str, call_id: Any, content: Any) -> Item:
    output = parts_of("user", content) if isinstance(content, list) else content or ""
    return {"id": id, "type": "function_call_output", "call_id": call_id, "output": output}


def _use(message: ChatMessage, block: Any) -> Item:
    called = {"name": block.get("name"), "arguments": _written(block.get("input"))}
    return {"id": _id_of_block(message, block), "type": "function_call", "call_id": block.get("id"), **called}


def _call(message: ChatMessage, call: Any) -> Item:
    """An entry of `tool_calls`, in whichever of the known shapes it is."""
    given = call if isinstance(call, Mapping) else {}
    item = {"id": _id_of_call(message, call), "type": "function_call", "call_id": given.get("id")}
    if isinstance(custom := given.get("custom"), Mapping):
        return {**item, "type": "custom_tool_call", "name": custom.get("name"), "input": custom.get("input")}
    called = given.get("function")
    named = called if isinstance(called, Mapping) else given
    return {**item, "name": named.get("name"), "arguments": _written(named.get("arguments"))}


def _written(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else to_json(arguments or {})


def _reasoning(message: ChatMessage, thoughts: Sequence[Any]) -> Item:
    """Thoughts in the way in which the Agents SDK writes those of other providers: signed by `encrypted_content`."""
    texts = [thought["thinking"] for thought in thoughts if isinstance(thought.get("thinking"), str)]
    signed = [text for thought in thoughts if isinstance(text := thought.get("signature") or thought.get("data"), str)]
    item = {
        "id": _part_id(message, "thoughts"),
        "type": "reasoning",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": text} for text in texts],
    }
    return {**item, "encrypted_content": "\n".join(signed)} if signed else item


# Words


def _said(message: ChatMessage, words: Sequence[Any]) -> Item:
    return {"id": message.id, "type": "message", "role": message.role, "content": parts_of(message.role, words)}


def parts_of(role: str, blocks: Sequence[Any]) -> list[Any]:
    """Content blocks of any provider as parts of an item; those of an unknown type as they are."""
    return [part for block in blocks for part in _parts(role, block)]


def _parts(role: str, block: Any) -> list[Any]:
    kind = type_of(block)
    if kind.startswith(("input_", "output_")) or kind == "refusal" or not kind:
        return [without_bytes(block)]  # OpenAI's already, or nobody's
    return [_PARTS.get(part["type"], _as_it_is)(role, part) for part in parts([block])]


def _text(role: str, part: Item) -> Item:
    return text_part(role, part["text"])


def _image(role: str, part: Item) -> Item:
    image = part.get("image_url")
    given = image if isinstance(image, Mapping) else {"url": image}
    return {"type": "input_image", "image_url": given.get("url"), "detail": given.get("detail") or "auto"}


def _file(role: str, part: Item) -> Item:
    file = part.get("file")
    return {"type": "input_file", **(file if isinstance(file, Mapping) else {})}


def _as_it_is(role: str, part: Item) -> Item:
    return part


_PARTS: Mapping[str, Callable[[str, Item], Item]] = {"text": _text, "image_url": _image, "file": _file}
