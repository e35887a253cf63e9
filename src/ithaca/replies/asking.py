"""What is sent to a model, and where to."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from importlib import import_module
from typing import Any

from ithaca.errors import ProviderError
from ithaca.operations import context
from ithaca.operations.context import Ask
from ithaca.operations.scope import Scope
from ithaca.providers import Finished, Piece, Target, Text, ToolCallPart, stream
from ithaca.replies.store import Store


async def prepare() -> None:
    """Imports the client of the providers, which takes a second, where it makes no event loop wait."""
    with suppress(ModuleNotFoundError):  # `stream` says what is missing
        await asyncio.to_thread(import_module, "openai")


async def generate(
    store: Store, scope: Scope, session_id: str, ask: Ask, target: Target, options: Mapping[str, Any]
) -> AsyncGenerator[Piece, None]:
    """What a model says to a session."""
    await prepare()
    found = await store.read(context.context, scope, session_id, ask)
    indexes: dict[str, int] = {}
    async with aclosing(stream(target, found.to_openai(), options=options)) as pieces:
        async for piece in pieces:
            yield _with_own_id(piece, indexes) if isinstance(piece, ToolCallPart) else piece


def _with_own_id(part: ToolCallPart, indexes: dict[str, int]) -> ToolCallPart:
    """Without an id that another call has: then it is given one, so that each can be answered."""
    return replace(part, id="") if part.id and indexes.setdefault(part.id, part.index) != part.index else part


async def ask_aside(target: Target, messages: Sequence[Mapping[str, Any]], *, most: int | None = None) -> str:
    """What a model says to something that is no part of a conversation, or so many characters of it.

    Raises `ProviderError`, also where it ends before it has finished.
    """
    await prepare()
    said, size, finished = list[str](), 0, False
    async with aclosing(stream(target, messages)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Text):
                said.append(piece.text)
                size += len(piece.text)
            finished = finished or isinstance(piece, Finished) or (most is not None and size > most)
            if most is not None and size > most:
                break
    if not finished:
        raise ProviderError(None, "the stream ended before the model had finished")
    return "".join(said)
