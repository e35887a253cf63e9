"""What was accepted is there after reopening; what was closed says so."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ithaca import (
    AsyncSessionManager,
    ChatMessage,
    ConfigurationError,
    ManagerClosed,
    SessionManager,
    SessionNotFound,
    Settings,
)
from ithaca.storage.sqlite_log import FLUSHES_APART
from tests.support.factories import make_session
from tests.support.managers import Facade, FakeClock, LoopThread, Opener


def everything(manager: SessionManager) -> list[Any]:
    sessions = [manager.get_session(session.id) for session in manager.list_sessions()]
    documents = [manager.get_document(document.id) for document in manager.list_documents()]
    headers = [session.headers for session in sessions]
    return [sessions, headers, documents, [manager.list_document_versions(document.id) for document in documents]]


@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_reopening_sees_everything(open_manager: Opener, clock: FakeClock, durability: str) -> None:
    manager = open_manager(durability=durability, clock=clock)
    session = make_session(manager, 20, name="kept", headers={"X-Key": "oar"}, extra={"a": 1})
    make_session(manager, 3, owner="telemachus")
    manager.edit_message(session.id, session.history[3].id, ["edited"])
    manager.delete_messages(session.id, [session.history[5].id])
    manager.truncate_messages(session.id, 10)
    manager.delete_session(make_session(manager, 1).id)
    document = manager.create_document("Map", "one", session_id=session.id)
    manager.edit_document(document.id, "two")
    before = everything(manager)
    manager.close()
    assert everything(open_manager(clock=clock)) == before


def test_a_closed_manager_says_so_and_can_be_closed_again(open_manager: Opener) -> None:
    manager = open_manager()
    session = make_session(manager, 1)
    confined = manager.for_owner("a")
    manager.close()
    manager.close()
    calls = (
        lambda: manager.get_session(session.id),
        lambda: manager.add_message(session.id, ChatMessage("user", "x")),
        lambda: manager.create_session(),
        lambda: list(manager.iter_messages(session.id)),
        lambda: manager.verify(),
        lambda: confined.create_session(),
        lambda: confined.list_sessions(),
    )
    for call in calls:
        with pytest.raises(ManagerClosed, match="closed"):
            call()


def test_threads_that_go_on_while_it_is_closed_are_told(database_url: str) -> None:
    """Each of them, whatever it was about to do, and what was stored for them until then stays."""
    manager, stored, ends = SessionManager(database_url), list[str](), list[Exception]()
    manager.create_session("a")
    calls: list[Callable[[], object]] = [
        lambda: stored.append(manager.add_message("a", ChatMessage("user", "x")).id or ""),
        lambda: manager.get_session("a", last=1),
    ]

    def go_on(call: Callable[[], object]) -> None:
        try:
            while True:
                call()
        except Exception as error:  # noqa: BLE001, told by the assertion
            ends.append(error)

    threads = [threading.Thread(target=go_on, args=[call]) for _ in range(5) for call in calls]
    for thread in threads:
        thread.start()
    while len(stored) < 20:
        time.sleep(0.001)
    manager.close()
    for thread in threads:
        thread.join(10)
    assert [type(end) for end in ends] == [ManagerClosed] * len(threads)
    with SessionManager(database_url) as manager:
        assert {message.id for message in manager.get_session("a").history} == set(stored)


def test_tasks_that_go_on_while_it_is_closed_are_told(database_url: str) -> None:
    """Each of them, at once, and what was stored for them until then stays."""

    async def add(manager: AsyncSessionManager, stored: list[str]) -> None:
        while True:
            stored.append((await manager.add_message("a", ChatMessage("user", "x"))).id or "")

    async def read(manager: AsyncSessionManager) -> None:
        while True:
            await manager.verify()  # which takes its time

    async def main() -> list[str]:
        manager, stored = AsyncSessionManager(database_url), list[str]()
        await manager.create_session("a")
        tasks = [asyncio.create_task(work) for _ in range(5) for work in (add(manager, stored), read(manager))]
        while len(stored) < 20:
            await asyncio.sleep(0)
        await manager.close()
        done, pending = await asyncio.wait(tasks, timeout=10)
        assert not pending
        assert {type(task.exception()) for task in done} == {ManagerClosed}
        return stored

    stored = asyncio.run(main())
    with SessionManager(database_url) as manager:
        assert {message.id for message in manager.get_session("a").history} == set(stored)


def test_closing_a_confined_manager_closes_nothing(manager: SessionManager) -> None:
    with manager.for_owner("a") as confined:
        confined.create_session("s-1")
    confined.close()
    assert confined.get_session("s-1") == manager.get_session("s-1")


def test_a_context_manager_closes(open_manager: Opener) -> None:
    with open_manager() as manager:
        manager.create_session("s-1")
    with pytest.raises(ManagerClosed):
        manager.get_session("s-1")
    with pytest.raises(SessionNotFound), open_manager() as failing:
        failing.get_session("nope")
    with pytest.raises(ManagerClosed):
        failing.get_session("s-1")


def test_a_mistyped_durability_is_not_a_weaker_one(tmp_path: Path) -> None:
    for durability in ("Full", "FULL", "none", 1):
        with pytest.raises(ConfigurationError, match="durability"):
            SessionManager(tmp_path / "chats.db", durability=durability)


@pytest.mark.skipif(not FLUSHES_APART, reason="SQLite itself flushes here")
def test_sqlite_flushes_each_commit_unless_it_is_relaxed(
    tmp_path: Path, facade: Facade, loop_thread: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener = Opener(f"{tmp_path}/chats.db", facade, loop_thread)
    flush, flushed = os.fdatasync, list[int]()

    def count(descriptor: int) -> None:
        flushed.append(descriptor)
        flush(descriptor)

    monkeypatch.setattr(os, "fdatasync", count)

    def flushes(**options: Any) -> list[bool]:
        """Whether anything was flushed in each of three calls."""
        with opener(**options) as manager:
            return [flushed.clear() or bool(manager.create_session() and flushed) for _ in range(3)]

    assert flushes() == flushes(durability="full") == [True] * 3
    relaxed = Settings(opener.url, durability="relaxed")
    assert flushes(durability="relaxed") == flushes(settings=relaxed) == [False] * 3
    monkeypatch.setenv("ITHACA_DURABILITY", "relaxed")
    assert flushes() == [False] * 3
