"""What a chunk, or an answer that came whole, says as JSON: read as pieces, whatever shape it has."""

import json
from collections.abc import Iterator
from typing import Any

from openai.types.chat import ChatCompletionChunk

from ithaca.errors import ProviderError
from ithaca.providers.chunks import Chunks
from ithaca.providers.failures import scrubbed, words_of
from ithaca.providers.pieces import Piece
from ithaca.providers.target import Target


def said(chunks: Chunks, value: Any, target: Target) -> Iterator[Piece]:
    """The pieces of a chunk; none of what is no chunk. Raises `ProviderError` where it tells of an error."""
    if not isinstance(value, dict):
        return
    if value.get("error"):
        raise ProviderError(None, scrubbed(words_of(value["error"]) or "an error in the midst of the answer", target))
    choices = [choice | {"delta": _object(choice.get("delta"))} for choice in _objects(value.get("choices"))]
    yield from chunks.pieces(ChatCompletionChunk.construct(choices=choices, usage=value.get("usage")))


def all_said(chunks: Chunks, body: bytes, target: Target) -> Iterator[Piece]:
    """The pieces of a response that came whole: a completion, or events that are called JSON by mistake."""
    value = parsed(body)
    values = [_as_chunk(value)] if isinstance(value, dict) else map(data, body.splitlines())
    for each in values:
        yield from said(chunks, each, target)


def data(line: bytes) -> Any:
    """What a line of an event says; None for all but JSON."""
    return parsed(line[5:]) if line.startswith(b"data:") else None


def _as_chunk(value: dict[str, Any]) -> dict[str, Any]:
    choices = [choice | {"delta": _numbered(choice.get("message"))} for choice in _objects(value.get("choices"))]
    return value | {"choices": choices}


def parsed(text: bytes) -> Any:
    """The JSON; None for all else."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _numbered(message: Any) -> Any:
    """A message whose calls have numbers, as those of chunks do: without one, they would be taken for parts of one."""
    calls = _objects(message.get("tool_calls")) if isinstance(message, dict) else []
    return message | {"tool_calls": [{"index": at, **call} for at, call in enumerate(calls)]} if calls else message


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None
