"""What a model does beside conversations: titles and summaries, which can be switched off."""

from dataclasses import replace
from pathlib import Path

import pytest

from ithaca import (
    ConfigurationError,
    ContextTooSmall,
    ProviderError,
    ReplyRunning,
    Session,
    SessionManager,
    read_settings,
)
from ithaca.replies.helpers import title_in
from tests.behaviour.replies.given import Held, last, make_asked, speak, wait_until
from tests.support.factories import history, texts
from tests.support.model_server import ModelServer, said


def test_a_title_after_the_first_exchange(manager: SessionManager, model: ModelServer) -> None:
    session = manager.create_session(endpoint_url=model.url, model="muse")
    for words in ("Of Odysseus.", '"Travels of a hero"\n'):
        model.say(words)
    last(manager.reply(session.id, "Of whom do you sing?"))
    wait_until(lambda: manager.get_session(session.id).name == "Travels of a hero")
    asked = model.requests[1].json["messages"][0]["content"]
    assert "Of whom do you sing?" in asked
    assert "Of Odysseus." in asked
    assert history(manager, session.id) == ["Of whom do you sing?", "Of Odysseus."]
    last(manager.reply(session.id, "And?"))
    assert manager.wait_for_replies(20)
    assert len(model.requests) == 3
    assert manager.title_session(session.id).name == "Travels of a hero"


def test_a_name_that_somebody_gave_stays(alone: SessionManager, model: ModelServer) -> None:
    session = alone.create_session(endpoint_url=model.url, model="muse")
    model.say("Of Odysseus.")
    held = Held(model, *said("A title"), after=1)
    last(alone.reply(session.id, "Of whom do you sing?"))
    wait_until(lambda: len(model.requests) == 2)
    alone.rename_session(session.id, "Mine")
    held.go_on()
    wait_until(lambda: not alone._engines.all[0].engine._tasks)
    assert alone.get_session(session.id).name == "Mine"


def test_a_title_that_fails_changes_nothing(alone: SessionManager, model: ModelServer) -> None:
    session = alone.create_session(endpoint_url=model.url, model="muse")
    alone.add_messages(session.id, texts(2))
    for parts in (said("A tit", finish=None)[:1], said("<think>Hm"), said("")):
        model.forget()
        speak(model, *parts)
        with pytest.raises(ProviderError):
            alone.title_session(session.id)
    assert alone.get_session(session.id).name == "New chat"


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Title: **The sea**.", "The sea"),
        ("<think>What?\n</think>\n\n“Wine-dark”", "Wine-dark"),
        ("word " * 40, ("word " * 16).strip() + "…"),
        ("\n", ""),
    ],
)
def test_the_title_in_an_answer(answer: str, title: str) -> None:
    assert title_in(answer) == title


def test_a_summary(manager: SessionManager, session: Session, model: ModelServer) -> None:
    manager.add_messages(session.id, texts(6))
    model.say("They counted to four.")
    compaction = manager.summarize(session.id, keep_last=2)
    assert (compaction.summary, compaction.through, compaction.counts) == ("They counted to four.", 4, True)
    asked = model.requests[0].json["messages"]
    assert [message["content"] for message in asked[:-1]] == ["1", "2", "3", "4"]
    manager.undo(session.id)
    assert manager.list_compactions(session.id) == []


def test_a_summary_that_fails_changes_nothing(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    alone.add_messages(session.id, texts(6))
    before = alone.get_session(session.id)
    for parts in (said("They coun", finish=None)[:1], said(" "), ()):
        model.forget()
        speak(model, *parts)
        with pytest.raises(ProviderError):
            alone.summarize(session.id, keep_last=2)
    model.forget()
    model.fail(401)
    with pytest.raises(ProviderError):
        alone.summarize(session.id, through=3)
    with pytest.raises((ContextTooSmall, ValueError)):
        alone.summarize(session.id, keep_last=2, context_tokens=16)
    assert alone.get_session(session.id) == before
    assert alone.list_compactions(session.id) == []


def test_no_summary_while_it_is_answered(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    alone.add_messages(session.id, texts(6))
    held = Held(model)
    reply = alone.start_reply(session.id)
    with pytest.raises(ReplyRunning):
        alone.summarize(session.id, keep_last=2)
    held.go_on()
    last(alone.reply_events(reply.id))
    assert alone.list_compactions(session.id) == []


def test_a_reply_that_begins_while_a_summary_is_made_comes_first(alone: SessionManager, model: ModelServer) -> None:
    from concurrent.futures import ThreadPoolExecutor

    session = make_asked(alone, model)
    alone.add_messages(session.id, texts(6))
    summing, answering = Held(model, *said("They counted."), after=1), Held(model)
    with ThreadPoolExecutor() as pool:
        summary = pool.submit(alone.summarize, session.id, keep_last=2)
        wait_until(lambda: len(model.requests) == 1)
        reply = alone.start_reply(session.id)
        summing.go_on()
        with pytest.raises(ReplyRunning):
            summary.result()
    answering.go_on()
    last(alone.reply_events(reply.id))
    assert alone.list_compactions(session.id) == []


def test_both_can_be_switched_off(model: ModelServer, tmp_path: Path) -> None:
    environ = {"ITHACA_TITLES": "off", "ITHACA_SUMMARIES": "off"}
    settings = read_settings(tmp_path / "off.db", environ=environ)
    assert replace(settings, titles=True, summaries=True) == read_settings(tmp_path / "off.db", environ={})
    model.say("Yes.")
    with SessionManager(settings=settings) as manager:
        session = manager.create_session(endpoint_url=model.url, model="muse")
        last(manager.reply(session.id, "Well?"))
        with pytest.raises(ConfigurationError, match="switched off"):
            manager.summarize(session.id, keep_last=0)
        assert manager.wait_for_replies(20)
        assert (len(model.requests), manager.get_session(session.id).name) == (1, "New chat")
    with pytest.raises(ConfigurationError):
        read_settings(tmp_path / "off.db", environ={"ITHACA_TITLES": "maybe"})
