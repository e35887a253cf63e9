"""The log of a SQLite file is copied into it behind the writers' backs, and never grows without end."""

import threading
import time
from pathlib import Path

import apsw
import pytest

from ithaca import ChatMessage, SessionManager
from ithaca.storage import checkpoints
from ithaca.storage.checkpoints import STEP

PAGE = 4096 + 24  # with its header in the log
LONG = 4 * STEP


#: How far the log was copied can be asked of SQLite 3.53 and newer.
pytestmark = pytest.mark.skipif(apsw.SQLITE_VERSION_NUMBER < 3_053_000, reason="this SQLite does not tell")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chats.db"


def in_log_and_copied(path: Path) -> tuple[int, int]:
    db = apsw.Connection(str(path))
    try:
        db.execute("SELECT 1 FROM sqlite_schema")  # for a connection that has read nothing, there is no log
        return db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    finally:
        db.close()


def test_a_long_log_is_copied_after_the_commit(path: Path) -> None:
    with SessionManager(path) as manager:
        session = manager.create_session()
        manager.add_message(session.id, ChatMessage("user", "x" * 4096 * 2 * STEP))
        deadline = time.monotonic() + 60
        while (found := in_log_and_copied(path))[0] > found[1] and time.monotonic() < deadline:
            time.sleep(0.01)
        assert found[0] == found[1]


def test_the_log_begins_anew_while_writers_never_pause(path: Path) -> None:
    with SessionManager(path) as manager:
        session = manager.create_session()
        for _ in range(10 * LONG // 250):
            manager.add_message(session.id, ChatMessage("user", "x" * 4096 * 250))
        assert Path(f"{path}-wal").stat().st_size < 4 * LONG * PAGE


def test_the_log_stays_short_under_small_appends(path: Path) -> None:
    with SessionManager(path) as manager:
        session = manager.create_session()
        for _ in range(LONG // 4):  # some five pages each
            manager.add_message(session.id, ChatMessage("user", "x"))
        assert Path(f"{path}-wal").stat().st_size < 3 * STEP * PAGE


def test_a_reader_that_stays_delays_no_writer_and_loses_nothing(path: Path) -> None:
    with SessionManager(path) as manager:
        session = manager.create_session()
        reader = apsw.Connection(str(path))
        reader.execute("BEGIN; SELECT count(*) FROM messages")
        for _ in range(2 * LONG // 250):
            manager.add_message(session.id, ChatMessage("user", "x" * 4096 * 250))
        reader.execute("COMMIT")
        reader.close()
        assert manager.verify() == []
    with SessionManager(path) as manager:
        assert manager.get_session(session.id, last=0).message_count == 2 * LONG // 250


def test_a_commit_that_makes_the_log_too_long_leaves_it_to_the_thread(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "TOO_LONG", 2 * STEP)
    SessionManager(path).close()
    turn = threading.Lock()

    def connect() -> apsw.Connection:
        with turn:
            return apsw.Connection(str(path))

    db, copying = connect(), checkpoints.Checkpoints(connect)
    db.set_wal_hook(copying.committed)
    db.execute("CREATE TABLE much (it BLOB)")
    turn.acquire()
    for is_behind in (False, True):
        db.execute("INSERT INTO much SELECT zeroblob(?)", (4096 * 3 * STEP,))
        assert in_log_and_copied(path)[0] > 3 * STEP
        assert bool(in_log_and_copied(path)[1]) is is_behind
    turn.release()
    copying.close()
    db.close()
