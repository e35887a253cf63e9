"""Work that is done while nobody stores anything."""

import asyncio
import threading
from pathlib import Path

import pytest

from ithaca import ChatMessage, SessionManager, StorageError, later
from ithaca.later import Pace, WhenQuiet
from ithaca.later_async import AsyncWhenQuiet
from tests.support.managers import execute

#: Seconds after which a test gives up.
PATIENCE = 20


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later, "QUIET", 0.01)


class Steps:
    """Work of so many steps, and whether it was done."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.left = count
        self.error = error
        self.done = threading.Event()

    def __call__(self) -> bool:
        self.thread = threading.current_thread()
        if self.error:
            self.done.set()
            raise self.error
        self.left -= 1
        if self.left == 0:
            self.done.set()
        return self.left > 0

    async def awaited(self) -> bool:
        return self()


def test_every_step_is_done_when_all_is_quiet_and_the_thread_ends() -> None:
    steps = Steps(5)
    work = WhenQuiet(steps)
    work.stored()

    assert steps.done.wait(PATIENCE)
    work.close()
    assert not steps.thread.is_alive()


def test_it_begins_anew_with_what_is_stored_after_its_end() -> None:
    steps = Steps(1)
    work = WhenQuiet(steps)
    for _ in range(3):
        steps.left = 1
        steps.done.clear()
        work.stored()
        assert steps.done.wait(PATIENCE)
    work.close()


def test_closing_waits_for_no_more_than_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later, "QUIET", 60)
    steps = Steps(5)
    work = WhenQuiet(steps)
    work.stored()
    work.close()
    work.stored()

    assert (steps.left, steps.done.is_set()) == (5, False)


def test_a_failure_is_noted_and_tried_again_with_what_is_stored_next(caplog: pytest.LogCaptureFixture) -> None:
    steps = Steps(1, StorageError("no room"))
    work = WhenQuiet(steps)
    work.stored()
    assert steps.done.wait(PATIENCE)
    steps.error = None
    steps.done.clear()
    work.stored()

    assert steps.done.wait(PATIENCE)
    work.close()
    assert "no room" in caplog.text


def test_the_pace() -> None:
    pace = Pace()

    assert [pace.may_work(stored=True) for _ in range(later.PATIENCE + 2)] == [False] * later.PATIENCE + [True, True]
    assert (pace.may_work(stored=False), pace.pause) == (True, 0)
    assert (pace.may_work(stored=True), pace.pause) == (False, later.QUIET)


def test_on_an_event_loop() -> None:
    async def work() -> None:
        when_quiet = AsyncWhenQuiet(steps.awaited)
        when_quiet.stored()
        assert await asyncio.to_thread(steps.done.wait, PATIENCE)
        await when_quiet.close()
        when_quiet.stored()

    steps = Steps(5)
    asyncio.run(work())

    assert steps.left == 0


def test_a_manager_indexes_unasked(tmp_path: Path) -> None:
    file = tmp_path / "chats.db"
    with SessionManager(file) as manager:
        session = manager.create_session()
        manager.add_messages(session.id, [ChatMessage("user", f"message {n}") for n in range(600)])
        for _ in range(PATIENCE * 20):
            if execute(str(file), "SELECT indexed_seq FROM sessions") == [(600,)]:
                break
            threading.Event().wait(0.05)

    assert execute(str(file), "SELECT count(*) FROM search_entries") == [(600,)]
