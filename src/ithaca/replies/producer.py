"""Generates one reply: what the provider sends is saved as it comes, and told when it is saved.

Two things happen side by side. One reads pieces from the provider, and waits when much of them isn't saved yet. The
other saves: the first piece at once, then what has come since, again and again after a moment, which is the longer the
slower the database is, but never a quarter of a second. Nobody is told what isn't stored, so nobody sees what is lost.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from decimal import Decimal
from typing import Any

from ithaca.columns import to_json
from ithaca.errors import IthacaError, LeaseLost, ManagerClosed, NotFound, ProviderError, StorageError
from ithaca.later import note
from ithaca.operations import replies
from ithaca.operations.replies import Begun, Outcome
from ithaca.operations.reply_reading import Key, look
from ithaca.operations.scope import Scope
from ithaca.providers.pieces import Cut, Piece, Reasoning, Text, ToolCallPart, UsagePiece
from ithaca.replies.calls import Calls
from ithaca.replies.characters import whole, whole_characters
from ithaca.replies.log import Log
from ithaca.replies.store import Store
from ithaca.reply import PieceKind, Reply, ReplyState, Run
from ithaca.usage import MOST_COST, MOST_TOKENS

_log = logging.getLogger("ithaca")

#: Bytes that may have come and not be saved yet; then the provider has to wait.
BEHIND = 1024

#: Seconds between two savings, at least and at most.
SOON, LATE = 0.05, 0.2

#: So much of its time, one part in so many, a reply may spend saving.
SHARE = 5

#: Seconds without anything to save after which the lease is renewed.
HEARTBEAT = 1.5

#: Seconds for which a database that can't be reached is asked again: as long as the lease lasts.
PATIENCE = replies.LEASE / 1_000_000

#: Seconds that the provider has to tell what was used, after the model has finished.
AFTERWARDS = 5.0

#: What is kept of what a provider says went wrong, in characters.
WORDS = 2_000


class Producer:
    """One reply, from its first piece to its end."""

    def __init__(self, store: Store, scope: Scope, begun: Begun, pieces: AsyncGenerator[Piece, None]) -> None:
        self.log = Log()
        self._store, self._scope = store, scope.of(begun.reply.owner)
        self._key, self._fence = Key(begun.reply.owner, begun.reply.id), begun.fence
        self._pieces = pieces
        self._waiting = Waiting()
        self._calls = Calls()
        self._rest: list[Run] = []
        self._pause = SOON
        self._saved_at = float("-inf")
        self._finish_reason: str | None = None
        self._used: tuple[int, int, int] | None = None
        self._cut = Cut("the stream ended before the model had finished")
        self._given_up = self._lost = False
        self._size = 0
        self._reading: asyncio.Task[None] | None = None

    async def run(self) -> Reply | None:
        """The reply as it ended; None where it can't be told, since the database can't be reached."""
        self._reading = asyncio.create_task(self._read())
        self._reading.add_done_callback(lambda _: self._waiting.wake())
        if self._given_up:
            self._reading.cancel()
        try:
            return await self._run(self._reading)
        except LeaseLost:
            return await self._see_the_end()
        except StorageError as error:  # whoever reads it next finds that the lease has run out
            note(error)
            self.log.fail(error)
            return None
        except Exception as error:  # noqa: BLE001, the log says what
            return await self._fail(error)
        finally:
            await self._stop_reading()

    def interrupt(self) -> None:
        """Generates no more; the reply ends as interrupted."""
        self._given_up = True
        if self._reading is not None:
            self._reading.cancel()

    def lose(self) -> None:
        """Generates no more: somebody else has ended the reply."""
        self._lost = True
        self.interrupt()

    async def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    # Reading

    async def _read(self) -> None:
        async with contextlib.aclosing(self._pieces):
            async for piece in self._pieces:
                self._take(piece)
                if self._finish_reason is None:  # what comes after that waits for nobody: it is soon over
                    await self._waiting.has_room()

    def _take(self, piece: Piece) -> None:
        if isinstance(piece, (Text, Reasoning)):
            self._waiting.add("text" if isinstance(piece, Text) else "reasoning", piece.text)
            self._count(len(piece.text))
        elif isinstance(piece, ToolCallPart):
            self._calls.add(piece)
            self._count(len(piece.name) + len(piece.arguments))
        elif isinstance(piece, UsagePiece):
            self._used = _used(piece)
        elif isinstance(piece, Cut):
            self._cut = piece
        else:
            self._finish_reason = whole(str(piece.reason)).replace("\0", "")
            self._waiting.wake()

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > (most := self._scope.limits.max_message_bytes):
            raise ProviderError(None, f"the answer is longer than {most} bytes")

    # Saving

    async def _run(self, reading: asyncio.Task[None]) -> Reply:
        await self._save_while(reading)
        if self._lost:
            raise LeaseLost(self._key.id)
        return await self._end(self._outcome(reading))

    async def _end(self, outcome: Outcome) -> Reply:
        reply: Reply = await self._keep_trying(replies.end, outcome, fence=self._fence)
        for run in outcome.rest:
            self.log.add(run)
        self.log.end(reply)
        return reply

    async def _save_while(self, reading: asyncio.Task[None]) -> None:
        while not reading.done() and self._finish_reason is None:
            await self._waiting.some(HEARTBEAT)
            await self._waiting.full(self._saved_at + self._pause - time.monotonic())
            if not reading.done() and self._finish_reason is None:
                await self._save()
        await asyncio.wait([reading], timeout=SOON)
        if not reading.done():  # all is said; how much was used may follow
            await self._save()
            await asyncio.wait([reading], timeout=AFTERWARDS)

    async def _save(self) -> None:
        run = self._waiting.take(self.log.stop)
        if run is None:
            await self._keep_trying(replies.renew, self._fence, self.log.stop)
            return
        began, self._rest = time.monotonic(), [run]
        await self._keep_trying(replies.save, self._fence, run)
        self._rest = []
        self._saved_at = time.monotonic()
        self._pause = min(LATE, max(SOON, SHARE * (self._saved_at - began)))
        self.log.add(run)

    async def _keep_trying(self, op: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Writes; while the database can't be reached, again and again for as long as the lease lasts."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return await self._store.write(op, self._scope, *self._key, *args, **named)
            except ManagerClosed:
                raise
            except StorageError:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(LATE)

    # Ending

    def _outcome(self, reading: asyncio.Task[None]) -> Outcome:
        rest = self._take_rest()
        if self._finish_reason is None or self._finish_reason == "error":
            error = _error_of(reading, self._cut)
            cut = error is None or error["error"] == "StreamCut"
            state: ReplyState = "interrupted" if cut and self._finish_reason is None else "failed"
            return Outcome(state, self._finish_reason, error, rest, used=self._used)
        good, bad = self._calls.sorted(self._finish_reason == "length")
        stop = rest[-1].stop if rest else self.log.stop
        for text in map(to_json, good):
            rest.append(Run("tool_call", text, stop := stop + len(text)))
        return Outcome("complete", self._finish_reason, None, rest, bad, self._used)

    def _take_rest(self) -> list[Run]:
        """What has come and isn't saved yet, in runs. They are there still when it is asked for again."""
        self._waiting.finish()
        stop = self._rest[-1].stop if self._rest else self.log.stop
        while (run := self._waiting.take(stop)) is not None:
            self._rest.append(run)
            stop = run.stop
        return list(self._rest)

    async def _fail(self, error: Exception) -> Reply | None:
        """Ends it as failed, with all that can be stored of it."""
        await self._stop_reading()
        try:
            return await self._end(Outcome("failed", None, _unexpected(error), self._take_rest()))
        except LeaseLost:
            return await self._see_the_end()
        except Exception as another:  # noqa: BLE001, it is handed to those who watch
            self.log.fail(another)
            return None

    async def _see_the_end(self) -> Reply | None:
        """How somebody else has ended it."""
        try:
            found = await self._store.read(look, self._scope, self._key.id, self.log.stop)
        except (NotFound, StorageError) as error:
            self.log.fail(error)
            return None
        for run in found.runs:  # stored here, if only the answer to that was lost
            self.log.add(run)
        self.log.end(found.reply)
        return None


