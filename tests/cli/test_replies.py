"""`ithaca reply`, `ithaca title` and `ithaca summarize`."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from ithaca import SessionManager
from tests.cli.running import PROGRAM, Ithaca
from tests.support.factories import history, texts
from tests.support.model_server import ModelServer, model_server, said


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def session(ithaca: Ithaca, model: ModelServer) -> str:
    with ithaca.manager() as manager:
        manager.create_session("a", "Trip", model.url, "muse")
    return "a"


def test_asks_and_prints_the_answer(ithaca: Ithaca, session: str, model: ModelServer) -> None:
    model.say("Rosy-fingered ", "dawn.\x1b[2J")
    ran = ithaca("reply", "ask", session, "Who comes?")
    assert (ran.status, ran.out, ran.err) == (0, "Rosy-fingered dawn.\\x1b[2J\n", "")
    (reply,) = ithaca.json("reply", "list", session)["items"]
    assert reply["state"] == "complete"
    assert "complete" in ithaca("reply", "list", session).out
    assert ithaca("reply", "show", reply["id"], "--after", "14").out == "dawn.\\x1b[2J\n"
    assert "The reply is complete" in ithaca("reply", "stop", reply["id"]).out
    with ithaca.manager() as manager:
        assert history(manager, session) == ["Who comes?", "Rosy-fingered dawn.\x1b[2J"]


def test_events_as_json_lines(ithaca: Ithaca, session: str, model: ModelServer) -> None:
    model.say("Dawn.")
    ran = ithaca("reply", "ask", session, "Who comes?", "--json")
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert [event["kind"] for event in events] == ["begin", "text", "end"]
    assert events[-1]["reply"]["state"] == "complete"


def test_what_goes_wrong_is_told(ithaca: Ithaca, session: str, model: ModelServer) -> None:
    model.answer(*said("Rosy", finish=None)[:1], content_type="text/event-stream")
    model.say("-fingered.")
    model.say("Dawn.")
    model.fail(401, "who are you?")
    ran = ithaca("reply", "ask", session, "Who comes?")
    assert (ran.status, ran.out) == (1, "Rosy\n")
    assert ran.err == "Error: The reply is interrupted: the stream ended before the model had finished.\n"
    assert ithaca("reply", "continue", session).out == "-fingered.\n"
    assert ithaca("reply", "regenerate", session).out == "Dawn.\n"
    ran = ithaca("reply", "ask", session, "And now?")
    assert ran.status == 1
    assert "who are you?" in ran.err


def test_title_and_summary(ithaca: Ithaca, session: str, model: ModelServer) -> None:
    with ithaca.manager() as manager:
        manager.add_messages(session, texts(4))
        manager.rename_session(session, "New chat")
    model.say("Counting")
    model.say("They counted.")
    assert ithaca("title", session).out == "It is called: Counting\n"
    assert ithaca("summarize", session, "--through", "2").out.startswith("A summary stands for the messages up to 2: ")


def test_ctrl_c_stops_the_reply_and_keeps_it(ithaca: Ithaca, session: str, model: ModelServer) -> None:
    dawn = said("Rosy-fingered ", "dawn.")
    model.answer(dawn[0], 60.0, *dawn[1:], content_type="text/event-stream")
    command = [PROGRAM, "reply", "ask", session, "Who comes?", "--database", ithaca.database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as asking:
        assert asking.stdout is not None
        assert asking.stdout.read(14) == b"Rosy-fingered "
        asking.send_signal(signal.SIGINT)
        assert asking.wait(20) == 130
    with SessionManager(ithaca.database) as manager:
        assert history(manager, session) == ["Who comes?", "Rosy-fingered "]
        assert manager.list_replies(session)[0].state == "stopped"
