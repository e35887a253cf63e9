"""Somebody else holds the lock: who writes is told after the busy timeout, who reads does not notice."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import apsw
import psycopg
import pytest

from ithaca import ChatMessage, SessionManager, columns, read_settings
from ithaca.config import Settings
from ithaca.errors import DatabaseBusy
from ithaca.operations.sessions import ACCESS_GRAIN

TIMEOUT = 0.3


def impatient(database: str) -> Settings:
    return read_settings(database, environ={"ITHACA_BUSY_TIMEOUT": str(TIMEOUT)})


@contextmanager
def another_program(path: Path) -> Iterator[None]:
    """Writes to the file without taking turns with us."""
    db = apsw.Connection(str(path))
    db.execute("BEGIN IMMEDIATE")
    yield
    db.execute("ROLLBACK")
    db.close()


@contextmanager
def a_stopped_process(path: Path) -> Iterator[None]:
    """Has its turn, and does not end it."""
    with Path(f"{path}-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("somebody", [another_program, a_stopped_process])
def test_busy_on_sqlite(somebody: object, tmp_path: Path) -> None:
    path = tmp_path / "ithaca.db"
    with SessionManager(settings=impatient(str(path))) as manager:
        manager.create_session("shared")
        with somebody(path):  # type: ignore[operator]
            begun = time.monotonic()
            with pytest.raises(DatabaseBusy):
                manager.add_message("shared", ChatMessage("user", "hello"))
            assert TIMEOUT * 0.9 <= time.monotonic() - begun < TIMEOUT + 2
            assert manager.get_session("shared").message_count == 0
        manager.add_message("shared", ChatMessage("user", "hello"))
        assert manager.get_session("shared").message_count == 1
        with SessionManager(str(path)) as other:
            other.add_message("shared", ChatMessage("user", "hello"))
        assert manager.verify() == []


def test_who_waits_long_enough_gets_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "ithaca.db"
    with SessionManager(str(path)) as manager, SessionManager(str(path)) as reader:
        with a_stopped_process(path):
            reader.list_sessions()
        manager.create_session("shared")
        assert reader.get_session("shared").id == "shared"


def test_busy_on_postgres(postgres_url: str) -> None:
    with SessionManager(settings=impatient(postgres_url)) as manager, psycopg.connect(postgres_url) as somebody:
        manager.create_session("shared")
        somebody.execute("SELECT FROM sessions FOR UPDATE")
        begun = time.monotonic()
        with pytest.raises(DatabaseBusy):
            manager.add_message("shared", ChatMessage("user", "hello"))
        assert TIMEOUT * 0.9 <= time.monotonic() - begun < TIMEOUT + 2
        assert manager.get_session("shared").message_count == 0
        somebody.rollback()
        manager.add_message("shared", ChatMessage("user", "hello"))
        assert manager.get_session("shared").message_count == 1


@pytest.mark.parametrize("somebody", [another_program, a_stopped_process])
@pytest.mark.timeout(30)
def test_who_only_reads_never_waits_not_even_to_close(somebody: object, tmp_path: Path) -> None:
    path = tmp_path / "ithaca.db"
    with SessionManager(path) as manager:
        manager.create_session("shared")
    an_hour_later = partial(SessionManager, path, clock=lambda: columns.now() + 2 * ACCESS_GRAIN)
    with somebody(path), an_hour_later() as manager:  # type: ignore[operator]
        before = manager.get_session("shared").last_accessed
    with SessionManager(path) as manager:
        assert manager.get_session("shared").last_accessed == before


def test_who_reads_what_was_used_within_the_hour_never_writes(tmp_path: Path) -> None:
    path = tmp_path / "ithaca.db"
    with SessionManager(path) as manager:
        manager.create_session("shared")
    lock = tmp_path / "ithaca.db-lock"
    for later, writes in ((ACCESS_GRAIN // 2, False), (2 * ACCESS_GRAIN, True)):
        lock.unlink()
        with SessionManager(path, clock=lambda later=later: columns.now() + later) as manager:  # type: ignore[misc]
            manager.get_session("shared")
            manager.get_messages("shared")
        assert lock.exists() is writes
        lock.touch()


@pytest.mark.timeout(30)
def test_who_only_reads_never_waits_on_postgresql(postgres_url: str) -> None:
    with SessionManager(postgres_url) as manager:
        manager.create_session("shared")
    with psycopg.connect(postgres_url) as db:
        db.execute("SELECT FROM sessions FOR UPDATE")
        with SessionManager(postgres_url, clock=lambda: columns.now() + 2 * ACCESS_GRAIN) as manager:
            manager.get_session("shared")


def test_a_reading_that_could_not_be_noted_is_noted_at_the_next(tmp_path: Path) -> None:
    path, later = tmp_path / "ithaca.db", columns.now() + 2 * ACCESS_GRAIN
    with SessionManager(path) as manager:
        manager.create_session("shared")
    with SessionManager(path, clock=lambda: later) as manager:
        with another_program(path):
            manager.get_session("shared")
            while manager._read_lately._times:
                time.sleep(0.01)
        manager.get_session("shared")
    with SessionManager(path) as manager:
        assert manager.get_session("shared", last=0).last_accessed == columns.from_time(later)
