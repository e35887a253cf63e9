"""What is shown of a conversation: its last page, or all of it."""

import json
from collections.abc import Iterable, Iterator

from benchmarks.bench import Bench, Conversation
from benchmarks.crowd import Once
from benchmarks.floor_sqlite import Floor
from benchmarks.measuring import Outcome, Timed, at_most
from ithaca import ChatMessage, SessionManager


def last_50(bench: Bench) -> Iterator[Outcome]:
    """The last 50 messages of a long session, the database open and its pages in memory."""
    for held in bench.sizes(10_000, 1_000_000):
        yield from last_50_of(bench, f"of {held:,}", held)
    for held in bench.sizes(10_000):
        yield from last_50_of(bench, f"of {held:,}, for_owner", held, owner="telemachus")


def last_50_of(
    bench: Bench, case: str, held: int, *, owner: str | None = None, growth: bool = False
) -> Iterator[Outcome]:
    kept = bench.conversation(held)
    floor = Floor(kept.floor)
    with SessionManager(kept.ours) as opened:
        manager = opened.for_owner(owner) if owner else opened
        target, stored = (None, held) if growth else (at_most(1.3), None)
        yield from bench.compare(
            case,
            Timed(lambda: manager.get_messages(kept.id, limit=50)),
            Timed(lambda: floor.last(kept.id, 50)),
            target,
            stored=stored,
        )
    floor.close()


def last_50_cold(bench: Bench) -> Iterator[Outcome]:
    """The last 50 messages in a new process: opening the database and reading, without Python's start and imports.

    The file itself is in the system's memory.
    """
    for held in bench.sizes(10_000, 1_000_000):
        kept = bench.conversation(held)
        ours, floor = Once("cold_ours", kept.ours, kept.id), Once("cold_floor", kept.floor, kept.id)
        yield from bench.compare(f"of {held:,}", ours, floor, at_most(1.5))


def history(bench: Bench) -> Iterator[Outcome]:
    """A whole history: read by a manager that has not read it before, and read once more, unchanged.

    "Looked at" means the role, the content and the metadata of each message; the floor decodes the metadata then.
    """
    kept = bench.conversation(bench.size(10_000))
    ours, floor = Reader(kept), FloorReader(kept)
    many = f"of {kept.messages:,}"
    yield from bench.compare(
        many, Timed(ours.read, before=ours.open, times=1), Timed(floor.read, before=floor.open, times=1), at_most(1.5)
    )
    yield from bench.compare(
        f"{many}, looked at",
        Timed(lambda: look_at(ours.read()), before=ours.open, times=1),
        Timed(lambda: look_at_rows(floor.read()), before=floor.open, times=1),
    )
    yield from bench.compare(f"{many}, again", Timed(ours.read), Timed(floor.read), at_most(0.1))
    yield from bench.compare(
        f"{many}, again, looked at",
        Timed(lambda: look_at(ours.read())),
        Timed(lambda: look_at_rows(floor.read())),
    )
    ours.close()
    floor.close()


class Reader:
    """Reads a session, by a manager that is opened anew when it is to know nothing of it."""

    def __init__(self, kept: Conversation) -> None:
        self._kept = kept
        self._manager = SessionManager(kept.ours)

    def open(self) -> None:
        self._manager.close()
        self._manager = SessionManager(self._kept.ours)
        self._manager.get_messages(self._kept.id, limit=1)  # its reading connection is open now

    def read(self) -> list[ChatMessage]:
        return self._manager.get_session(self._kept.id).history

    def close(self) -> None:
        self._manager.close()


class FloorReader:
    """The same by a connection."""

    def __init__(self, kept: Conversation) -> None:
        self._kept = kept
        self._floor = Floor(kept.floor)

    def open(self) -> None:
        self._floor.close()
        self._floor = Floor(self._kept.floor)
        self._floor.last(self._kept.id, 1)

    def read(self) -> list[tuple[object, ...]]:
        return self._floor.history(self._kept.id)

    def close(self) -> None:
        self._floor.close()


def look_at(messages: Iterable[ChatMessage]) -> None:
    for message in messages:
        _ = message.role, message.content, message.metadata


def look_at_rows(rows: Iterable[tuple[object, ...]]) -> None:
    for row in rows:
        _ = row[2], row[3], json.loads(str(row[7]))
