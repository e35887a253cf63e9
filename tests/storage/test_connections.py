"""SQLite's connections: each is in the hands of one thread at a time, as they have no lock of their own."""

import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from ithaca import ChatMessage, ManagerClosed, SessionManager, StorageError
from ithaca.storage import sqlite


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With its lock, APSW refuses what a second thread asks of a connection meanwhile. Threads take turns in haste."""
    monkeypatch.setattr(sqlite, "OPENING", sqlite.OPENING & ~apsw.SQLITE_OPEN_NOMUTEX)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("watched")
def test_no_two_threads_use_one_at_a_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    manager = SessionManager(tmp_path / "shared.db")
    manager.create_session("shared")
    refused: list[StorageError] = []

    def work() -> None:
        try:
            while not refused:
                manager.add_messages("shared", [ChatMessage("user", "x" * 2000)] * 20)
                manager.get_messages("shared", limit=50)
                manager.list_sessions()
        except ManagerClosed:
            pass
        except StorageError as error:
            refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while manager.get_session("shared", last=1).message_count < 4000 and not refused:
        manager.delete_messages("shared", [message.id or "" for message in manager.get_messages("shared", limit=1)])
        manager.purge(older_than=timedelta())  # the file is written anew; the log was copied by then, too
    manager.close()
    for thread in threads:
        thread.join()
    assert refused == []
    assert caplog.records == []
