"""A model is asked: what it says is told as it is stored, and becomes a message."""

import pytest

from ithaca import (
    ChatMessage,
    ContextTooSmall,
    EndpointRefused,
    InvalidArgument,
    InvalidSession,
    MessageNotFound,
    Page,
    ReplyNotFound,
    ReplyRunning,
    RevisionConflict,
    Session,
    SessionManager,
    SessionNotFound,
)
from ithaca.reply import ReplyKind
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
from tests.support.factories import history
from tests.support.model_server import ModelServer, event, said
from tests.support.providers import refused_by_anthropic, refused_by_openai


def test_an_answer_is_told_and_becomes_a_message(manager: SessionManager, session: Session, model: ModelServer) -> None:
    model.say(*WORDS, usage=(12, 7))
    begin, *told, end = manager.reply(session.id, "Sing!", options={"temperature": 0})
    assert (begin.kind, begin.offset) == ("begin", 0)
    assert {event.kind for event in told} == {"text"}
    assert text(told) == ALL
    reply = end.reply
    assert reply is not None
    assert (reply.state, reply.finish_reason, reply.size, reply.error) == ("complete", "stop", len(ALL), None)
    question, answer = manager.get_session(session.id).history
    assert (question.role, question.content) == ("user", "Sing!")
    assert (answer.role, answer.content, answer.id, answer.metadata) == ("assistant", ALL, reply.id, {"model": "muse"})
    asked = model.requests[0].json
    assert asked["messages"] == [{"role": "user", "content": "Sing!"}]
    assert (asked["model"], asked["temperature"], asked["stream"]) == ("muse", 0, True)
    assert manager.get_reply(reply.id) == reply
    assert manager.list_replies(session.id) == Page([reply])


def test_replies_are_listed_in_pages(manager: SessionManager, session: Session, model: ModelServer) -> None:
    newest_first: list[str] = []
    page = manager.list_replies(session.id)
    for n in range(5):
        model.say(*WORDS)
        newest_first.insert(0, last(manager.reply(session.id, f"Sing {n}!")).id)
        if n == 3:
            page = manager.list_replies(session.id, limit=2)
    ids = [reply.id for reply in page]
    while page.cursor is not None:  # what came meanwhile moves nothing
        page = manager.list_replies(session.id, limit=2, cursor=page.cursor)
        ids += [reply.id for reply in page]
    assert (ids, len(page)) == (newest_first[1:], 2)
    for bad in ("x", manager.list_sessions(limit=1).cursor or "", 5):
        with pytest.raises(InvalidArgument, match="cursor"):
            manager.list_replies(session.id, cursor=bad)  # type: ignore[arg-type]


def test_what_was_used_is_recorded(manager: SessionManager, session: Session, model: ModelServer) -> None:
    model.say(*WORDS, usage=(12, 7))
    reply = last(manager.reply(session.id, "Sing!"))
    (used,) = manager.usage(session_id=session.id, by=["model", "message_id"])
    assert (used.model, used.message_id, used.input_tokens, used.output_tokens) == ("muse", reply.id, 12, 7)
    assert manager.get_session(session.id).total_input_tokens == 12


def test_tools_are_called_and_their_results_answered(
    manager: SessionManager, session: Session, model: ModelServer
) -> None:
    calls = [*call_parts(0, "look", '{"where": ', '"sea"}'), *call_parts(1, "ask", id="c2")]
    speak(model, event(delta={"reasoning_content": "Hm. "}), *calls, *said(finish="tool_calls"))
    model.say("Blue.")
    first = list(manager.reply(session.id, "What colour is the sea?", options={"tools": [{"type": "function"}]}))
    assert [event.kind for event in first] == ["begin", "reasoning", "tool_call", "tool_call", "end"]
    called = manager.get_session(session.id).history[-1]
    whole = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"where": "sea"}'}}
    assert called.tool_calls == [event.tool_call for event in first[2:4]]
    assert called.tool_calls is not None
    assert called.tool_calls[0] == whole
    assert (called.content, called.metadata) == (None, {"model": "muse", "reasoning": "Hm. "})
    for id in ("c1", "c2"):
        manager.add_message(session.id, ChatMessage("tool", "wine-dark", tool_call_id=id))
    assert text(manager.reply(session.id)) == "Blue."
    roles = [message["role"] for message in model.requests[1].json["messages"]]
    assert roles == ["user", "assistant", "tool", "tool"]


