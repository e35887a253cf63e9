"""However a reply ends, its state is true, and what is stored is exactly the beginning of what was sent."""

import random
import time
from typing import Any

import pytest

from ithaca import DatabaseUnavailable, ManagerClosed, Reply, ReplyNotFound, RevisionConflict, Session, SessionManager
from ithaca.operations import replies
from ithaca.tokens import estimate_tokens
from tests.behaviour.replies.given import ALL, WORDS, Held, call_parts, last, make_asked, speak, text, wait_for_size
from tests.support.factories import history
from tests.support.managers import Opener, execute
from tests.support.model_server import CUT, ModelServer, event, said, sent
from tests.support.processes import rounds

EVENTS = said(*WORDS, usage=(12, 7))


@pytest.mark.parametrize("breaking", [False, True])
def test_cut_after_every_number_of_chunks(alone: SessionManager, model: ModelServer, breaking: bool) -> None:
    """A stream that ends without a reason was cut, however politely."""
    session = make_asked(alone, model)
    for chunks in range(int(breaking), len(EVENTS) + 1):  # what breaks before it begins is tried again
        model.forget()
        speak(model, *EVENTS[:chunks], *([CUT] if breaking else []))
        events = list(alone.reply(session.id, f"after {chunks}"))
        reply, sent = last(events), "".join(WORDS[:chunks])
        assert reply.state == ("complete" if chunks > len(WORDS) else "interrupted")
        assert (text(events), reply.size) == (sent, len(sent))
        kept = history(alone, session.id)[-1]
        assert kept == (sent or f"after {chunks}")
        assert (reply.message_id is None) == (not sent)


