"""PostgreSQL's connections break at any moment: an operation is repeated or raises, and is never done twice."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

import psycopg
import pytest

from ithaca import AsyncSessionManager, ChatMessage, SessionManager
from ithaca.errors import ConfigurationError, DatabaseUnavailable, StorageError
from tests.support.processes import rounds

OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def admin(postgres_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        yield admin


def test_broken_while_idle(postgres_url: str, admin: psycopg.Connection[object]) -> None:
    with SessionManager(postgres_url) as manager:
        manager.create_session("shared")
        admin.execute(OTHERS)
        manager.add_message("shared", ChatMessage("user", "1"))
        admin.execute(OTHERS)
        assert manager.get_session("shared").message_count == 1
        admin.execute(OTHERS)
        manager.rename_session("shared", "2")
        admin.execute(OTHERS)
        assert manager.count_sessions() == 1
        assert manager.get_session("shared").revision == 3


def test_broken_while_idle_on_an_event_loop(postgres_url: str, admin: psycopg.Connection[object]) -> None:
    async def main() -> None:
        async with AsyncSessionManager(postgres_url) as manager:
            await manager.create_session("shared")
            admin.execute(OTHERS)
            await manager.add_message("shared", ChatMessage("user", "1"))
            admin.execute(OTHERS)
            assert (await manager.get_session("shared")).message_count == 1
            admin.execute(OTHERS)
            assert (await manager.rename_session("shared", "2")).revision == 3

    asyncio.run(main())


class Breaker:
    """Breaks every connection to the database again and again, until it is told to stop."""

    def __init__(self, url: str, pause: float = 0.05) -> None:
        self._pause = pause
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[url])
        self.times = 0

    def _run(self, url: str) -> None:
        with psycopg.connect(url, autocommit=True) as admin:
            while not self._stopped.wait(self._pause):
                admin.execute(OTHERS)
                self.times += 1

    def __enter__(self) -> "Breaker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()


def test_broken_while_messages_are_added(postgres_url: str) -> None:
    """Adding messages is safe to repeat, so that none is doubled, and none lost that was acknowledged."""
    acknowledged: set[str] = set()
    given_up: set[str] = set()
    with SessionManager(postgres_url) as manager:
        manager.create_session("shared")
    with SessionManager(postgres_url) as manager, Breaker(postgres_url) as breaker:

        def write(writer: str) -> None:
            for number in count():
                text = f"{writer} {number}"
                try:
                    manager.add_message("shared", ChatMessage("user", text))
                    acknowledged.add(text)
                except StorageError:
                    given_up.add(text)
                if breaker.times >= rounds(20):
                    return

        threads = [threading.Thread(target=write, args=[name]) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with SessionManager(postgres_url) as manager:
        history = manager.get_session("shared").history
        texts = [str(message.content) for message in history]
        assert len(texts) == len(set(texts))
        assert acknowledged <= set(texts) <= acknowledged | given_up
        assert [message.seq for message in history] == list(range(1, len(history) + 1))
        assert len(given_up) < len(acknowledged)
        assert manager.verify() == []


def test_broken_while_sessions_change(postgres_url: str) -> None:
    """What isn't safe to repeat is done once or not at all: the revision counts what was done."""
    done = doubtful = 0
    with SessionManager(postgres_url) as manager:
        manager.create_session("shared")
        with Breaker(postgres_url) as breaker:
            while breaker.times < rounds(20):
                try:
                    manager.rename_session("shared", f"{done} {doubtful}")
                    done += 1
                except StorageError:
                    doubtful += 1
        assert 1 + done <= manager.get_session("shared").revision <= 1 + done + doubtful
        assert manager.verify() == []


def test_broken_while_reading(postgres_url: str) -> None:
    """What is read is whole, or the reader is told."""
    read = 0
    with SessionManager(postgres_url) as manager:
        manager.create_session("shared")
        manager.add_messages("shared", [ChatMessage("user", str(number)) for number in range(500)])
        with Breaker(postgres_url, pause=0.1) as breaker:
            while breaker.times < rounds(20):
                with suppress(DatabaseUnavailable):
                    assert len(manager.get_session("shared").history) == 500
                    assert len(list(manager.iter_messages("shared"))) == 500
                    read += 1
    assert read > 0


