"""`Idempotency-Key`: a request that changes what is kept can be sent again, and happens once.

    same key, same request          the answer that was given before, with `Idempotency-Replayed: true`
    same key, another request       422
    same key, still being done      409; or the request waits, where it takes one transaction
    a request that failed           is not remembered: it changed nothing, and may be tried again

The key belongs to the owner who sent it and is known for a day. What takes one transaction (`Once.of`) notes its key
in that transaction: neither a killed server nor another process can come between. What takes several (`of_many`, and
what comes or goes as a stream) notes the key before and its answer afterwards; all of that may be done again after the
server was killed.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response
from fastapi.responses import StreamingResponse

from ithaca import AlreadyDone, AsyncSessionManager, KeyReused, StillRunning
from ithaca.config import Limits
from ithaca.content import identifier
from ithaca.service.answers import Answer
from ithaca.service.revisions import compares, left_at
from ithaca.service.underway import Hashed, Kept, Running

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

    async def of_many(
        self,
        manager: AsyncSessionManager,
        call: Call[T],
        render: Render[T],
        *,
        sessions: Collection[str] = (),
        revised: bool = False,
    ) -> Response:
        """The answer to what takes several transactions and may begin anew after it was interrupted.

        `sessions` are those that it tells of, as `begin_once` takes them. With `revised`, it changes one session, and
        the answer tells at which revision.
        """
        revisions: dict[str, int] = {}
        if revised:
            manager = manager.noting(revisions)
        if (key := self.key) is None:
            return left_at(render(await call(manager)), revisions).response()
        try:
            async with Running(manager, key, self.fingerprint, sessions) as running:
                answer = left_at(render(await call(manager)), revisions)
                await running.end(answer)
        except AlreadyDone as done:
            return again(done)
        return answer.response()

    async def of_upload(
        self,
        manager: AsyncSessionManager,
        body: AsyncIterator[bytes],
        call: Callable[[AsyncIterator[bytes]], Awaitable[T]],
        render: Render[T],
    ) -> Response:
        """The answer to what takes in a body as it comes. Its bytes tell it from others, too, and are not held."""
        if (key := self.key) is None:
            return render(await call(body)).response()
        taken = Hashed(body)
        try:
            async with Running(manager, key, self.fingerprint) as running:
                answer = render(await call(running.beside(taken)))
                await running.end(answer, fingerprint=self._of_bytes(taken))
        except AlreadyDone as done:
            return again(done)
        except KeyReused:  # unless it is an upload of the same bytes
            if not await taken.all_within(manager.limits.max_attachment_bytes):
                raise
            return await self._done_before(manager, key, self._of_bytes(taken))
        return answer.response()

    async def of_stream(
        self,
        manager: AsyncSessionManager,
        begin: Callable[[], Awaitable[StreamingResponse]],
        *,
        sessions: Collection[str] = (),
        is_good: Callable[[bytes], bool] = bool,
    ) -> Response:
        """The answer to what is answered as it goes on; kept when all of it was sent, if its last part is good."""
        if (key := self.key) is None:
            return await begin()
        running = Running(manager, key, self.fingerprint, sessions)
        try:
            await running.begin()
        except AlreadyDone as done:
            return again(done)
        try:
            return Kept(await begin(), running, is_good)
        except BaseException:
            await running.give_up()
            raise

    async def of_erasure(
        self, manager: AsyncSessionManager, nobody: AsyncSessionManager, call: Call[T], render: Render[T]
    ) -> Response:
        """The answer to what erases an owner, and with him the notes of his keys.

        That it was done is noted by `nobody`, a manager of what is nobody's; it says whose it was to nobody but who
        knows the key.
        """
        if (key := self.key) is None:
            return render(await call(manager)).response()
        noted_as = hashlib.sha256(repr((manager.owner, key)).encode()).hexdigest()
        fingerprint = self.known_by(key, self.fingerprint).fingerprint
        try:
            await nobody.done_before(noted_as, fingerprint)
            async with Running(manager, key, self.fingerprint) as running:
                answer = render(await call(manager))
                await running.give_up()
            await nobody.record_once(noted_as, fingerprint, answer.kept())
        except AlreadyDone as done:
            return again(AlreadyDone(key, done.answer))
        except KeyReused:
            raise KeyReused(key) from None
        return answer.response()

    def known_by(self, *parts: object) -> "Once":
        """The same, told from others by these parts alone: a password in a body shall not be guessed from its hash."""
        return replace(self, fingerprint=hashlib.sha256(repr(parts).encode()).hexdigest())

    def _of_bytes(self, body: Hashed) -> str:
        return self.known_by(self.fingerprint, body.digest).fingerprint

    async def _done_before(self, manager: AsyncSessionManager, key: str, fingerprint: str) -> Response:
        """The answer that there has to be. Raises `KeyReused`."""
        try:
            await manager.done_before(key, fingerprint)
        except AlreadyDone as done:
            return again(done)
        raise StillRunning(key)  # its note went just now: the next attempt takes the key


def again(done: AlreadyDone) -> Response:
    """The answer that was given before. Raises `done` if none is kept."""
    if done.answer is None:
        raise done
    return Answer.again(done.answer).response(**REPLAYED)


Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Any text of up to 200 bytes: the request may be sent again with it, and happens once.",
    ),
]


async def once(request: Request, key: Key = None) -> Once:
    """What this request asks for."""
    return _asked(request, key, b"" if key is None else await request.body())


async def once_but_for_its_body(request: Request, key: Key = None) -> Once:
    """What this request asks for; whoever takes in its body as it comes has to tell it from others by that."""
    return _asked(request, key, b"")


def _asked(request: Request, key: str | None, body: bytes) -> Once:
    revised = compares(request.scope["route"])
    if key is None:
        return Once(None, "", revised)
    identifier("Idempotency-Key", key, Limits())
    asked = hashlib.sha256(body)
    for part in (request.method, request.scope["raw_path"], request.url.query, request.headers.get("if-match", "")):
        asked.update(b"\0" + (part if isinstance(part, bytes) else part.encode()))
    return Once(key, asked.hexdigest(), revised)


Repeatable = Annotated[Once, Depends(once)]
RepeatableUpload = Annotated[Once, Depends(once_but_for_its_body)]
