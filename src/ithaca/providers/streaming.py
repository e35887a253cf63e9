"""Asks an OpenAI-compatible endpoint, and gives what it answers as pieces.

Until the first piece came, what passes by itself is tried again; after it, nothing is. A connection that breaks in the
midst ends the stream without `Finished`, which is the sign of every stream that was cut.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ithaca.errors import ConfigurationError, IthacaError, ProviderError, ProviderTimeout
from ithaca.providers.chunks import Chunks
from ithaca.providers.pieces import Finished, Piece
from ithaca.providers.target import Limits, Target

if TYPE_CHECKING:
    import openai

T = TypeVar("T")


async def stream(
    target: Target,
    messages: Sequence[Mapping[str, Any]],
    *,
    options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
) -> AsyncGenerator[Piece, None]:
    """The pieces of an answer, as they come; what the provider counted comes last.

    Raises `ProviderError`, `ProviderTimeout`, `EndpointRefused`; `ConfigurationError` without `ithaca[replies]`.
    """
    client = client_for(target, limits := limits or target.limits)
    async with client:
        answer = Answer(client, target, limits, list(messages), {**target.options, **(options or {})})
        try:
            piece = await answer.first()
            while piece is not None:
                yield piece
                piece = await answer.next()
            if answer.chunks.usage is not None:
                yield answer.chunks.usage
        finally:
            await answer.close()


def client_for(target: Target, limits: Limits) -> "openai.AsyncOpenAI":
    try:
        from ithaca.providers.client import Client
        from ithaca.providers.network import client_of
    except ModuleNotFoundError as error:
        raise ConfigurationError("replies", f"they need {error.name}: pip install 'ithaca[replies]'") from error
    # What opens the door is put in by the transport: here it would be in the client's log.
    return Client(base_url=target.base_url, api_key="none", http_client=client_of(target, limits), max_retries=0)


def client_errors() -> tuple[type[Exception], ...]:
    """What the client raises: `ValueError` is for what is no JSON, or no text, the last for JSON nested too deeply."""
    import httpx2
    import openai

    return openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, ValueError, RecursionError


class Answer:
    """One answer: asked for until it begins, then read to its end, within its limits."""

    def __init__(
        self,
        client: "openai.AsyncOpenAI",
        target: Target,
        limits: Limits,
        messages: list[Mapping[str, Any]],
        options: dict[str, Any],
    ) -> None:
        self.chunks = Chunks()
        self._client, self._target, self._limits = client, target, limits
        self._messages = messages
        # Some servers refuse what they don't know, so it can be left out.
        self._options = {"stream_options": {"include_usage": True}} | options
        self._ends = _now() + limits.whole
        self._stream: openai.AsyncStream[Any] | None = None
        self._pieces: AsyncIterator[Piece] | None = None
        self._finished = False
        self._errors = client_errors()

    async def first(self) -> Piece | None:
        """The first piece, of the first attempt that brings one; None if an answer has none."""
        from ithaca.providers.failures import pause_before_retry

        attempt = 1
        while True:
            try:
                return await self._within("the first token", self._limits.first_token, self._attempt())
            except IthacaError:
                raise
            except self._errors as error:  # raised below, without the request that hangs on it
                caught, failure = error, self._failure(error)
            await self._drop()
            if self._refuses_options(failure):
                del self._options["stream_options"]
                continue
            pause = pause_before_retry(caught, failure, attempt, self._limits)
            if pause is None or _now() + pause >= self._ends:
                raise failure
            attempt += 1
            await asyncio.sleep(pause)

    async def next(self) -> Piece | None:
        """The next piece; None at the end, or where the connection broke."""
        from ithaca.providers.failures import is_connection_failure

        try:
            return await self._within("the next token", self._limits.gap, self._step())
        except IthacaError:
            if self._finished:
                return None
            raise
        except self._errors as error:  # as above
            if self._finished or is_connection_failure(error):
                return None
            failure = self._failure(error)
        raise failure

    async def close(self) -> None:
        """Hangs up."""
        await self._drop()

    async def _attempt(self) -> Piece | None:
        asked: dict[str, Any] = {"model": self._target.model, "messages": self._messages, "stream": True}
        # Most servers know more options than OpenAI's client has names for, as `top_k`.
        stream: Any = await self._client.chat.completions.create(**asked, extra_body=self._options)
        self._stream, self._pieces = stream, self._read(stream)
        return await self._step()

    async def _step(self) -> Piece | None:
        piece = None if self._pieces is None else await anext(self._pieces, None)
        self._finished = self._finished or isinstance(piece, Finished)
        return piece

    async def _read(self, chunks: "openai.AsyncStream[Any]") -> AsyncIterator[Piece]:
        from ithaca.providers.values import all_said

        if "application/json" in chunks.response.headers.get("content-type", ""):  # some servers know no streams
            for piece in all_said(self.chunks, await chunks.response.aread(), self._target):
                yield piece
            return
        async for chunk in chunks:
            for piece in self.chunks.pieces(chunk):
                yield piece

    async def _within(self, what: str, seconds: float, step: Awaitable[T]) -> T:
        left = self._ends - _now()
        try:
            async with asyncio.timeout(max(0.0, min(seconds, left))):
                return await step
        except TimeoutError:
            pass
        raise ProviderTimeout("the end", self._limits.whole) if left <= seconds else ProviderTimeout(what, seconds)

    def _failure(self, error: Exception) -> IthacaError:
        from ithaca.providers.failures import failure_of

        return failure_of(error, self._target)

    def _refuses_options(self, failure: IthacaError) -> bool:
        return isinstance(failure, ProviderError) and failure.status in (400, 422) and "stream_options" in self._options

    async def _drop(self) -> None:
        if self._stream is not None:
            stream, self._stream, self._pieces = self._stream, None, None
            await stream.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