@contextmanager
def outage(url: str) -> Iterator[None]:
    """The server lets nobody into the database, as while it restarts."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(url, dbname="postgres", autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'".encode())
        try:
            yield
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


def test_a_short_outage_is_sat_out(postgres_url: str) -> None:
    with SessionManager(postgres_url) as manager:
        manager.create_session("shared")
        adding = threading.Thread(target=manager.add_message, args=["shared", ChatMessage("user", "hello")])
        with outage(postgres_url):
            adding.start()
            adding.join(0.3)
            assert adding.is_alive()
        adding.join()
        assert [message.content for message in manager.get_session("shared").history] == ["hello"]


def test_a_long_outage_is_told(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITHACA_BUSY_TIMEOUT", "0.3")
    with SessionManager(postgres_url) as manager:
        manager.create_session("shared")
        with outage(postgres_url):
            begun = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                manager.add_message("shared", ChatMessage("user", "hello"))
            with pytest.raises(DatabaseUnavailable):
                manager.list_sessions()
            assert time.monotonic() - begun < 15
        assert recovered(manager, time.monotonic() + 5)
        assert manager.get_session("shared").message_count == 0


def recovered(manager: SessionManager, deadline: float) -> bool:
    """Whether the manager finds back to its server by itself."""
    while time.monotonic() < deadline:
        with suppress(DatabaseUnavailable):
            return manager.count_sessions() == 1
    return False


@contextmanager
def a_server_that_refuses(password_error: bytes) -> Iterator[int]:
    """Something on a port that answers every connection with an error of PostgreSQL's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_refuse, args=[server, password_error], daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _refuse(server: socket.socket, message: bytes) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return  # closed: the test is over
        with client:
            client.recv(1000)
            fields = b"SFATAL\0VFATAL\0C28P01\0M" + message + b"\0\0"
            client.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "127.0.0.1:1,127.0.0.1:2", "nowhere.invalid", "%2Fno%2Fsuch%2Fdirectory"]
)
def test_a_server_that_is_not_there(address: str) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        SessionManager(f"postgresql://ann:Zx9secret@{address}/chats")
    assert_one_sentence(str(caught.value))


def test_a_server_that_is_not_there_on_an_event_loop() -> None:
    async def main() -> None:
        async with AsyncSessionManager("postgresql://ann:Zx9secret@127.0.0.1:1/chats"):
            pass

    with pytest.raises(DatabaseUnavailable) as caught:
        asyncio.run(main())
    assert_one_sentence(str(caught.value))


def test_a_wrong_password() -> None:
    with a_server_that_refuses(b'password authentication failed for user "ann"') as port:
        url = f"postgresql://ann:Zx9secret@127.0.0.1:{port}/chats?sslmode=disable&gssencmode=disable"
        with pytest.raises(DatabaseUnavailable, match="password authentication failed") as caught:
            SessionManager(url)
        assert_one_sentence(str(caught.value))


def test_a_database_that_is_not_there(postgres_url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]
    with pytest.raises(DatabaseUnavailable, match="does not exist") as caught:
        SessionManager(postgres_url.replace(f"/{name}?", "/nothing?"))
    assert_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:Zx9secret%@h/chats",
        "postgresql://ann:Zx9secret@h:port/chats",
        "postgresql://ann:Zx9secret@[::1/chats",
        "postgresql://h/chats?password=Zx9secret&no_such_option=1",
        "postgresql://h/chats?password=Zx9secret%",
    ],
)
def test_a_malformed_url_is_refused_without_the_password(url: str) -> None:
    with pytest.raises((ConfigurationError, StorageError)) as caught:
        SessionManager(url)
    assert_one_sentence(str(caught.value))


def assert_one_sentence(text: str) -> None:
    assert "Zx9secret" not in text
    assert "\n" not in text
    assert "\t" not in text
