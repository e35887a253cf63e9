"""What the chunks of a stream say, whichever server wrote them: they differ, and none is as its description says."""

from collections.abc import Iterator
from decimal import Decimal
from math import isfinite
from typing import Any

from ithaca.columns import to_json
from ithaca.providers.pieces import Finished, Piece, Reasoning, Text, ToolCallPart, UsagePiece

#: Where servers put what a model thinks: DeepSeek, vLLM and llama.cpp; OpenRouter, Ollama and Groq.
_THOUGHTS = ("reasoning_content", "reasoning")


class Chunks:
    """Reads the chunks of one stream."""

    def __init__(self) -> None:
        #: What the provider counted, as far as it said so: some say it in each chunk, to the last of which it holds.
        self.usage: UsagePiece | None = None
        self._calls: dict[int, str] = {}

    def pieces(self, chunk: Any) -> Iterator[Piece]:
        """What a chunk says of the first choice: the others are other answers."""
        self.usage = _usage(getattr(chunk, "usage", None)) or self.usage
        for choice in _firsts(getattr(chunk, "choices", None)):
            delta = getattr(choice, "delta", None)
            yield from _thoughts(delta)
            yield from _content(getattr(delta, "content", None))
            yield from _content(getattr(delta, "refusal", None))
            yield from map(self._part, filter(_is_call, _list(getattr(delta, "tool_calls", None))))
            if reason := getattr(choice, "finish_reason", None):
                yield Finished(reason)

    def _part(self, call: Any) -> ToolCallPart:
        name, arguments = getattr(call.function, "name", None), getattr(call.function, "arguments", None)
        written = to_json(arguments) if isinstance(arguments, dict) else _text(arguments)
        return ToolCallPart(self._index(call), _text(call.id), _text(name), written)

    def _index(self, call: Any) -> int:
        """The call's number. Google's servers give all calls the same, or none, with ids of their own."""
        index, id = call.index if isinstance(call.index, int) else max(self._calls, default=0), _text(call.id)
        if id and self._calls.setdefault(index, id) != id:
            known = {id: number for number, id in self._calls.items()}
            index = known.get(id, max(self._calls) + 1)
            self._calls[index] = id
        return index


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_call(call: Any) -> bool:
    return hasattr(call, "function")


def _firsts(choices: Any) -> list[Any]:
    """A chunk's first choice, by the number that servers give it, or don't."""
    return [choice for choice in _list(choices) if choice is not None and not getattr(choice, "index", None)][:1]


def _thoughts(delta: Any) -> Iterator[Piece]:
    for name in _THOUGHTS:
        thought = getattr(delta, name, None)
        if isinstance(thought, str) and thought:
            yield Reasoning(thought)
            return


def _content(content: Any) -> Iterator[Piece]:
    """Text; or, from Mistral's reasoning models, a list of texts and thoughts."""
    if isinstance(content, str) and content:
        yield Text(content)
    for part in _objects(content):
        if part.get("type") == "text" and _text(part.get("text")):
            yield Text(part["text"])
        for thought in _objects(part.get("thinking")) if part.get("type") == "thinking" else ():
            if _text(thought.get("text")):
                yield Reasoning(thought["text"])


def _objects(values: Any) -> list[dict[str, Any]]:
    return [value for value in _list(values) if isinstance(value, dict)]


def _usage(usage: Any) -> UsagePiece | None:
    counted = [_number(getattr(usage, name, None)) for name in ("prompt_tokens", "completion_tokens")]
    if counted == [None, None]:
        return None
    cost = _number(getattr(usage, "cost", None))
    return UsagePiece(int(counted[0] or 0), int(counted[1] or 0), None if cost is None else Decimal(str(cost)))


def _number(value: Any) -> int | float | None:
    """A number that is one; true and infinity are none."""
    return value if type(value) is int or (isinstance(value, float) and isfinite(value)) else None
