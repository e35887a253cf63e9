"""Asks an OpenAI-compatible endpoint, and gives what it answers as pieces."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ithaca.errors import ProviderError, ProviderTimeout
from ithaca.providers.pieces import Finished, Piece, Reasoning, Text, ToolCallPart, UsagePiece
from ithaca.providers.target import Limits, Target


async def stream(
    target: Target,
    messages: Sequence[Mapping[str, Any]],
    *,
    options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[Piece]:
    """The pieces of an answer, as they come. Raises `ProviderError`, `ProviderTimeout`."""
    import openai

    limits = limits or Limits()
    request = {**target.options, **(options or {}), "model": target.model, "messages": list(messages)}
    client = openai.AsyncOpenAI(
        base_url=target.base_url, api_key=target.key or "none", default_headers=dict(target.headers), max_retries=0
    )
    async with client:
        try:
            async with asyncio.timeout(limits.first_token):
                answer = await client.chat.completions.create(
                    **request, stream=True, stream_options={"include_usage": True}
                )
            async for chunk in answer:
                for piece in pieces_of(chunk):
                    yield piece
        except TimeoutError:
            raise ProviderTimeout("the first token", limits.first_token) from None
        except openai.APIStatusError as error:
            raise ProviderError(error.status_code, error.message) from error
        except openai.APIError as error:
            raise ProviderError(None, error.message) from error


def pieces_of(chunk: Any) -> Iterator[Piece]:
    """What a chunk says."""
    for choice in chunk.choices[:1]:
        delta = choice.delta
        for name in ("reasoning_content", "reasoning"):
            if isinstance(thought := getattr(delta, name, None), str) and thought:
                yield Reasoning(thought)
                break
        if delta.content:
            yield Text(delta.content)
        for call in delta.tool_calls or ():
            function = call.function
            name = (function.name or "") if function else ""
            yield ToolCallPart(call.index, call.id or "", name, (function.arguments or "") if function else "")
        if choice.finish_reason:
            yield Finished(choice.finish_reason)
    if chunk.usage is not None:
        cost = getattr(chunk.usage, "cost", None)
        yield UsagePiece(
            chunk.usage.prompt_tokens,
            chunk.usage.completion_tokens,
            None if cost is None else Decimal(str(cost)),
        )