def test_what_comes_after_the_reason_is_kept(
    alone: SessionManager, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ithaca.replies.producer.BEHIND", 1)
    session = make_asked(alone, model)
    speak(model, *said("On ")[:2], *(event(delta={name: "x"}) for name in ("content", "reasoning", "content") * 9))
    events = list(alone.reply(session.id, "Where?"))
    assert (text(events), last(events).state) == ("On " + "x" * 18, "complete")
    assert history(alone, session.id)[-1] == text(events)


def test_calls_that_are_cut_are_not_kept(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    events = [event(delta={"content": "Let me see."}), *call_parts(0, "look", '{"a"', ": 1}"), *call_parts(1, "ask")]
    for chunks in range(1, len(events) + 1):
        model.forget()
        speak(model, *events[:chunks])
        assert last(alone.reply(session.id, "Look!")).state == "interrupted"
        message = alone.get_session(session.id).history[-1]
        assert (message.content, message.tool_calls) == ("Let me see.", None)
    sent = alone.context(session.id, max_tokens=10_000).to_openai()
    assert all("tool_calls" not in message for message in sent)


@pytest.mark.parametrize("finish", ["length", "tool_calls"])
def test_a_call_that_is_cut_in_its_name_is_not_kept(finish: str, alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    speak(model, *call_parts(0, "look", "{}"), *call_parts(1, "get_wea", id="c2"), *said(finish=finish))
    assert last(alone.reply(session.id, "Look!")).state == "complete"
    calls = alone.get_session(session.id).history[-1].tool_calls or []
    names = [call["function"]["name"] for call in calls]
    assert names == (["look"] if finish == "length" else ["look", "get_wea"])


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_the_providers_words_are_kept(alone: SessionManager, model: ModelServer, status: int) -> None:
    session = make_asked(alone, model)
    model.fail(status, "the model is gone to sea", retry_after="9999")
    reply = last(alone.reply(session.id, "Sing!"))
    assert reply.state == "failed"
    assert reply.error is not None
    assert (reply.error["error"], reply.error["status"]) == ("ProviderError", status)
    assert "the model is gone to sea" in reply.error["words"]
    assert history(alone, session.id) == ["Sing!"]
    assert alone.usage() == []


def test_429_and_then_an_answer(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    model.fail(429, "slowly", retry_after="0")
    model.say("Now.")
    assert text(alone.reply(session.id, "Sing!")) == "Now."


def test_nobody_is_there(alone: SessionManager) -> None:
    session = alone.create_session(endpoint_url="http://127.0.0.1:9/v1", model="m", name="x")
    reply = alone.start_reply(session.id, "Sing!")
    assert alone.stop_reply(reply.id).state in ("stopped", "failed")


def test_a_slow_first_token_keeps_the_lease(
    alone: SessionManager, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ithaca.replies.producer.HEARTBEAT", 0.1)
    monkeypatch.setattr("ithaca.operations.replies._HOLD", _short_lease("_HOLD"))
    speak(model, 1.0, *EVENTS)
    reply = alone.start_reply(make_asked(alone, model).id, "Sing!")
    with SessionManager(alone.info().database) as other:
        while (found := other.get_reply(reply.id)).running:
            other.sweep_replies()
            time.sleep(0.02)
    assert (found.state, found.size) == ("complete", len(ALL))


def _short_lease(name: str) -> str:
    from ithaca.operations import replies

    return str(getattr(replies, name)).replace(str(replies.LEASE), "400000")


def test_stopped_by_another_manager(
    open_manager: Opener, manager: SessionManager, session: Session, model: ModelServer
) -> None:
    held = Held(model)
    reply = manager.start_reply(session.id, "Sing!")
    sent = "".join(WORDS[:3])
    wait_for_size(manager, reply, len(sent))
    stopped = open_manager().stop_reply(reply.id)
    assert (stopped.state, stopped.message_id, stopped.size) == ("stopped", reply.id, len(sent))
    held.go_on()
    assert manager.wait_for_replies(20)
    assert history(manager, session.id) == ["Sing!", sent]
    assert manager.get_session(session.id).history[-1].metadata["state"] == "stopped"
    assert last(manager.reply_events(reply.id)) == stopped
    assert manager.stop_reply(reply.id) == stopped


def test_closing_the_manager_interrupts(open_manager: Opener, model: ModelServer) -> None:
    going = open_manager()
    session = make_asked(going, model)
    held = Held(model)
    reply = going.start_reply(session.id, "Sing!")
    sent = "".join(WORDS[:3])
    wait_for_size(going, reply, len(sent))
    going.close()
    held.go_on()
    with pytest.raises(ManagerClosed):
        going.get_reply(reply.id)
    other = open_manager()
    assert other.get_reply(reply.id).state == "interrupted"
    assert history(other, session.id) == ["Sing!", sent]


def lose(url: str, reply: Reply, lease_until: int = 1) -> None:
    """As if its process had died long ago."""
    execute(url, f"UPDATE replies SET lease_until = {lease_until} WHERE id = '{reply.id}'")


#: A time that is over, and one that is over, too, as it was given before the clock was put back.
@pytest.mark.parametrize("lease_until", [1, 2**61])
@pytest.mark.parametrize("finder", ["get", "list", "events", "sweep", "ask", "stop"])
def test_a_lost_reply_is_found_by_whoever_looks(
    finder: str, lease_until: int, alone: SessionManager, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who generated it after all, writes nothing any more."""
    session, sent = make_asked(alone, model), "".join(WORDS[:3])
    held = Held(model)
    model.say("Hello.")
    reply = alone.start_reply(session.id, "Sing!")
    wait_for_size(alone, reply, len(sent))
    with SessionManager(alone.info().database) as other:
        lose(f"sqlite:///{alone.info().database}", reply, lease_until)
        if finder == "get":
            other.get_reply(reply.id)
        elif finder == "list":
            other.list_replies(session.id)
        elif finder == "events":
            assert text(other.reply_events(reply.id)) == sent
        elif finder == "sweep":
            assert other.sweep_replies() == 1
            assert other.sweep_replies() == 0
        elif finder == "ask":
            last(other.reply(session.id, "And?"))
        else:
            other.stop_reply(reply.id)
    held.go_on()
    assert alone.wait_for_replies(20)
    found = alone.get_reply(reply.id)
    assert (found.state, found.size) == ("stopped" if finder == "stop" else "interrupted", len(sent))
    assert history(alone, session.id)[:2] == ["Sing!", sent]


def begin_lost(url: str, session: Session, reply_id: str) -> None:
    """A reply whose process died before it said anything."""
    execute(
        url,
        "INSERT INTO replies (owner, id, session_id, kind, state, lease_until, model, through, created_at)"
        f" VALUES ('{session.owner}', '{reply_id}', '{session.id}', 'answer', 'running', 1, 'muse', 0, 1)",
    )


def test_a_lost_reply_that_is_damaged_keeps_no_other_from_its_end(alone: SessionManager, model: ModelServer) -> None:
    database = f"sqlite:///{alone.info().database}"
    for owner in ("ann", "zoe"):
        begin_lost(database, make_asked(alone, model, owner=owner), f"of-{owner}")
    execute(database, "INSERT INTO reply_pieces VALUES ('ann', 'of-ann', 1, 'tool_call', '{')")
    assert alone.sweep_replies() == 1
    assert execute(database, "SELECT owner FROM replies WHERE state = 'running'") == [("ann",)]
    execute(database, "DELETE FROM reply_pieces")
    assert alone.sweep_replies() == 1


def test_a_lost_reply_is_ended_at_the_expected_revision(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    held = Held(model)
    model.say("Hello.")
    reply = alone.start_reply(session.id, "Sing!")
    wait_for_size(alone, reply, 10)
    lose(f"sqlite:///{alone.info().database}", reply)
    seen = alone.get_session(session.id).revision
    with pytest.raises(RevisionConflict):
        alone.start_reply(session.id, "And?", expected_revision=seen - 1)
    assert text(alone.reply(session.id, "And?", expected_revision=seen)) == "Hello."
    held.go_on()
    assert alone.wait_for_replies(20)
    assert alone.get_reply(reply.id).state == "interrupted"


def test_a_producer_that_lost_its_lease_can_write_nothing(
    open_manager: Opener, manager: SessionManager, session: Session, model: ModelServer
) -> None:
    held = Held(model)
    reply = manager.start_reply(session.id, "Sing!")
    events = manager.reply_events(reply.id)
    wait_for_size(manager, reply, len("".join(WORDS[:3])))
    lose(open_manager.url, reply)
    assert open_manager().sweep_replies() == 1
    held.go_on()
    assert text(events) == "".join(WORDS[:3])
    assert manager.wait_for_replies(20)
    assert history(manager, session.id) == ["Sing!", "".join(WORDS[:3])]


def test_a_deleted_session_is_not_brought_back(manager: SessionManager, session: Session, model: ModelServer) -> None:
    held = Held(model)
    reply = manager.start_reply(session.id, "Sing!")
    sent = "".join(WORDS[:3])
    wait_for_size(manager, reply, len(sent))
    watching = manager.reply_events(reply.id)
    next(watching)
    assert manager.delete_session(session.id).messages == 2
    held.go_on()
    assert manager.wait_for_replies(20)
    with pytest.raises(ReplyNotFound):
        list(watching)
    assert manager.list_sessions().items == []
    with pytest.raises(ReplyNotFound):
        manager.get_reply(reply.id)
    manager.undo(session.id)
    assert history(manager, session.id) == ["Sing!", sent]


def test_deleted_with_many_and_erased(alone: SessionManager, model: ModelServer) -> None:
    for remove in (
        lambda id: alone.delete_sessions([id]),
        lambda id: (alone.set_retention(owner="ann", delete_after=0), time.sleep(0.01), alone.apply_retention()),
        lambda id: alone.erase_owner("ann"),
    ):
        session = make_asked(alone, model, owner="ann")
        held = Held(model)
        reply = alone.start_reply(session.id, "Sing!")
        wait_for_size(alone, reply, 10)
        remove(session.id)
        held.go_on()
        assert alone.wait_for_replies(20)
        assert alone.list_sessions(owner="ann").items == []
        assert alone.verify() == []


def test_what_is_purged_is_in_no_reply(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    model.say("secret")
    reply = last(alone.reply(session.id, "Sing!"))
    alone.purge(alone.delete_messages(session.id, [reply.id]).trash_id)
    database = f"sqlite:///{alone.info().database}"
    assert execute(database, "SELECT count(*) FROM reply_pieces") == [(0,)]
    assert execute(database, "SELECT count(*) FROM replies") == [(0,)]


def test_stopping_races_completion(manager: SessionManager, session: Session, model: ModelServer) -> None:
    """Whoever comes first decides; there is one end, and one message."""
    ends = set()
    for number in range(rounds(6)):
        model.forget()
        speak(model, *[part for e in EVENTS for part in (e, random.uniform(0, 0.004))])
        reply = manager.start_reply(session.id, f"{number}")
        time.sleep(random.uniform(0, 0.06))
        stopped = manager.stop_reply(reply.id)
        assert manager.get_reply(reply.id) == stopped
        ends.add(stopped.state)
        kept = "" if stopped.message_id is None else manager.get_message(session.id, stopped.message_id).content
        assert isinstance(kept, str)
        assert len(kept) == stopped.size
        assert ALL.startswith(kept)
    assert ends <= {"stopped", "complete"}


def test_deleting_races_generation(manager: SessionManager, model: ModelServer) -> None:
    for number in range(rounds(4)):
        session = make_asked(manager, model)
        model.forget()
        speak(model, *[part for e in EVENTS for part in (e, random.uniform(0, 0.004))])
        manager.start_reply(session.id, f"{number}")
        time.sleep(random.uniform(0, 0.06))
        manager.delete_session(session.id)
        assert manager.wait_for_replies(20)
        assert manager.list_sessions().items == []
        manager.undo(session.id)
        said, *kept = history(manager, session.id)
        assert said == f"{number}"
        assert ALL.startswith("".join(map(str, kept)))
        manager.delete_session(session.id)


def test_half_a_character_waits_for_the_other(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    speak(
        model, *[event(delta={"content": half}) for half in ("a\ud83c", "\udfdb b", "\udfdb", "c\ud83c")], *said()[:1]
    )
    events = list(alone.reply(session.id, "Sing!"))
    assert text(events) == "a🏛 b\ufffdc\ufffd"
    assert history(alone, session.id)[-1] == text(events)


def test_halves_of_characters_in_calls(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    speak(model, *call_parts(0, "look", '{"a":"', "\ud83c", "\udfdb", '\ud83c"}'), *said())
    assert last(alone.reply(session.id, "Look!")).state == "complete"
    (call,) = alone.get_session(session.id).history[-1].tool_calls or ()
    assert call["function"]["arguments"] == '{"a":"🏛\ufffd"}'


@pytest.mark.parametrize("where", ["finish", "usage", "error"])
def test_what_no_database_stores(where: str, alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    counted = {"prompt_tokens": 10**30, "completion_tokens": -1, "cost": 1e300}
    finish, usage, error = (
        event(delta={}, finish_reason="st\ud83c\0op"),
        sent({"choices": [], "usage": counted}),
        sent({"error": {"message": "cut \ud83c here"}}),
    )
    end = {"finish": [finish], "usage": [said()[0], usage], "error": [error]}[where]
    speak(model, event(delta={"content": "Tell me"}), *end)
    events = list(alone.reply(session.id, "Sing!"))
    reply = last(events)
    assert text(events) == history(alone, session.id)[-1] == "Tell me"
    if where == "finish":
        assert reply.finish_reason == "st\ufffdop"
    elif where == "usage":
        assert (reply.input_tokens, reply.output_tokens) == (1_000_000_000, estimate_tokens("Tell me"))
    else:
        assert reply.error is not None
        assert "cut \ufffd here" in reply.error["words"]


def losing(manager: SessionManager, monkeypatch: pytest.MonkeyPatch, op: Any, error: Exception, done: bool) -> None:
    """Once, an operation fails, before or after it was done."""
    storage, failures = manager._storage, [error]
    write = storage.write

    def failing(asked: Any, *args: Any, **named: Any) -> Any:
        if asked is not op or not failures:
            return write(asked, *args, **named)
        if done:
            write(asked, *args, **named)
        raise failures.pop()

    monkeypatch.setattr(storage, "write", failing, raising=False)


@pytest.mark.parametrize("op", [replies.save, replies.end])
def test_a_failure_nobody_thought_of_ends_it_with_all_that_came(
    op: Any, alone: SessionManager, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_asked(alone, model)
    speak(model, said("Tell me")[0], 0.2, *said())
    losing(alone, monkeypatch, op, TypeError("nobody thought of it"), done=False)
    events = list(alone.reply(session.id, "Sing!"))
    reply = last(events)
    assert (reply.state, reply.error and reply.error["error"]) == ("failed", "TypeError")
    assert text(events) == history(alone, session.id)[-1] == "Tell me"


def test_an_end_whose_answer_is_lost_is_told_whole(
    alone: SessionManager, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_asked(alone, model)
    speak(model, event(delta={"content": "Tell me, "}), *call_parts(0, "look"), event(delta={"content": "O"}), *said())
    losing(alone, monkeypatch, replies.end, DatabaseUnavailable("the answer was lost"), done=True)
    events = list(alone.reply(session.id, "Sing!"))
    assert (last(events).state, text(events)) == ("complete", "Tell me, O")
    assert [event.kind for event in events][-2:] == ["tool_call", "end"]


def test_nul_is_kept(manager: SessionManager, session: Session, model: ModelServer) -> None:
    model.say("a\0b", "\ufdd0")
    assert text(manager.reply(session.id, "Sing!")) == "a\0b\ufdd0"
    assert history(manager, session.id)[-1] == "a\0b\ufdd0"
