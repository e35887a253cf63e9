"""A process that generates replies is killed: what it told is stored, and others say soon that it was interrupted.

Servers too: one is killed, another one on the same database finds what it left, and one that is stopped in order ends
what it generates.
"""

import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ithaca import Reply, SessionManager
from tests.behaviour.replies.given import make_asked, wait_until
from tests.service.test_serve import Program, running
from tests.support.factories import history
from tests.support.model_server import Answer, Asked, ModelServer, model_server, said
from tests.support.processes import Worker, soaking

#: Sessions that a process answers at once, and processes that are killed.
AT_ONCE, KILLS = 3, 50 if soaking() else 2

#: Seconds after which everybody knows that a process has died: its lease, and somebody's next look.
SOON = 12

WORDS = [f"{number} — πολύτροπον 🏛 " for number in range(400)]
ALL = "".join(WORDS)


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """It says a word every few milliseconds, for longer than any process lives here."""

    def answer(_: Asked) -> Answer:
        parts = [part for event in said(*WORDS) for part in (event, random.uniform(0, 0.02))]
        return Answer(tuple(parts), headers={"content-type": "text/event-stream"})

    with model_server() as server:
        server.answer_by(answer)
        yield server


@pytest.mark.parametrize("database_url", ["sqlite", "postgres-newest"], indirect=True)
def test_killed_while_it_generates(database_url: str, model: ModelServer) -> None:
    with SessionManager(database_url) as manager:
        lives = [kill_one(database_url, manager, model) for _ in range(KILLS)]
        killed_at = time.monotonic()
        for told in lives:
            for session_id, texts in told.items():
                see_the_end(manager, session_id, texts, killed_at)
        assert any(texts for told in lives for texts in told.values())
        assert manager.sweep_replies() == 0
        assert manager.verify() == []


def kill_one(url: str, manager: SessionManager, model: ModelServer) -> dict[str, str]:
    """What a process told of each session before it was killed."""
    ids = [make_asked(manager, model).id for _ in range(AT_ONCE)]
    worker = Worker("answer_until_killed", url, *ids, module="tests.processes.replying")
    worker.wait_until_ready()
    worker.begin()
    wait_until(lambda: any(reply.size for id in ids for reply in manager.list_replies(id)), 60)
    wait_until(lambda: all(manager.list_replies(id) for id in ids))
    told = dict.fromkeys(ids, "")
    for line in worker.kill_after(random.uniform(0, 0.5)):
        session_id, _, text = json.loads(line)
        told[session_id] += text
    return told


def see_the_end(manager: SessionManager, session_id: str, told: str, killed_at: float) -> None:
    (reply,) = manager.list_replies(session_id)
    *events, end = manager.reply_events(reply.id)
    assert time.monotonic() - killed_at < SOON
    assert isinstance(end.reply, Reply)
    assert end.reply.state == "interrupted"
    stored = "".join(event.text for event in events)
    assert stored.startswith(told)
    assert ALL.startswith(stored)
    assert history(manager, session_id) == ["Sing!", *([stored] if stored else [])]


def ask(program: Program, client: httpx.Client, model: ModelServer) -> Any:
    body = {"name": "Trip", "endpoint_url": f"muse-{model.port}"}
    session = client.post("/api/sessions", json=body).json()["id"]
    response = client.post(f"/api/sessions/{session}/replies", json={"content": "Sing!"})
    assert response.status_code == 201, response.text
    return response.json()


def texts_of(client: httpx.Client, reply_id: str, after: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    with client.stream("GET", f"/api/replies/{reply_id}/events", params={"after": after}) as response:
        for line in response.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                yield event["offset"], event


def test_a_server_is_killed_and_another_one_tells_the_rest(tmp_path: Path, model: ModelServer) -> None:
    database = f"sqlite:///{tmp_path}/served.db"
    with SessionManager(database) as manager:
        manager.create_endpoint(f"muse-{model.port}", model.url, model="muse", shared=True)
        with running(database) as first, running(database) as second:  # noqa: SIM117
            with first.browser() as here, second.browser() as there:
                reply = ask(first, here, model)
                heard, offset = "", 0
                for offset, event in texts_of(here, reply["id"]):  # noqa: B007, where he left off
                    heard += event.get("text", "")
                    if len(heard) > 100:
                        break
                rest = list[str]()
                listening = threading.Thread(target=lambda: rest.extend(
                    event.get("text", "") for _, event in texts_of(there, reply["id"], offset)
                ))  # fmt: skip
                listening.start()
                time.sleep(0.3)
                first.send(signal.SIGKILL)
                listening.join(SOON)
                assert not listening.is_alive()
                ended = there.get(f"/api/replies/{reply['id']}").json()
        assert ended["state"] == "interrupted"
        whole = heard + "".join(rest)
        assert len(whole) == ended["size"]
        assert ALL.startswith(whole)
        assert manager.get_message(reply["session_id"], reply["id"]).content == whole
        assert manager.verify() == []


def test_a_server_that_is_stopped_ends_its_replies(
    tmp_path: Path, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITHACA_STOP_SECONDS", "1")
    database = f"sqlite:///{tmp_path}/served.db"
    with SessionManager(database) as manager:
        manager.create_endpoint(f"muse-{model.port}", model.url, model="muse", shared=True)
        with running(database) as program:
            with program.browser() as client:
                reply = ask(program, client, model)
                wait_until(lambda: manager.get_reply(reply["id"]).size > 50)
            status, _ = program.end()
        assert status == 0
        ended = manager.get_reply(reply["id"])
        assert ended.state == "interrupted"
        assert ended.message_id is not None
        assert ALL.startswith(str(manager.get_message(reply["session_id"], ended.message_id).content))
        assert manager.verify() == []
