"""`ithaca serve`, as a program of its own: begun, stopped, killed."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ithaca import AsyncSessionManager, ManagerClosed, SessionManager
from ithaca.service import ServiceSettings
from ithaca.service.running import keep_sweeping, listen
from tests.cli.running import PROGRAM
from tests.service.test_sessions import make


class Program:
    """A running `ithaca serve`."""

    def __init__(self, database: str, *options: str) -> None:
        command = [PROGRAM, "serve", "--port", "0", "--database", database, "--json", *options]
        # A file takes any number of lines; who writes into a pipe that is full waits.
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed when the program has ended
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._read_log()
        self.told = json.loads(line)
        self.address = self.told["address"]
        self._database = database

    def client(self) -> httpx.Client:
        """Asks with a key to what nobody owns."""
        with SessionManager(self._database) as manager:
            token = manager.create_key("test").token
        return httpx.Client(
            base_url=self.address, headers={"authorization": f"Bearer {token}"}, timeout=60, verify=False
        )

    def browser(self) -> httpx.Client:
        """Has a cookie, by the link that was printed."""
        origin = {"origin": self.address}
        opened = httpx.post(self.told["link"], headers=origin)
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        return httpx.Client(
            base_url=self.address, headers=origin, cookies=dict(opened.cookies), timeout=60, verify=False
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit status and its log."""
        self.send(number)
        self._process.communicate(timeout=60)
        return self._process.returncode, self._read_log()

    def _read_log(self) -> str:
        if not self._log.closed:
            with self._log:
                self._log.seek(0)
                self._said = self._log.read()
        return self._said


@contextmanager
def running(database: str, *options: str) -> Iterator[Program]:
    program = Program(database, *options)
    try:
        yield program
    finally:
        program.end(signal.SIGKILL)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/served.db"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(database: str, number: int) -> None:
    with running(database, "--owner", "ann") as program:
        with program.browser() as client:
            assert client.get("/api/me").json() == {
                "owner": "ann", "rights": ["admin", "read", "write"], "by": "link", "name": None,
            }  # fmt: skip
            make(client, id="s")
            assert client.get("/nowhere", headers={"x-request-id": "r1"}).status_code == 404
        status, log = program.end(number)
    assert status == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/link/{token}", 303), ("GET", "/api/me", 200), ("POST", "/api/sessions", 201), ("GET", "none", 404),
    ]  # fmt: skip
    assert lines[3]["request_id"] == "r1"
    with SessionManager(database) as manager:
        assert manager.for_owner("ann").get_session("s").owner == "ann"


def test_who_shows_nothing_gets_nothing(database: str) -> None:
    with running(database) as program, httpx.Client(base_url=program.address) as client:
        link = program.told["link"]
        assert client.get("/api/sessions").status_code == 401
        assert client.get("/api/sessions", headers={"host": "evil.example"}).status_code == 421
        assert client.post(link, headers={"origin": "http://evil.example"}).status_code == 403
        assert client.post(link).status_code == 303
        assert client.post(link).status_code == 401
        _, log = program.end()
    assert link.rpartition("/")[2] not in log


def test_a_log_in_outlasts_the_server(database: str) -> None:
    with running(database) as program:
        with program.browser() as client:
            cookies = dict(client.cookies)
        port = program.address.rpartition(":")[2]
    with running(database, "--port", port) as program:
        assert httpx.get(f"{program.address}/api/me", cookies=cookies).json()["by"] == "link"


def test_where_users_log_in_there_is_no_link(database: str) -> None:
    with SessionManager(database) as manager:
        manager.create_user("ann", "a long password")
    with running(database) as program:
        assert set(program.told) == {"address"}
        body = {"name": "ann", "password": "a long password"}
        assert httpx.post(f"{program.address}/api/login", json=body).status_code == 200


def test_it_ends_when_what_is_under_way_is_done(database: str) -> None:
    with running(database) as program, program.client() as client:
        make(client, id="s")
        begun, answers = threading.Event(), list[Any]()

        def slowly() -> Iterator[bytes]:
            yield b'{"messages": [{"role": "user", '
            begun.set()
            time.sleep(1)
            yield b'"content": "the last word"}]}'

        def ask() -> None:
            headers = {"content-type": "application/json"}
            answers.append(client.post("/api/sessions/s/messages", content=slowly(), headers=headers))

        thread = threading.Thread(target=ask)
        thread.start()
        begun.wait()
        program.send(signal.SIGTERM)
        thread.join()
        assert answers[0].status_code == 201
        assert program.end()[0] == 0
    with SessionManager(database) as manager:
        assert [message.content for message in manager.get_session("s").history] == ["the last word"]


