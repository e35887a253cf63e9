"""Messages as Anthropic's Messages API takes them.

The rules, from https://platform.claude.com/docs/en/api/messages and
https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls: a user's turn comes first, and turns
alternate; system text stands beside them; calls end an assistant's turn, and the user's turn that follows begins with
their results, all of them; texts are not blank; ids are unique, of letters, digits, `_` and `-`; what the assistant
said last does not end in white space. Thoughts stand in the assistant's turn only, and not at its end (the error is
"The final block in an assistant message cannot be `thinking`"); the call of a tool that the provider runs stands there
with its result (https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from ithaca.attached import without_bytes
from ithaca.columns import from_json
from ithaca.context.calls import ALWAYS, THOUGHTS, is_of_server_tool, type_of
from ithaca.context.openai import digested, word
from ithaca.context.window import LEAD
from ithaca.models import ChatMessage

Block: TypeAlias = dict[str, Any]

_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DATA_URL = re.compile(r"data:([^;,]*);base64,(.*)", re.DOTALL)

#: Types that an assistant's turn cannot hold.
_USERS_ONLY = ("image", "document", "search_result", "container_upload")


def to_anthropic(messages: Iterable[ChatMessage]) -> tuple[list[Block], list[dict[str, Any]]]:
    """The `system` and the `messages` of a request."""
    system: list[Block] = []
    turns = _Turns()
    for message in messages:
        if message.role in ALWAYS:
            system += _texts_only(message.content)
        elif message.role == "assistant":
            turns.add("assistant", _answered(message, turns.ids))
        else:
            turns.add("user", _asked(message, turns.ids))
    return system, turns.ended()


class _Turns:
    """Turns that alternate: what the same side says next belongs to its turn."""

    def __init__(self) -> None:
        self._turns: list[dict[str, Any]] = []
        self.ids = _Ids()

    def add(self, role: str, said: list[Block]) -> None:
        if not said:
            return
        if not self._turns and role == "assistant":
            self.add("user", [{"type": "text", "text": LEAD}])
        if self._turns and self._turns[-1]["role"] == role:
            self._turns[-1]["content"] += said
        else:
            self._turns.append({"role": role, "content": said})

    def ended(self) -> list[dict[str, Any]]:
        last = self._turns[-1] if self._turns else None
        if last is not None and last["role"] == "assistant" and type_of(last["content"][-1]) == "text":
            last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()
        return self._turns


class _Ids:
    """The id that each call gets: its own, unless it has characters that are refused or was used before."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._used: set[str] = set()

    def new(self, id: str) -> str:
        """The id of a call; its results ask for it by `of`."""
        given = plain = id if _ID.fullmatch(id) else digested(id)
        number = 1
        while given in self._used:
            number += 1
            given = digested(f"{plain} {number}")
        self._used.add(given)
        self._given[id] = given
        return given

    def of(self, id: Any) -> str:
        return self._given.get(id) or self.new(str(id))


def _asked(message: ChatMessage, ids: _Ids) -> list[Block]:
    """What stands in the user's turn: results first."""
    if message.role == "tool" and message.tool_call_id:
        return [_result({"tool_use_id": message.tool_call_id, "content": message.content}, ids)]
    content = message.content if isinstance(message.content, list) else []
    return [_result(block, ids) for block in content if type_of(block) == "tool_result"] + _users(message.content)


def _answered(message: ChatMessage, ids: _Ids) -> list[Block]:
    """What stands in the assistant's turn: calls last."""
    said = [_noted(block) if block["type"] in _USERS_ONLY else block for block in blocks(message.content)]
    content = message.content if isinstance(message.content, list) else []
    own = [{**block, "id": ids.new(block["id"])} for block in content if type_of(block) == "tool_use"]
    return said + own + [_call(call, ids) for call in message.tool_calls or ()]


def _result(result: Mapping[str, Any], ids: _Ids) -> Block:
    """A result; without `content` where it is blank."""
    content = result.get("content")
    sent = {**result, "type": "tool_result", "tool_use_id": ids.of(result["tool_use_id"])}
    sent["content"] = content if isinstance(content, str) else _users(content)
    if not sent["content"] or (isinstance(content, str) and content.isspace()):
        del sent["content"]
    return sent


