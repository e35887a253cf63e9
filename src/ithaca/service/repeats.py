"""`Idempotency-Key`: a POST that changes what is kept can be sent again, and happens once.

    same key, same request          the answer that was given before, with `Idempotency-Replayed: true`
    same key, another request       422
    same key, still being done      409; or the request waits, where it takes one transaction
    a request that failed           is not remembered: it changed nothing, and may be tried again

The key belongs to the owner who sent it and is known for a day. What takes one transaction (`Once.of`) notes its key
in that transaction: neither a killed server nor another process can come between. What takes several (`Once.of_many`)
notes the key before and its answer afterwards; all of that may be done again after the server was killed.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response

from ithaca import AlreadyDone, AsyncSessionManager
from ithaca.service.answers import Answer
from ithaca.service.revisions import compares, left_at

T = TypeVar("T")

Call = Callable[[AsyncSessionManager], Awaitable[T]]
Render = Callable[[T], Answer]

REPLAYED = {"idempotency-replayed": "true"}


@dataclass(frozen=True, slots=True)
class Once:
    """What a request asks for, to happen once if it has a key."""

    key: str | None
    fingerprint: str
    #: Whether what it changes is at a revision, which its answer tells.
    revised: bool = False

    async def of(self, manager: AsyncSessionManager, call: Call[T], render: Render[T]) -> Response:
        """The answer to a change that is one call on the manager, and there one transaction."""
        revisions: dict[str, int] = {}
        if self.revised:
            manager = manager.noting(revisions)
        if (key := self.key) is None:
            return left_at(render(await call(manager)), revisions).response()
        made: list[Answer] = []

        def keep(result: Any) -> bytes:
            made.append(left_at(render(result), revisions))
            return made[-1].kept()

        try:
            await manager.done_before(key, self.fingerprint)
            await call(manager.once(key, self.fingerprint, keep))
        except AlreadyDone as done:
            return again(done)
        return made[-1].response()

    async def of_many(self, manager: AsyncSessionManager, call: Call[T], render: Render[T]) -> Response:
        """The answer to what takes several transactions and may begin anew after it was interrupted."""
        if (key := self.key) is None:
            return render(await call(manager)).response()
        try:
            async with self._under_way(manager, key):
                answer = render(await call(manager))
                await manager.end_once(key, answer.kept())
        except AlreadyDone as done:
            return again(done)
        return answer.response()

    def known_by(self, *parts: object) -> "Once":
        """The same, told from others by these parts alone: a password in a body shall not be guessed from its hash."""
        return replace(self, fingerprint=hashlib.sha256(repr(parts).encode()).hexdigest())

    @asynccontextmanager
    async def _under_way(self, manager: AsyncSessionManager, key: str) -> AsyncIterator[None]:
        await manager.begin_once(key, self.fingerprint)
        try:
            yield
        except BaseException:
            await manager.give_up_once(key)
            raise


def again(done: AlreadyDone) -> Response:
    """The answer that was given before. Raises `done` if that was erased."""
    if done.answer is None:
        raise done
    return Answer.again(done.answer).response(**REPLAYED)


async def once(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Any text of up to 200 bytes: the request may be sent again with it, and happens once.",
        ),
    ] = None,
) -> Once:
    """What this request asks for."""
    revised = compares(request.scope["route"])
    if key is None:
        return Once(None, "", revised)
    asked = hashlib.sha256(await request.body())
    for part in (request.method, request.scope["raw_path"], request.url.query, request.headers.get("if-match", "")):
        asked.update(b"\0" + (part if isinstance(part, bytes) else part.encode()))
    return Once(key, asked.hexdigest(), revised)


Repeatable = Annotated[Once, Depends(once)]
