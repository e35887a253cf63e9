"""Whoever watches a reply hears all of it, exactly once, from wherever he left off."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ithaca import InvalidArgument, ReplyEvent, Session, SessionManager
from tests.behaviour.replies.given import (
    ALL,
    WORDS,
    Held,
    call_parts,
    last,
    make_asked,
    speak,
    text,
    wait_for_size,
    wait_until,
)
from tests.support.managers import Opener, execute
from tests.support.model_server import ModelServer, event, said


def listen(manager: SessionManager, reply_id: str) -> str:
    return text(manager.reply_events(reply_id))


def listen_anew_each_time(manager: SessionManager, reply_id: str) -> list[ReplyEvent]:
    """The events that somebody hears whose connection breaks after each of them."""
    heard: list[ReplyEvent] = []
    while not heard or heard[-1].kind != "end":
        events = manager.reply_events(reply_id, after=heard[-1].offset if heard else 0)
        assert next(events).kind == "begin"
        heard.append(next(events))
    return heard


def test_a_watcher_that_reconnects_after_every_event(
    open_manager: Opener, manager: SessionManager, session: Session, model: ModelServer
) -> None:
    speak(model, *[part for one in said(*WORDS * 5) for part in (one, 0.005)])
    reply = manager.start_reply(session.id, "Sing!")
    other = open_manager()
    with ThreadPoolExecutor() as pool:
        for heard in pool.map(listen_anew_each_time, [manager, other], [reply.id] * 2):
            assert text(heard) == ALL * 5
            offsets = [event.offset for event in heard]
            assert offsets == sorted(set(offsets))


def test_from_each_offset(manager: SessionManager, session: Session, model: ModelServer) -> None:
    """Also from the midst of a piece; after the end, there is nothing."""
    parts = [event(delta={"reasoning": "Well — "}), *said(*WORDS)[:-2], *call_parts(0, "look"), *said()]
    speak(model, *parts)
    reply = last(manager.reply(session.id, "Sing!"))
    whole = "Well — " + ALL
    for after in range(len(whole) + 1):
        begin, *events, end = manager.reply_events(reply.id, after=after)
        assert "".join(event.text for event in events) == whole[after:]
        assert [event.kind for event in events][-1] == "tool_call"
        assert (begin.offset, end.offset) == (after, reply.size + 1)
    assert list(manager.reply_events(reply.id, after=reply.size + 1)) == []
    with pytest.raises(InvalidArgument):
        list(manager.reply_events(reply.id, after=reply.size + 2))


def test_many_watchers_here_and_elsewhere(
    open_manager: Opener, manager: SessionManager, session: Session, model: ModelServer
) -> None:
    held = Held(model)
    reply, other = manager.start_reply(session.id, "Sing!"), open_manager()
    with ThreadPoolExecutor(12) as pool:
        listening = [pool.submit(listen, watcher, reply.id) for watcher in (manager, other) * 6]
        wait_for_size(manager, reply, 10)
        held.go_on()
        assert {heard.result(20) for heard in listening} == {ALL}
    assert listen(other, reply.id) == ALL


def test_an_iterator_that_is_left_leaves_the_reply_alone(
    manager: SessionManager, session: Session, model: ModelServer
) -> None:
    held = Held(model)
    events = manager.reply(session.id, "Sing!")
    next(events)
    events.close()  # type: ignore[attr-defined]
    held.go_on()
    assert manager.wait_for_replies(20)
    (reply,) = manager.list_replies(session.id)
    assert (reply.state, listen(manager, reply.id)) == ("complete", ALL)


def test_pieces_are_kept_for_an_hour(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    model.say(*WORDS)
    old = last(alone.reply(session.id, "Sing!"))
    database = f"sqlite:///{alone.info().database}"
    execute(database, "UPDATE replies SET ended_at = ended_at - 3600000000")
    assert listen(alone, old.id) == ALL
    last(alone.reply(session.id, "Again!"))
    assert [event.kind for event in alone.reply_events(old.id)] == ["begin", "missed", "end"]
    assert [event.kind for event in alone.reply_events(old.id, after=old.size)] == ["begin", "end"]
    assert execute(database, "SELECT count(DISTINCT reply_id) FROM reply_pieces") == [(1,)]


def test_who_leaves_is_not_followed_for(alone: SessionManager, model: ModelServer) -> None:
    """The lookout for other processes' replies ends with the last watcher."""
    held = Held(model)
    reply = alone.start_reply(make_asked(alone, model).id, "Sing!")
    with SessionManager(alone.info().database) as other:
        events = other.reply_events(reply.id)
        next(event for event in events if event.kind == "text")
        engine = other._engines.all[0].engine
        events.close()  # type: ignore[attr-defined]
        wait_until(lambda: engine._followed == {} and engine._lookout is None)  # closing doesn't wait for it
    held.go_on()
    assert alone.wait_for_replies(20)


def test_a_failure_nobody_thought_of_is_told_and_ends_with_those_who_watched(
    alone: SessionManager, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(model)
    reply = alone.start_reply(make_asked(alone, model).id, "Sing!")
    with SessionManager(alone.info().database) as other:
        with monkeypatch.context() as broken:
            broken.setattr("ithaca.replies.engine.standings", None)
            with pytest.raises(TypeError):
                listen(other, reply.id)
        held.go_on()
        assert listen(other, reply.id) == ALL


def test_who_paused_hears_what_others_began_to_follow_later(alone: SessionManager, model: ModelServer) -> None:
    first, second = threading.Event(), threading.Event()
    parts = said("Sing, ", "O goddess, ", "the anger.")
    speak(model, parts[0], first, parts[1], second, *parts[2:])
    reply = alone.start_reply(make_asked(alone, model).id, "Sing!")
    wait_for_size(alone, reply, 6)
    with SessionManager(alone.info().database) as other, ThreadPoolExecutor() as pool:
        paused = other.reply_events(reply.id)
        next(paused)
        first.set()
        wait_for_size(alone, reply, 17)
        later = pool.submit(listen, other, reply.id)
        wait_until(lambda: other._engines.all and other._engines.all[0].engine._followed)
        second.set()
        assert text(paused) == later.result(20) == "Sing, O goddess, the anger."
