"""`ithaca serve --workers`: several processes behind one port, as programs of their own."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path

import httpx
import pytest

from ithaca import ChatMessage, ConfigurationError, SessionManager, Settings
from ithaca.service import ServiceSettings
from ithaca.service.running import listen
from ithaca.service.workers import Plan
from ithaca.service.workers import run as begin
from tests.service.test_events import Event, listening
from tests.service.test_serve import Program, running
from tests.service.test_sessions import make, say
from tests.support.processes import soaking


def workers(program: Program) -> list[int]:
    """The processes that serve."""
    children = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@contextmanager
def stopped(*processes: int) -> Iterator[None]:
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def metric(client: httpx.Client, name: str) -> int:
    text = client.get("/metrics").text
    return int(text.partition(f"\n{name} ")[2].partition("\n")[0])


def asked(client: httpx.Client) -> int:
    """How often `/api/me` was asked, by whichever process."""
    return metric(client, 'ithaca_http_requests_total{method="GET",route="/api/me",status="200"}')


def test_two_workers_are_one_server(database_url: str) -> None:
    """News flow between them, one that is killed is replaced, and SIGTERM loses nothing that was acknowledged."""
    with running(database_url, "--workers", "2") as program, ExitStack() as stack:
        first, second = workers(program)
        streams = []
        for other in (first, second):  # each is the only one that can answer
            client, client_of_one = (stack.enter_context(program.client()) for _ in range(2))
            with stopped(other):  # in the midst of a transaction, perhaps: nobody can write meanwhile
                streams.append(stack.enter_context(listening(client)))
                ready = next(streams[-1])
                assert client_of_one.get("/api/me").status_code == 200
        client = stack.enter_context(program.client())
        make(client, id="s")
        assert [next(stream).what for stream in streams] == [("s", "created", 1)] * 2

        wait_until(lambda: asked(client) == 2)
        refused = client.post("/api/sessions", json={"incognito": True})
        assert (refused.status_code, refused.json()["field"]) == (422, "incognito")

        os.kill(first, signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            next(streams[1])
        client = stack.enter_context(program.client())
        say(client, "s", "while one is away")
        with listening(client, headers={"last-event-id": ready.id}) as stream:
            heard = (event.what for event in stream if event.name == "change")
            assert list(islice(heard, 2)) == [("s", "created", 1), ("s", "messages added", 2)]
        wait_until(lambda: len(workers(program)) == 2 and metric(client, "ithaca_processes") == 2)
        assert asked(client) == 2  # those of the one that was killed, too

        acknowledged = under_load_until_it_ends(program)
        assert [event.data for event in left(streams[0])][-1] == {"reason": "stopping"}
        status, log = program.end()
        assert (status, "Traceback" in log) == (0, False), log
    with SessionManager(database_url) as manager:
        stored = {message.id for message in manager.for_owner("").get_session("s").history}
        assert acknowledged
        assert acknowledged <= stored
        assert manager.verify() == []


def left(stream: Iterator[Event]) -> list[Event]:
    return [event for event in stream if event.name]


def under_load_until_it_ends(program: Program) -> set[str]:
    """The messages that the server said it has stored, to its end by SIGTERM."""
    acknowledged = set[str]()

    def ask(name: int) -> None:
        with program.client() as client:
            for number in range(100_000):
                message = {"role": "user", "content": "x", "id": f"{name}-{number}"}
                try:
                    answer = client.post("/api/sessions/s/messages", json={"messages": [message]})
                except httpx.TransportError:
                    return  # the server has ended
                assert answer.status_code == 201, answer.text
                acknowledged.add(message["id"])

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(acknowledged) > 50)
    program.send(signal.SIGTERM)
    for thread in threads:
        thread.join()
    return acknowledged


@pytest.mark.skipif(not soaking(), reason="make soak")
def test_who_listens_hears_all_whichever_process_dies(database_url: str) -> None:
    """A listener who comes back after each cut hears each change once, in order, while workers are killed at random."""
    with running(database_url, "--workers", "3") as program:
        with program.client() as client:
            session = make(client)["id"]
        over, heard, last = threading.Event(), [1], ""

        def write() -> None:
            with SessionManager(database_url) as manager:
                while not over.is_set():
                    manager.add_message(session, ChatMessage("user", "x"))
                    time.sleep(0.005)

        writer = threading.Thread(target=write)
        writer.start()
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with suppress(httpx.TransportError), program.client() as client:
                seen = {"last-event-id": last} if last else {}
                with listening(client, params={"session_id": session, "after": 1}, headers=seen) as stream:
                    for event in stream:
                        last = event.id or last
                        heard += [event.data["revision"]] if event.name == "change" else []
                        if random.random() < 0.01 and (victims := workers(program)):
                            os.kill(random.choice(victims), signal.SIGKILL)
        over.set()
        writer.join()
    assert len(heard) > 1000
    assert heard == list(range(1, len(heard) + 1))


@pytest.mark.skipif(not soaking(), reason="make soak")
def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    with running(f"sqlite:///{tmp_path}/hangs.db", "--workers", "2") as program:
        hanging, healthy = workers(program)
        os.kill(hanging, signal.SIGSTOP)
        end = time.monotonic() + 90
        while hanging in workers(program):
            assert time.monotonic() < end
            time.sleep(1)
        wait_until(lambda: len(workers(program)) == 2)
        assert healthy in workers(program)


def test_workers_end_with_the_first_process(tmp_path: Path) -> None:
    with running(f"sqlite:///{tmp_path}/orphans.db", "--workers", "2") as program:
        children = workers(program)
        program.send(signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{child}/cmdline").exists() for child in children))


def test_a_database_in_memory_is_one_processs() -> None:
    settings = ServiceSettings(port=0, workers=2)
    with listen(settings) as listener, pytest.raises(ConfigurationError, match="a database in memory belongs to one"):
        begin(Plan(Settings(":memory:"), settings), listener, lambda: None)
