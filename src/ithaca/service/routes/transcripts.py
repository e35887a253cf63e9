"""`/api/sessions/{id}/transcript`: a conversation as a file; `/api/imports`: files of other programs."""

import asyncio
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import quote

import anyio
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from ithaca import AsyncSessionManager, ChatMessage, ImportFailed, ImportReport, IthacaError, Session, SessionManager
from ithaca.service.access import Owned, service_of
from ithaca.service.answers import JSON, JSON_LINES, written
from ithaca.service.paths import Id
from ithaca.service.problems import problem_of
from ithaca.service.repeats import RepeatableUpload
from ithaca.service.strict import Route
from ithaca.service.underway import Hashed
from ithaca.service.wire.shapes import message_json, session_json
from ithaca.web.transcripts import KINDS, Transcript

router = APIRouter(prefix="/api", tags=["transcripts"], route_class=Route)

_FORMAT = Annotated[
    Literal["markdown", "text", "html", "json"],
    Query(description="`json` is what `POST /api/conversations:import` takes."),
]
_KINDS = (*(kind.partition(";")[0] for kind, _ in KINDS.values()), JSON)
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {} for kind in _KINDS}}}

#: Threads that import, apart from all others: what is slow to read keeps only other imports waiting.
_IMPORTERS = ThreadPoolExecutor(2, thread_name_prefix="ithaca-import")

#: What an import does not take of a session.
_NOT_IMPORTED = ("owner", "message_count", "revision", "forked_from", "forked_at", "incognito")


@router.get("/sessions/{session_id}/transcript", response_class=Response, responses=_FILE)
async def transcript(manager: Owned, request: Request, session_id: Id, format: _FORMAT = "markdown") -> Response:
    """A conversation as a file, sent as it is read."""
    session = await manager.get_session(session_id, last=0)
    messages = manager.iter_messages(session_id)
    kind, ending = KINDS.get(format, (JSON, "json"))
    pieces: AsyncIterator[str] | AsyncIterator[bytes]
    if format == "json":
        pieces = _as_json(session, messages)
    else:
        pieces = _as_text(Transcript(format, service_of(request).markdown), session, messages)
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(_file_name(session.name))}.{ending}",
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(pieces, headers=headers, media_type=kind)


def _file_name(name: str) -> str:
    """The name without what a file system may refuse."""
    return re.sub(r'[\s\x00-\x1f\x7f/\\:*?"<>|]+', " ", name).strip(" .")[:80] or "conversation"


async def _as_text(
    transcript: Transcript, session: Session, messages: AsyncIterator[ChatMessage]
) -> AsyncIterator[str]:
    yield transcript.begin(session)
    async for message in messages:
        yield await asyncio.to_thread(transcript.message, message)
    yield transcript.end()


async def _as_json(session: Session, messages: AsyncIterator[ChatMessage]) -> AsyncIterator[bytes]:
    plain = session_json(session, history=False)
    kept = {name: value for name, value in plain.items() if name not in _NOT_IMPORTED and value is not None}
    yield b'{"conversations":[' + written(kept)[:-1] + b',"messages":['
    before = b""
    async for message in messages:
        yield before + written(_importable(message))
        before = b",\n"
    yield b"]}]}"


def _importable(message: ChatMessage) -> dict[str, Any]:
    """A message as it is imported: with its bytes, and with the places of those that are no text."""
    plain = message_json(message)
    fields = ("role", "content", "tool_calls", "metadata", "id", "tool_call_id", "name", "created_at")
    bytes_at = [{"path": place["path"], "form": "bytes"} for place in plain["attachments"] if place["form"] == "bytes"]
    return {name: plain[name] for name in fields if plain[name] is not None} | {"attachments": bytes_at}


@router.post(
    "/imports/odysseus",
    response_class=Response,
    responses={200: {"content": {JSON_LINES: {"schema": {}}}}},
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}
    },
)
async def import_odysseus(manager: Owned, request: Request, once: RepeatableUpload) -> Response:
    """Take over an Odysseus database, which is the body; lines tell how many messages are done, the last what came in.

    Sending the same file again adds what is new in it, and nothing twice; with its `Idempotency-Key`, nothing at all.
    """
    with ExitStack() as left:
        folder = tempfile.TemporaryDirectory(prefix="ithaca-import-")
        left.callback(folder.cleanup)
        file, body = Path(folder.name) / "legacy.db", Hashed(request.stream())
        with file.open("wb") as into:
            async for piece in body:
                await asyncio.to_thread(into.write, piece)

        async def begin() -> StreamingResponse:
            told = _told(manager, file, folder, service_of(request).settings.slow_seconds)
            left.pop_all()  # it is tidied away when all is told
            return StreamingResponse(told, media_type=JSON_LINES)

        once = once.known_by(once.fingerprint, body.digest)
        return await once.of_stream(manager, begin, is_good=lambda last: "report" in json.loads(last))


async def _told(
    manager: AsyncSessionManager, file: Path, folder: "tempfile.TemporaryDirectory[str]", patience: float
) -> AsyncIterator[bytes]:
    """How far the import is, and what came of it."""
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any] | None]()

    def tell(line: dict[str, Any] | None) -> None:
        loop.call_soon_threadsafe(lines.put_nowait, line)

    watch = Watch(patience)
    job = _IMPORTERS.submit(copy_context().run, _import, Across(manager, loop), file, tell, watch)
    work = asyncio.wrap_future(job)
    try:
        while (line := await lines.get()) is not None:
            yield written(line) + b"\n"
        await work
    finally:
        watch.ended = True  # who asked has gone, or the server ends
        job.cancel()  # if it has not begun
        with anyio.CancelScope(shield=True):
            await asyncio.wait([work])  # what was begun is ended: a batch is whole or not there
        folder.cleanup()


class Watch:
    """Whether an import shall stop: nobody waits for it any more, or it gets no further."""

    def __init__(self, patience: float) -> None:
        self.ended, self._patience = False, patience
        self.begin()

    def begin(self) -> None:
        """Counts the seconds anew: it got further."""
        self._began = time.monotonic()

    def over(self) -> bool:
        """Whether to stop."""
        return self.ended or time.monotonic() - self._began > self._patience


def _import(manager: "Across", file: Path, tell: Any, watch: Watch) -> None:
    from ithaca.interchange.odysseus import import_database, read

    def further(done: int) -> None:
        watch.begin()
        tell({"done": done, "of": total})

    try:
        watch.begin()  # it may have waited for a thread
        with read(file, stop=watch.over) as legacy:
            total = legacy.counts()[1]
        further(0)
        report = import_database(cast(SessionManager, manager), file, progress=further, stop=watch.over)
        tell({"report": asdict(report)})
    except ImportFailed as error:  # where the server put the file is not for others to know
        tell({"problem": problem_of(ImportFailed("The file", error.reason)).value})
    except IthacaError as error:
        tell({"problem": problem_of(error).value})
    finally:
        tell(None)


class Across:
    """The calls of an import, made from another thread on the manager of an event loop."""

    def __init__(self, manager: AsyncSessionManager, loop: asyncio.AbstractEventLoop) -> None:
        self._manager, self._loop = manager, loop

    def import_conversations(self, conversations: Iterable[Any]) -> ImportReport:
        return self._done(self._manager.import_conversations(conversations))

    def import_documents(self, documents: Iterable[Any]) -> ImportReport:
        return self._done(self._manager.import_documents(documents))

    def _done(self, call: Any) -> ImportReport:
        return cast(ImportReport, asyncio.run_coroutine_threadsafe(call, self._loop).result())
