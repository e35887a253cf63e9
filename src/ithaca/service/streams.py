"""Streams of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) that have an end.

An event's `id` is what a browser sends back as `Last-Event-ID` when it asks again after its connection broke.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from ithaca import IthacaError
from ithaca.service.live import COMMENT, HEARTBEAT, event
from ithaca.service.preferences import wants
from ithaca.service.problems import problem_of

EVENTS = "text/event-stream"


def accepts_events(request: Request) -> bool:
    """Whether who asks wants to hear what happens."""
    return wants(request, EVENTS)


@contextlib.asynccontextmanager
async def closing(items: AsyncIterator[object]) -> AsyncIterator[None]:
    """Ends an iterator when it isn't wanted any more, rather than when it is found to be garbage."""
    try:
        yield
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()


async def event_stream(events: AsyncGenerator[bytes, None]) -> Response:
    """The events as they come. The first is waited for, so that what isn't there is a problem response.

    Where there is none at all, 204 tells a browser not to ask again.
    """
    first = await anext(events, None)
    if first is None:
        return Response(status_code=204)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_kept_alive(first, events), media_type=EVENTS, headers=headers)


async def _kept_alive(first: bytes, events: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    yield first
    coming: asyncio.Future[bytes | None] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(events, None))
            done, _ = await asyncio.wait([coming], timeout=HEARTBEAT)
            if not done:
                yield COMMENT
                continue
            told, coming = coming.result(), None
            if told is None:
                return
            yield told
    except IthacaError as error:  # the response has begun: it is told as the last event
        yield event("problem", problem_of(error).value)
    finally:
        if coming is not None:
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, IthacaError):
                await coming
        await events.aclose()
