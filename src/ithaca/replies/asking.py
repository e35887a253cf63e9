"""What is sent to a model, and where to."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from importlib import import_module
from typing import Any

from ithaca.context.calls import parts_of
from ithaca.errors import MessageNotFound, ProviderError
from ithaca.operations import context, messages
from ithaca.operations.replies import Begun
from ithaca.operations.scope import Scope
from ithaca.providers import Finished, Piece, Target, Text, ToolCallPart, stream
from ithaca.replies.store import Store
from ithaca.reply import Reply


async def prepare() -> None:
    """Imports the client of the providers, which takes a second, where it makes no event loop wait."""
    with suppress(ModuleNotFoundError):  # `stream` says what is missing
        await asyncio.to_thread(import_module, "openai")


async def generate(
    store: Store, scope: Scope, begun: Begun, target: Target, options: Mapping[str, Any]
) -> AsyncGenerator[Piece, None]:
    """What a model says to a session."""
    await prepare()
    found = await store.read(context.context, scope, begun.reply.session_id, begun.ask)
    indexes: dict[str, int | None] = dict.fromkeys(await _calls_before(store, scope, begun.reply))
    async with aclosing(stream(target, found.to_openai(), options=options)) as pieces:
        async for piece in pieces:
            yield _with_own_id(piece, indexes) if isinstance(piece, ToolCallPart) else piece


async def _calls_before(store: Store, scope: Scope, reply: Reply) -> list[str]:
    """The ids of the calls that stand already in the message which a reply goes on with."""
    if reply.kind != "continue":
        return []
    try:
        message = await store.read(messages.get_one, scope, reply.session_id, reply.target_id, False)
    except MessageNotFound:  # deleted meanwhile
        return []
    return parts_of(message).calls


def _with_own_id(part: ToolCallPart, indexes: dict[str, int | None]) -> ToolCallPart:
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
