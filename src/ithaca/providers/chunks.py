"""What the chunks of a stream say, whichever server wrote them: they differ, and none is as its description says."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

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
            if choice.delta is not None:
                yield from _thoughts(choice.delta)
                yield from _content(choice.delta.content)
                yield from _content(getattr(choice.delta, "refusal", None))
                yield from map(self._part, choice.delta.tool_calls or ())
            if choice.finish_reason:
                yield Finished(choice.finish_reason)

    def _part(self, call: Any) -> ToolCallPart:
        function = call.function
        name, arguments = (function.name, function.arguments) if function else (None, None)
        return ToolCallPart(self._index(call), call.id or "", name or "", arguments or "")

    def _index(self, call: Any) -> int:
        """The call's number. Google's servers give all calls the same, or none, with ids of their own."""
        index = call.index if isinstance(call.index, int) else max(self._calls, default=0)
        if call.id and self._calls.setdefault(index, call.id) != call.id:
            known = {id: number for number, id in self._calls.items()}
            index = known.get(call.id, max(self._calls) + 1)
            self._calls[index] = call.id
        return index


def _firsts(choices: Any) -> list[Any]:
    """A chunk's first choice, by the number that servers give it, or don't."""
    return [choice for choice in choices or () if not getattr(choice, "index", None)][:1]


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
    for part in content if isinstance(content, list) else ():
        if part.get("type") == "text" and part.get("text"):
            yield Text(part["text"])
        for thought in part.get("thinking") or () if part.get("type") == "thinking" else ():
            if thought.get("text"):
                yield Reasoning(thought["text"])


def _usage(usage: Any) -> UsagePiece | None:
    counted = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    if not any(isinstance(count, int) for count in counted):
        return None
    cost = getattr(usage, "cost", None)
    known = isinstance(cost, (int, float)) and not isinstance(cost, bool)
    return UsagePiece(counted[0] or 0, counted[1] or 0, Decimal(str(cost)) if known else None)
