"""`ithaca chat` in a real terminal, with a model's server that answers to the byte."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ithaca import SessionManager
from ithaca.cli.chat.streaming import Streaming, split
from ithaca.cli.chat.talk import Talk
from ithaca.cli.here import Here
from tests.cli.running import Ithaca, run
from tests.cli.terminal import Terminal, terminal
from tests.support.model_server import ModelServer, event, model_server, said

#: Retitles the window, and clears the screen.
HOSTILE = "a\x1b]0;title\x07b\x1b[2Jc"


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def here(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: ModelServer) -> str:
    """A database with one endpoint, of somebody whose home is the test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ITHACA_DATABASE_URL", database)
    monkeypatch.setenv("ITHACA_TITLES", "off")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    with SessionManager(database) as manager:
        manager.create_endpoint("local", model.url, model="small")
    return database


def history(database: str, session_id: str | None = None) -> list[tuple[str, str]]:
    with SessionManager(database) as manager:
        id = session_id or manager.list_sessions()[0].id
        assert manager.verify() == []
        return [(message.role, str(message.content)) for message in manager.get_session(id).history]


def ask(chat: Terminal, text: str, answer: str, count: int = 1) -> None:
    """Types a line, and looks for what comes."""
    chat.enter(text)
    chat.wait_for(answer, count)


def test_a_conversation(here: str, model: ModelServer, tmp_path: Path) -> None:
    model.say("**Two days** by chariot.\n\n", "From Pylos.")
    model.fail(401, "Incorrect API key")
    model.say("Yes.")
    model.answer(event(delta={"content": HOSTILE}), event(delta={}, finish_reason="stop"))
    with terminal("chat") as chat:
        ask(chat, "How far is Sparta?", "From Pylos.")
        ask(chat, "/help", "/export")
        ask(chat, "/model other", "other answers from now on")
        ask(chat, "Sure?", "failed: Incorrect API key")
        ask(chat, "/retry", "Yes.")
        ask(chat, "/export trip.md", "Wrote trip.md")
        ask(chat, "/export trip.md", "File exists")
        ask(chat, "/none", "is no command")
        ask(chat, "Hello", r"\x1b[2Jc")
        assert chat.leave() == 0
    assert history(here)[:4] == [
        ("user", "How far is Sparta?"), ("assistant", "**Two days** by chariot.\n\nFrom Pylos."),
        ("user", "Sure?"), ("assistant", "Yes."),
    ]  # fmt: skip
    assert ("**" in chat.seen, "\x1b]0;title" in chat.raw) == (False, False)
    assert [asked.json["model"] for asked in model.requests] == ["small", "other", "other", "other"]
    written = (tmp_path / "trip.md").read_text()
    assert "## You\n\nHow far is Sparta?\n\n## Assistant\n\n**Two days** by chariot." in written


def test_stopping_retrying_undoing_and_forking(here: str, model: ModelServer) -> None:
    with SessionManager(here) as manager:
        manager.create_session("s-1", "Trip", "local", "small")
    gate = threading.Event()
    model.answer(*said("On ", "Ogygia")[:2], gate, *said(" he sits.")[:2])
    for number in (1, 2):
        model.say(f"Answer {number}.")
    with terminal("chat", "s-1") as chat:
        ask(chat, "Where is he?", "On Ogygia")
        chat.type("\x03")
        chat.wait_for("stopped; what was said is kept")
        ask(chat, "/stop", "Nothing is being answered")
        ask(chat, "/retry", "Answer 1.")
        ask(chat, "/fork Other", "This is a copy of s-1")
        ask(chat, "And?", "Answer 2.")
        ask(chat, "/undo", "Took back: And?")
        ask(chat, "/undo", "Took back: Where is he?")
        ask(chat, "/undo", "no question to take back")
        ask(chat, "/redo", "Where is he?", 3)
        ask(chat, "/search Answer", "Trip")
        ask(chat, "/quit", "Go on with: ithaca chat")
        assert chat.process.wait(20) == 0
    gate.set()
    assert history(here, "s-1") == [("user", "Where is he?"), ("assistant", "Answer 1.")]
    with SessionManager(here) as manager:
        versions = manager.list_versions("s-1", str(manager.get_session("s-1").history[-1].id))
        assert [version.message.content for version in versions] == ["On Ogygia", "Answer 1."]
        assert [session.name for session in manager.list_sessions()] == ["Other", "Trip"]


def test_ctrl_c_counts_whenever_it_comes(here: str, model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Streaming, "say", interrupted)
    monkeypatch.setattr(Here, "watched", True)
    gate = threading.Event()
    model.answer(*said("On ", "Ogygia")[:2], gate)
    with Here(here, None, json=False) as place:
        session = place.manager.create_session("s-1", "Trip", "local", "small")
        Talk(place, session).answer(place.manager.reply("s-1", "Where is he?"))
        assert [reply.state for reply in place.manager.list_replies("s-1")] == ["stopped"]
    gate.set()


def test_a_killed_terminal_is_gone_on_with(here: str, model: ModelServer) -> None:
    gate = threading.Event()
    model.answer(*said("On ", "Ogygia")[:2], gate)
    model.say(", with Calypso.")
    with terminal("chat") as chat:
        ask(chat, "Where is he?", "On Ogygia")
        chat.kill()
    with terminal("chat", "--last") as again:
        again.wait_for("On Ogygia")
        again.wait_for("interrupted; what was said is kept")
        ask(again, "/continue", "with Calypso.")
        again.ready()
        again.type("\x1b[A\x1b[A")  # what was typed is remembered, by the other program too
        again.wait_for("Where is he?", 2)
        again.type("\x03")
        assert again.leave() == 0
    gate.set()
    assert history(here) == [("user", "Where is he?"), ("assistant", "On Ogygia, with Calypso.")]
    assert (Path.home() / ".local/share/ithaca/chat-history").stat().st_mode & 0o777 == 0o600


def test_from_a_pipe_it_is_one_question(here: str, model: ModelServer) -> None:
    model.say("**Two days** by chariot.\n\n", "From Pylos.")
    ran = run("chat", stdin=b"How far is Sparta?\n")
    assert (ran.status, ran.err, ran.out) == (0, "", "**Two days** by chariot.\n\nFrom Pylos.\n")
    assert len(history(here)) == 2


def test_what_it_needs_is_said(ithaca: Ithaca) -> None:
    none = ithaca("chat", "--last")
    assert (none.status, "no session yet" in none.err) == (1, True)
    unregistered = ithaca("chat")
    assert (unregistered.status, "endpoints discover" in unregistered.err) == (1, True)
    for name in ("one", "two"):
        ithaca("endpoints", "add", name, "http://127.0.0.1:9/v1")
    assert "give --endpoint one or two" in ithaca("chat").err
    assert ithaca("chat", "s-1", "--last").status == 2
    assert ithaca("chat", "s-1").status == 1


def test_markdown_is_whole_at_a_blank_line_outside_of_fences_and_lists() -> None:
    for text, whole in {
        "": "",
        "one": "",
        "one\n\n": "",
        "one\n\ntwo": "one\n\n",
        "one\n\ntwo\n\nthree": "one\n\ntwo\n\n",
        "- one\n\n  more": "",
        "```\none\n\ntwo": "",
        "```py\none\n\n```\n\ntwo": "```py\none\n\n```\n\n",
        "~~~\n```\n\n~~~\n\ntwo": "~~~\n```\n\n~~~\n\n",
        "````\n```\n\nx\n````\n\ny": "````\n```\n\nx\n````\n\n",
    }.items():
        assert split(text) == (whole, text[len(whole) :]), text
