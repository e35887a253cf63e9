"""Passes a request on: to whoever asked at once, and to the reply that records it.

An answer passes byte for byte, but for the endpoint's secrets, which no endpoint has a reason to repeat. One task
reads from the endpoint. What it reads goes into two queues: a short one for the client, who makes the endpoint wait if
he is slow, and one for the reply, which is read as pieces and saved as any other.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import suppress
from itertools import chain
from typing import TypeVar

import httpx2

from ithaca.errors import IthacaError, ProviderError, ProviderTimeout
from ithaca.providers import Cut, Finished, Piece, Target
from ithaca.providers.chunks import Chunks
from ithaca.providers.failures import Scrubbing, failure_of, failure_of_response, scrubbed_bytes
from ithaca.providers.network import Lines, headers_of
from ithaca.providers.values import all_said, data, said
from ithaca.relay import RelayRequest

T = TypeVar("T")

#: Parts of a body that wait for a client until the endpoint has to wait.
AHEAD = 64

#: Beginnings of the headers of a response that are passed on.
PASSED_ON = ("content-type", "content-encoding", "retry-after", "x-should-retry", "openai-", "x-ratelimit-")


class Relay:
    """One request on its way. `status` and `headers` are the response's, when it was `sent`."""

    def __init__(
        self, lines: Lines, target: Target, request: RelayRequest, accept: str | None, *, recorded: bool
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._target, self._request = target, request
        self._accept = accept if accept and accept.isascii() else "*/*"  # no header may say anything else
        self._client = lines.to(target)
        self._limits = target.limits
        self._ends = asyncio.get_running_loop().time() + target.limits.whole
        self._reading: asyncio.Task[None] | None = None
        self._failure: IthacaError | None = None
        #: Whether all was read from the endpoint, and whether all that is recorded has come, which may be sooner.
        self._read_all = self._finished = False
        #: Whether a reply reads what comes, or still does.
        self._recorded = recorded
        self._for_client: asyncio.Queue[bytes | None] = asyncio.Queue(AHEAD)
        self._for_reply: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def send(self) -> None:
        """Sends the request, and reads the head of the response. Raises `ProviderError`, `EndpointRefused`."""
        try:
            response = await self._within("the first token", self._limits.first_token, self._ask())
            if response.is_error:
                await self._within("the answer", self._limits.gap, self._take_error(response))
            else:
                self._reading = asyncio.create_task(self._read(response))
        except (IthacaError, httpx2.HTTPError) as error:
            self._failure = error if isinstance(error, IthacaError) else failure_of(error, self._target)
        finally:
            if self._reading is None:
                self._for_reply.put_nowait(None)
                self._end_for_client()
        if not self.status and self._failure is not None:
            raise self._failure

    async def _ask(self) -> httpx2.Response:
        headers = httpx2.Headers({"content-type": "application/json", "accept": self._accept})
        headers.update(headers_of(self._target))
        url = f"{self._target.base_url}/chat/completions"
        patience = httpx2.Timeout(None, connect=self._limits.connect)  # the rest of it is measured here
        request = self._client.build_request("POST", url, headers=headers, content=self._request.body, timeout=patience)
        response = await self._client.send(request, stream=True)
        self.headers = {name: value for name, value in response.headers.items() if name.startswith(PASSED_ON)}
        self.status = response.status_code
        return response

    async def _take_error(self, response: httpx2.Response) -> None:
        try:
            body = await response.aread()
        finally:
            await response.aclose()
        self.headers.pop("content-encoding", None)  # it was read as what it says
        self._failure = failure_of_response(response, body, self._target)
        self._for_client.put_nowait(scrubbed_bytes(body, self._target))

    async def _read(self, response: httpx2.Response) -> None:
        parts = response.aiter_raw()
        what, seconds = "the first token", self._limits.first_token
        scrubbing = Scrubbing(self._target)
        try:
            while (part := await self._within(what, seconds, anext(parts, None))) is not None:
                if self._recorded:
                    self._for_reply.put_nowait(part)
                if passing := scrubbing.piece(part):
                    await self._within("the end", self._limits.whole, self._for_client.put(passing))
                what, seconds = "the next token", self._limits.gap
            if passing := scrubbing.end():
                await self._within("the end", self._limits.whole, self._for_client.put(passing))
            self._read_all = True
        except (IthacaError, httpx2.HTTPError, httpx2.StreamError) as error:
            self._failure = error if isinstance(error, IthacaError) else failure_of(error, self._target)
        finally:
            self._for_reply.put_nowait(None)
            await response.aclose()
        if self._read_all:
            await self._for_client.put(None)
        else:
            self._end_for_client()

    async def _within(self, what: str, seconds: float, step: Awaitable[T]) -> T:
        """What a step gives. Raises `ProviderTimeout` after so many seconds, or when the whole takes too long."""
        left = self._ends - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(0.0, min(seconds, left))):
                return await step
        except TimeoutError:
            pass
        raise ProviderTimeout("the end", self._limits.whole) if left <= seconds else ProviderTimeout(what, seconds)

    async def hang_up(self) -> None:
        """Reads no more from the endpoint."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
            self._end_for_client()

    def _end_for_client(self) -> None:
        with suppress(asyncio.QueueFull):  # then there is something to read, and the end is found after it
            self._for_client.put_nowait(None)

    def body(self) -> "Body":
        """The bytes as they come, once."""
        return Body(self, self.parts())

    def abandon(self) -> None:
        """Hangs up, from whichever thread, without waiting."""
        if self._reading is not None and not self._reading.done():
            with suppress(RuntimeError):  # the loop is closed
                self._reading.get_loop().call_soon_threadsafe(self._reading.cancel)

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """The bytes as they come. A connection that broke at the endpoint breaks here."""
        try:
            while (part := await self._next()) is not None:
                yield part
            if self._reading is not None and not self._read_all:
                raise self._failure or ProviderError(None, "the reply was stopped")
        finally:
            await self.hang_up()

    async def _next(self) -> bytes | None:
        if self._for_client.empty() and self._reading is not None and self._reading.done():
            return None
        return await self._for_client.get()

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """What the response says, for the reply that records it; if that is stopped, nothing more is read.

        Where it says what can't be recorded, the client gets the rest nevertheless.
        """
        chunks = Chunks()
        try:
            parts = list[bytes]()
            while (part := await self._for_reply.get()) is not None:
                parts.append(part)
                if not self._streams or b"\n" not in part:
                    continue
                *lines, rest = b"".join(parts).split(b"\n")
                parts = [rest]
                for piece in chain.from_iterable(said(chunks, data(line), self._target) for line in lines):
                    self._finished = self._finished or isinstance(piece, Finished)
                    yield piece
            self._finished = True
            for piece in () if self._streams else all_said(chunks, b"".join(parts), self._target):
                yield piece
            if chunks.usage is not None:
                yield chunks.usage
            if self._failure is None and not self._read_all:
                yield Cut("the client hung up before the model had finished")
            if self._failure is not None and (self._reading is None or isinstance(self._failure, ProviderTimeout)):
                raise self._failure
        except Exception:
            self._finished = True
            raise
        finally:
            self._recorded = False
            self._for_reply = asyncio.Queue()
            if not self._finished:  # a slow client may not have all of it yet
                await self.hang_up()

    @property
    def _streams(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")


class Body:
    """What a client reads of a relay. He hangs up by closing it or letting go of it, though he never began to read."""

    def __init__(self, relay: Relay, parts: AsyncGenerator[bytes, None]) -> None:
        self._relay, self._parts = relay, parts

    def __aiter__(self) -> "Body":
        return self

    def __anext__(self) -> Awaitable[bytes]:
        return anext(self._parts)

    async def aclose(self) -> None:
        await self._parts.aclose()
        await self._relay.hang_up()

    def __del__(self) -> None:
        self._relay.abandon()
