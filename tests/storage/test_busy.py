"""Somebody else holds the lock: who writes is told after the busy timeout, who reads does not notice."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import psycopg
import pytest

from ithaca import ChatMessage, SessionManager, read_settings
from ithaca.config import Settings
from ithaca.errors import DatabaseBusy

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