def _call(call: Mapping[str, Any], ids: _Ids) -> Block:
    custom = call.get("type") == "custom"
    called = call["custom" if custom else "function"]
    given = called.get("input" if custom else "arguments")
    return {"type": "tool_use", "id": ids.new(call["id"]), "name": word(called["name"]), "input": _object(given)}


def _object(arguments: Any) -> dict[str, Any]:
    """The arguments as an object; what is none, under the name `arguments`."""
    found = arguments
    if isinstance(arguments, str):
        try:
            found = from_json(arguments) if arguments else {}
        except (ValueError, RecursionError):
            found = arguments
    if found is None:
        return {}
    return found if isinstance(found, dict) else {"arguments": found}


# Content


def blocks(content: Any) -> list[Block]:
    """Content as blocks: those of other providers translated, those of an unknown type as they are."""
    listed = [content] if isinstance(content, str) else content or []
    return [block for one in listed if (block := _block(one)) is not None]


def _block(block: Any) -> Block | None:
    if isinstance(block, str):
        return _text({}, block)
    kind = type_of(block)
    if not kind:
        return None
    translate = _TRANSLATED.get(kind)
    translated: Block | None = without_bytes(block) if translate is None else translate(block)
    return translated


def _text(block: Mapping[str, Any], text: Any) -> Block | None:
    """A text block, unless it is blank."""
    if not isinstance(text, str) or not text or text.isspace():
        return None
    return {**block, "type": "text", "text": text}


def _image(block: Block) -> Block:
    url = block.get("image_url")
    return {"type": "image", "source": _source(url.get("url") if isinstance(url, Mapping) else url)}


def _input_image(block: Block) -> Block:
    """An image of the Responses API; the id of a file cannot be sent."""
    url = block.get("image_url")
    return {"type": "image", "source": _source(url)} if isinstance(url, str) and url else _noted(block)


def _input_file(block: Block) -> Block:
    """A file of the Responses API: its bytes as a data URL, or where it lies."""
    data, url = block.get("file_data"), block.get("file_url")
    if isinstance(data, str) and _DATA_URL.fullmatch(data):
        return {"type": "document", "source": _source(data)}
    return {"type": "document", "source": _source(url)} if isinstance(url, str) and url else _noted(block)


def _file(block: Block) -> Block:
    file = block.get("file")
    data = file.get("file_data") if isinstance(file, Mapping) else None
    if not isinstance(data, str):
        return _noted(block)
    return {"type": "document", "source": _source(data)}


def _source(url: Any) -> dict[str, str]:
    if data := _DATA_URL.fullmatch(str(url)):
        return {"type": "base64", "media_type": data[1], "data": data[2]}
    return {"type": "url", "url": str(url)}


def _noted(block: Mapping[str, Any]) -> Block:
    """In place of what cannot be sent, that it was there."""
    return {"type": "text", "text": f"[{block['type']}]"}


def _users(content: Any) -> list[Block]:
    """Content for the user's turn, where nothing may stand that only the assistant has."""
    return [block for block in blocks(content) if not (block["type"] in THOUGHTS or is_of_server_tool(block["type"]))]


def _texts_only(content: Any) -> list[Block]:
    return [block if block["type"] == "text" else _noted(block) for block in _users(content)]


_TRANSLATED: dict[str, Callable[[Block], Block | None]] = {
    "text": lambda block: _text(block, block.get("text")),
    "input_text": lambda block: _text({}, block.get("text")),
    "output_text": lambda block: _text({}, block.get("text")),
    "summary_text": lambda block: _text({}, block.get("text")),
    "reasoning_text": lambda block: _text({}, block.get("text")),
    "refusal": lambda block: _text({}, block.get("refusal")),
    "image_url": _image,
    "input_image": _input_image,
    "computer_screenshot": _input_image,
    "file": _file,
    "input_file": _input_file,
    "input_audio": _noted,
    # They have a place of their own in a turn.
    "tool_use": lambda _: None,
    "tool_result": lambda _: None,
}