class Waiting:
    """What has come and isn't saved yet."""

    def __init__(self) -> None:
        self._runs: deque[tuple[PieceKind, list[str]]] = deque()
        self._bytes = 0
        self._halves: dict[PieceKind, str] = {}
        self._some, self._full, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()

    def add(self, kind: PieceKind, text: str) -> None:
        text, self._halves[kind] = whole_characters(self._halves.get(kind, "") + text)
        if text:
            self._add(kind, text)

    def finish(self) -> None:
        """Nothing comes any more, not even the other half of a character."""
        for kind, half in self._halves.items():
            if half:
                self._add(kind, "\N{REPLACEMENT CHARACTER}")
        self._halves.clear()

    def _add(self, kind: PieceKind, text: str) -> None:
        if not self._runs or self._runs[-1][0] != kind:
            self._runs.append((kind, []))
        self._runs[-1][1].append(text)
        self._bytes += len(text.encode())
        self._some.set()
        if self._bytes >= BEHIND:
            self._full.set()
            self._room.clear()

    def take(self, start: int) -> Run | None:
        """What came first, as far as it is of one kind; it begins after so many characters."""
        if not self._runs:
            return None
        kind, texts = self._runs.popleft()
        text = "".join(texts)
        self._bytes -= len(text.encode())
        if not self._runs:
            self._some.clear()
        if self._bytes < BEHIND:
            self._full.clear()
            self._room.set()
        return Run(kind, text, start + len(text))

    def wake(self) -> None:
        """Whoever waits for more has waited for long enough."""
        self._some.set()
        self._full.set()

    async def some(self, seconds: float) -> None:
        """Returns when there is something, or after so many seconds."""
        await _within(seconds, self._some)

    async def full(self, seconds: float) -> None:
        """Returns when there is much, or after so many seconds."""
        if seconds > 0:
            await _within(seconds, self._full)

    async def has_room(self) -> None:
        await self._room.wait()


async def _within(seconds: float, event: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _used(piece: UsagePiece) -> tuple[int, int, int]:
    """Tokens read and written, and their cost in millionths; what no reply can have used is cut down to the most."""
    reads, writes = (min(max(0, count), MOST_TOKENS) for count in (piece.input_tokens, piece.output_tokens))
    cost = piece.cost if piece.cost is not None and piece.cost.is_finite() else Decimal(0)
    return reads, writes, round(min(max(Decimal(0), cost), Decimal(MOST_COST)) * 1_000_000)


def _error_of(reading: asyncio.Task[None], cut: Cut) -> dict[str, Any] | None:
    """What went wrong while the provider was read; None if it was given up here."""
    if reading.cancelled() or not reading.done():
        return None
    error = reading.exception()
    if error is None:
        return {"error": "StreamCut", "words": cut.words}
    if not isinstance(error, IthacaError):
        return _unexpected(error)
    words = getattr(error, "words", str(error))
    told = {"error": type(error).__name__, "words": whole(words[:WORDS]), "status": getattr(error, "status", None)}
    return {name: value for name, value in told.items() if value is not None}


def _unexpected(error: BaseException) -> dict[str, Any]:
    _log.error("a reply failed, which nobody thought of", exc_info=error)
    return {"error": type(error).__name__, "words": "something that nobody thought of; the log says what"}