def test_a_killed_server_has_done_it_once_or_not_at_all(database: str) -> None:
    """Killed while keys are being used; each key is used again afterwards."""
    with running(database) as program, program.client() as client:
        make(client, id="s")
        sent = list[int]()

        def ask() -> None:
            for number in range(10_000):
                sent.append(number)
                client.post("/api/sessions/s/messages", json=said(number), headers=key(number))

        def until_killed() -> None:
            with pytest.raises(httpx.TransportError):
                ask()

        thread = threading.Thread(target=until_killed)
        thread.start()
        while len(sent) < 40:
            time.sleep(0.01)
        program.end(signal.SIGKILL)
        thread.join()
    with running(database) as program, program.client() as client:
        for number in sent:
            answer = client.post("/api/sessions/s/messages", json=said(number), headers=key(number))
            assert answer.status_code == 201
            assert answer.json()["items"][0]["content"] == str(number)
    with SessionManager(database) as manager:
        assert [message.content for message in manager.get_session("s").history] == [str(number) for number in sent]
        assert manager.verify() == []


def said(number: int) -> Any:
    return {"messages": [{"role": "user", "content": str(number)}]}


def key(number: int) -> dict[str, str]:
    return {"idempotency-key": f"k{number}"}


def test_the_demonstration_is_there_once(database: str) -> None:
    with running(database, "--demo") as program, program.client() as client:
        sessions = client.get("/api/sessions").json()["items"]
        assert len(sessions) > 2
        ids = [session["id"] for session in sessions]
        client.post("/api/sessions:delete", json={"session_ids": ids, "important": True})
    with running(database, "--demo") as program, program.client() as client:
        assert client.get("/api/sessions").json()["items"] == []


def test_a_port_that_is_taken_is_said_to_be(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = run("serve", "--port", port, "--database", database)
    sentence = f"Error: port {port} of 127.0.0.1 cannot be used: another program listens there already.\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", sentence)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org", "192.168.1.1"])
def test_others_reach_it_only_where_they_can_be_told_apart(database: str, host: str) -> None:
    ran = run("serve", "--host", host, "--database", database)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"Error: others can reach {host}, and nobody could log in: make a user or a key first"
        " (ithaca users create, ithaca keys create), or use 127.0.0.1.\n"
    )


def test_with_a_key_others_may_reach_it(database: str) -> None:
    with SessionManager(database) as manager:
        late = manager.create_key("late", expires_at=datetime.now(UTC) + timedelta(seconds=0.1))
        time.sleep(0.1)
        assert run("serve", "--host", "0.0.0.0", "--port", "0", "--database", database).returncode == 2
        manager.revoke_key(late.key.id)
        manager.create_key("k")
    with running(database, "--host", "0.0.0.0") as program:
        assert set(program.told) == {"address"}
        port = program.address.rpartition(":")[2]
        assert httpx.get(f"http://127.0.0.1:{port}/api/me").status_code == 401


def test_a_database_that_cannot_be_opened_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, only a text of some length " * 50)
    ran = run("serve", "--port", "0", "--database", f"{tmp_path}/text.db")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "not a SQLite file" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_settings_come_from_the_environment(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITHACA_MAX_BODY_BYTES", "1000")
    with running(database) as program, program.client() as client:
        assert client.post("/api/sessions", json={"name": "x" * 1000}).status_code == 413
    monkeypatch.setenv("ITHACA_TRUSTED_PROXIES", "127.0.0.1, the proxy")
    assert "'the proxy' is no address, nor a network" in run("serve", "--database", database).stderr
    monkeypatch.setenv("ITHACA_PORT", "eighty")
    ran = run("serve", "--database", database)
    assert "ITHACA_PORT cannot be used: it is 'eighty'" in ran.stderr
    assert "ITHACA_PORT" in os.environ


def test_what_is_small_is_sent_at_once() -> None:
    async def of_a_connection() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen(ServiceSettings(port=0)) as listener:
            async with await asyncio.start_server(look, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                delayed = await found
                writer.close()
        return delayed

    assert asyncio.run(of_a_connection()) != 0


def test_lost_replies_are_looked_for_again_after_any_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    async def sweep() -> int:
        looks.append(len(looks))
        raise ManagerClosed if len(looks) == 3 else TypeError("nobody thought of it")

    async def keep() -> None:
        async with AsyncSessionManager(tmp_path / "a.db") as manager:
            monkeypatch.setattr(manager, "sweep_replies", sweep)
            await asyncio.wait_for(keep_sweeping(manager), 20)

    monkeypatch.setattr("ithaca.service.running.SWEEP", 0.01)
    asyncio.run(keep())
    assert looks == [0, 1, 2]


def test_what_libraries_warn_of_is_in_the_log_without_words_of_exceptions() -> None:
    code = """
import logging
from ithaca.service.logs import set_up_log
set_up_log("json")
try:
    raise ValueError("what somebody said")
except ValueError:
    logging.getLogger("library").exception("It failed")
    logging.getLogger("library").info("nothing")
    logging.getLogger("ithaca.service").info("once")
"""
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [(line["logger"], line["message"]) for line in lines] == [
        ("library", "It failed"),
        ("ithaca.service", "once"),
    ]
    assert "somebody" not in ran.stderr