def test_a_call_that_is_no_json_is_kept_apart(alone: SessionManager, model: ModelServer) -> None:
    """A provider would refuse it, and the conversation with it."""
    session = make_asked(alone, model)
    speak(model, *call_parts(0, "look", '{"where": '), *said(finish="length"))
    assert last(alone.reply(session.id, "Look!")).state == "complete"
    message = alone.get_session(session.id).history[-1]
    assert message.tool_calls is None
    assert message.metadata["invalid_tool_calls"][0]["function"]["arguments"] == '{"where": '
    assert [m["role"] for m in alone.context(session.id, max_tokens=1_000).to_openai()] == ["user"]


def test_calls_with_one_id_are_each_answered(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    speak(model, *call_parts(0, "look", '{"at": ', '"sea"}'), *call_parts(1, "look", "{}"), *said(finish="tool_calls"))
    model.say("Blue.")
    events = [event.tool_call or {} for event in alone.reply(session.id, "Look!") if event.kind == "tool_call"]
    assert [call["function"]["arguments"] for call in events] == ['{"at": "sea"}', "{}"]
    assert events == alone.get_session(session.id).history[-1].tool_calls
    assert (events[0]["id"], events[1]["id"] == "c1") == ("c1", False)
    for call in events:
        alone.add_message(session.id, ChatMessage("tool", "wine-dark", tool_call_id=call["id"]))
    assert text(alone.reply(session.id)) == "Blue."
    sent = model.requests[1].json["messages"]
    assert ([message["role"] for message in sent], refused_by_openai(sent)) == (
        ["user", "assistant", "tool", "tool"],
        [],
    )


def test_a_call_of_a_continuation_has_an_id_of_its_own(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    alone.add_message(session.id, ChatMessage("assistant", "I look.", tool_calls=[call]))
    speak(model, *call_parts(0, "look", "{}"), *said(finish="tool_calls"))
    (told,) = [event.tool_call or {} for event in alone.continue_reply(session.id) if event.kind == "tool_call"]
    assert alone.get_session(session.id).history[-1].tool_calls == [call, told]
    assert told["id"] != "c1"


def test_stored_calls_with_one_id_are_sent_once(alone: SessionManager, model: ModelServer) -> None:
    """Somebody else has stored them: of two results, nobody knows which is whose."""
    session = make_asked(alone, model)
    calls = [{"id": "c1", "type": "function", "function": {"name": name, "arguments": "{}"}} for name in ("a", "b")]
    results = [ChatMessage("tool", text, tool_call_id="c1") for text in ("one", "two")]
    alone.add_messages(session.id, [ChatMessage("assistant", None, tool_calls=calls), *results])
    last(alone.reply(session.id, "Well?"))
    asked, answered, _ = sent = model.requests[0].json["messages"]
    assert ([call["function"]["name"] for call in asked["tool_calls"]], answered["content"]) == (["a"], "one")
    assert refused_by_openai(sent) == []
    assert refused_by_anthropic(*alone.context(session.id, max_tokens=1_000).to_anthropic()) == []
    assert alone.get_session(session.id).history[0].tool_calls == calls


def test_one_reply_at_a_time(manager: SessionManager, session: Session, model: ModelServer) -> None:
    held = Held(model)
    reply = manager.start_reply(session.id, "Sing!")
    revision = manager.get_session(session.id).revision
    for ask in (manager.start_reply, lambda id, said: manager.compact(id, said, keep_last=0)):
        with pytest.raises(ReplyRunning) as caught:
            ask(session.id, "Me too!")
        assert (caught.value.session_id, caught.value.reply_id) == (session.id, reply.id)
    assert manager.get_session(session.id).revision == revision
    held.go_on()
    assert text(manager.reply_events(reply.id)) == ALL
    assert history(manager, session.id) == ["Sing!", ALL]


def test_another_answer_stands_beside_the_first(manager: SessionManager, session: Session, model: ModelServer) -> None:
    for words in ("First.", "Second.", "Third."):
        model.say(words)
    first = last(manager.reply(session.id, "Sing!"))
    again = last(manager.regenerate(session.id))
    assert (again.kind, again.target_id) == ("regenerate", first.id)
    assert model.requests[1].json["messages"] == [{"role": "user", "content": "Sing!"}]
    assert history(manager, session.id) == ["Sing!", "Second."]
    assert [v.message.content for v in manager.list_versions(session.id, again.id)] == ["First.", "Second."]
    assert history(manager, session.id) == ["Sing!", "Second."]
    manager.switch_version(session.id, first.id)
    last(manager.regenerate(session.id, first.id))
    assert [v.message.content for v in manager.list_versions(session.id, again.id)] == ["First.", "Second.", "Third."]


def test_another_answer_that_fails_changes_nothing(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    model.say("First.")
    model.fail(401, "no more")
    alone.reply(session.id, "Sing!")
    wait_until(lambda: history(alone, session.id) == ["Sing!", "First."])
    assert last(alone.regenerate(session.id)).state == "failed"
    assert history(alone, session.id) == ["Sing!", "First."]
    assert len(alone.list_versions(session.id, alone.get_session(session.id).history[-1].id or "")) == 1


def test_where_no_answer_came_it_is_asked_again(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    model.fail(401, "not now")
    model.say("Now.")
    assert last(alone.reply(session.id, "Sing!")).message_id is None
    reply = last(alone.regenerate(session.id))
    assert (reply.kind, history(alone, session.id)) == ("answer", ["Sing!", "Now."])


def test_a_cut_answer_goes_on_in_the_same_message(
    manager: SessionManager, session: Session, model: ModelServer
) -> None:
    speak(model, *said("Tell me", finish=None)[:1])
    model.say(", O Muse.", usage=(20, 3))
    cut = last(manager.reply(session.id, "Sing!"))
    assert (cut.state, cut.error and cut.error["error"]) == ("interrupted", "StreamCut")
    assert manager.get_session(session.id).history[-1].metadata["state"] == "interrupted"
    rest = last(manager.continue_reply(session.id))
    assert (rest.kind, rest.message_id, rest.target_id) == ("continue", cut.message_id, cut.message_id)
    assert model.requests[1].json["messages"][-1] == {"role": "assistant", "content": "Tell me"}
    message = manager.get_session(session.id).history[-1]
    assert (message.content, message.metadata) == ("Tell me, O Muse.", {"model": "muse"})
    manager.undo(session.id)
    assert history(manager, session.id) == ["Sing!", "Tell me"]


@pytest.mark.parametrize(
    ("before", "after"), [("Hm, ", "Hm, well."), (None, "well."), ({}, "well."), (["Hm"], "well.")]
)
def test_going_on_with_whatever_a_message_has_for_reasoning(
    before: object, after: str, alone: SessionManager, model: ModelServer
) -> None:
    session = make_asked(alone, model)
    half = ChatMessage("assistant", "Tell me", {"reasoning": before})
    alone.add_messages(session.id, [ChatMessage("user", "Sing!"), half])
    speak(model, event(delta={"reasoning": "well."}), *said(", O Muse."))
    assert last(alone.continue_reply(session.id)).state == "complete"
    message = alone.get_session(session.id).history[-1]
    assert (message.content, message.metadata["reasoning"]) == ("Tell me, O Muse.", after)


def test_incognito(manager: SessionManager, model: ModelServer) -> None:
    model.say(*WORDS)
    session = make_asked(manager, model, incognito=True)
    reply = last(manager.reply(session.id, "Sing!"))
    assert history(manager, session.id) == ["Sing!", ALL]
    assert manager.get_reply(reply.id).state == "complete"
    assert text(manager.reply_events(reply.id, after=9)) == ALL[9:]


def test_what_is_refused_stores_nothing(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    start = alone.start_reply
    for refused, call in (
        (SessionNotFound, lambda: start("nothing", "Sing!")),
        (EndpointRefused, lambda: start(alone.create_session(endpoint_url="nowhere", model="m").id, "Sing!")),
        (InvalidSession, lambda: start(alone.create_session(model="m").id, "Sing!")),
        (InvalidSession, lambda: start(alone.create_session(endpoint_url=model.url).id, "Sing!")),
        (InvalidArgument, lambda: start(session.id, "Sing!", context_tokens=0)),
        (InvalidArgument, lambda: start(session.id)),
        (InvalidArgument, lambda: start(session.id, "Sing!", options={"messages": []})),
        (InvalidArgument, lambda: start(session.id, "Sing!", options={"x": object()})),
        (InvalidArgument, lambda: start(session.id, "Sing!", kind="sing")),  # type: ignore[arg-type]
        (InvalidArgument, lambda: start(session.id, kind="continue")),
        (MessageNotFound, lambda: start(session.id, kind="regenerate", message_id="nothing")),
        (InvalidArgument, lambda: start(session.id, "x", message_id="m")),
        (ContextTooSmall, lambda: start(session.id, "long " * 500, context_tokens=64)),
        (RevisionConflict, lambda: start(session.id, "Sing!", expected_revision=7)),
        (ReplyNotFound, lambda: alone.get_reply("nothing")),
        (ReplyNotFound, lambda: alone.stop_reply("nothing")),
        (ReplyNotFound, lambda: list(alone.reply_events("nothing"))),
    ):
        with pytest.raises(refused):
            call()
    assert alone.get_session(session.id).message_count == 0
    assert alone.list_replies(session.id) == Page([])
    assert model.requests == []


def test_only_what_can_be_continued_is(alone: SessionManager, model: ModelServer) -> None:
    session = make_asked(alone, model)
    alone.add_messages(session.id, [ChatMessage("assistant", "hm", id="a"), ChatMessage("user", "so?", id="u")])
    for message_id in ("a", "u", None):
        with pytest.raises(InvalidArgument, match="the last message"):
            alone.start_reply(session.id, kind="continue", message_id=message_id)
    alone.delete_messages(session.id, ["a"])
    with pytest.raises(MessageNotFound, match="a"):
        alone.continue_reply(session.id, "a")
    alone.truncate_messages(session.id, 0)
    with pytest.raises(InvalidArgument, match="the last message"):
        alone.continue_reply(session.id)
    assert (model.requests, alone.list_replies(session.id).items) == ([], [])


@pytest.mark.parametrize("kind", ["continue", "regenerate"])
def test_what_it_is_about_is_deleted_meanwhile(kind: ReplyKind, alone: SessionManager, model: ModelServer) -> None:
    """What was said is kept, in a message of its own: nothing that was deleted comes back, and nothing is lost."""
    session = make_asked(alone, model)
    alone.add_messages(session.id, [ChatMessage("user", "Sing!", id="u"), ChatMessage("assistant", "Tell me", id="a")])
    held = Held(model, *said(", O ", "Muse."), after=1)
    reply = alone.start_reply(session.id, kind=kind, message_id="a")
    wait_for_size(alone, reply, 1)
    alone.delete_messages(session.id, ["a"])
    held.go_on()
    ended = last(alone.reply_events(reply.id))
    assert (ended.state, ended.target_id, ended.message_id) == ("complete", "a", reply.id)
    assert history(alone, session.id) == ["Sing!", ", O Muse."]


def test_watchers_hear_of_replies(manager: SessionManager, session: Session, model: ModelServer) -> None:
    model.say("Yes.", usage=(3, 1))
    cursor = manager.latest_cursor()
    last(manager.reply(session.id, "Well?"))
    news = manager.watch(session_id=session.id, after=cursor, timeout=20)
    kinds = list(iter(lambda: next(news).kind, "reply ended"))
    assert kinds[-4:] == ["messages added", "reply began", "messages added", "updated"]
