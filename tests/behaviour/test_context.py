"""The context of a model: the newest that fits, valid for its provider, read no further back than it reaches."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from ithaca import ChatMessage, ContextTooSmall, Conversation, InvalidArgument, SessionManager, SessionNotFound
from ithaca.tokens import TOKENS_PER_MESSAGE, TOKENS_PER_PART, count_o200k
from tests.behaviour.meters import postgres_rows_read, sqlite_meter
from tests.support.factories import make_session, make_sessions, said, texts
from tests.support.managers import Opener
from tests.support.providers import refused_by_anthropic, refused_by_openai

ROOMY = 10**6
#: What a message of two digits takes.
EACH = 2 + TOKENS_PER_MESSAGE


def call(*ids: str) -> list[dict[str, Any]]:
    """Calls as OpenAI's `tool_calls` has them."""
    return [{"id": id, "type": "function", "function": {"name": "look", "arguments": '{"at": "sea"}'}} for id in ids]


def used(id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": "look", "input": {"at": "sea"}}


def result(id: str, content: str = "calm") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": content}


def user(content: Any, **metadata: Any) -> ChatMessage:
    return ChatMessage("user", content, metadata)


def assistant(content: Any, *ids: str) -> ChatMessage:
    return ChatMessage("assistant", content, tool_calls=call(*ids) or None)


def tool(id: str, content: Any = "calm") -> ChatMessage:
    return ChatMessage("tool", content, tool_call_id=id)


def sent(manager: SessionManager, messages: list[ChatMessage], max_tokens: int = ROOMY, **options: Any) -> Any:
    """The context of a session with these messages, which every provider takes."""
    session = make_session(manager, messages)
    before = session.history
    context = manager.context(session.id, max_tokens=max_tokens, **options)
    info = manager.context_info(session.id, max_tokens=max_tokens, **options)
    assert (info.used, info.limit, info.reserve, info.left_out) == (
        context.used, context.limit, context.reserve, context.left_out,
    )  # fmt: skip
    assert (refused_by_openai(context.to_openai()), refused_by_anthropic(*context.to_anthropic())) == ([], [])
    assert manager.get_session(session.id).history == before
    return context


def test_a_conversation_that_fits_is_sent_whole(manager: SessionManager) -> None:
    context = sent(manager, [ChatMessage("system", "Be brief."), *texts(4)])
    assert said(context.messages) == ["Be brief.", "1", "2", "3", "4"]
    assert context.left_out == {}


def test_what_fits_is_the_newest_oldest_first(manager: SessionManager) -> None:
    context = sent(manager, texts(99), 9 * EACH)
    assert said(context.messages) == [str(n) for n in range(91, 100)]
    assert (context.used, context.left_out, context.percent) == (9 * EACH, {"too old": 90}, 100)


def test_the_reserve_stays_free(manager: SessionManager) -> None:
    context = sent(manager, texts(99), 9 * EACH, reserve=4 * EACH)
    assert said(context.messages) == [str(n) for n in range(95, 100)]
    assert (context.limit, context.reserve, round(context.percent)) == (9 * EACH, 4 * EACH, 56)


def test_it_begins_with_a_users_message_where_older_ones_are_left_out(manager: SessionManager) -> None:
    context = sent(manager, texts(99), 8 * EACH)
    assert said(context.messages) == [str(n) for n in range(93, 100)]
    assert context.left_out == {"too old": 92}


def test_a_greeting_at_the_beginning_stays(manager: SessionManager) -> None:
    assert said(sent(manager, texts(3, start=2)).messages) == ["2", "3", "4"]
    context = sent(manager, texts(3, start=2), provider="anthropic")
    assert said(context.messages) == ["(continue)", "2", "3", "4"]


def test_an_agent_at_work_keeps_its_newest_steps_though_the_question_is_too_old(manager: SessionManager) -> None:
    steps = [step for n in range(50) for step in (assistant(None, f"c{n}"), tool(f"c{n}"))]
    for provider in ("openai", "anthropic"):
        context = sent(manager, [user("Sail home"), *steps], 200, provider=provider)
        assert context.messages[-1].tool_call_id == "c49"
        assert 150 < context.used <= 200


def test_system_and_developer_messages_are_always_sent_in_their_places(manager: SessionManager) -> None:
    first, middle = ChatMessage("system", "first"), ChatMessage("developer", "middle")
    context = sent(manager, [first, *texts(50), middle, *texts(50, start=51), ChatMessage("system", "last")], 60)
    assert said(context.messages)[:2] == ["first", "middle"]
    assert said(context.messages)[-2:] == ["100", "last"]
    system, _ = context.to_anthropic()
    assert [block["text"] for block in system] == ["first", "middle", "last"]


def test_what_must_be_sent_and_does_not_fit_is_an_error(manager: SessionManager) -> None:
    session = make_session(manager, [ChatMessage("system", "rules " * 100), user("hello")])
    with pytest.raises(ContextTooSmall) as error:
        manager.context(session.id, max_tokens=100, reserve=20)
    assert error.value.needed > error.value.limit == 80
    info = manager.context_info(session.id, max_tokens=100, reserve=20)
    assert (info.used, info.percent > 100) == (error.value.needed, True)
    assert len(manager.context(session.id, max_tokens=error.value.needed).messages) == 2


def test_a_newest_message_that_does_not_fit_is_an_error_rather_than_a_context_without_it(
    manager: SessionManager,
) -> None:
    session = make_session(manager, [*texts(10), user("long " * 500)])
    with pytest.raises(ContextTooSmall):
        manager.context(session.id, max_tokens=200)
    assert manager.context_info(session.id, max_tokens=200).left_out == {"too old": 11}


def test_an_empty_session_has_an_empty_context(manager: SessionManager) -> None:
    context = sent(manager, [])
    assert (context.messages, context.used, context.to_openai(), context.to_anthropic()) == ([], 0, [], ([], []))


def test_hidden_slash_and_empty_messages_and_unknown_roles_are_left_out_and_counted(manager: SessionManager) -> None:
    context = sent(
        manager,
        [
            user("/clear", source="slash"), user("secret", hidden=True), user("seen", hidden=False, source="web"),
            user(""), user(" \n"), user([]), assistant(None), assistant([{"type": "thinking", "thinking": "hm"}]),
            ChatMessage("function", "old"), ChatMessage("system", "unseen", {"hidden": True}), user("last"),
        ],
    )  # fmt: skip
    assert said(context.messages) == ["seen", "last"]
    assert context.left_out == {"slash": 1, "hidden": 2, "empty": 5, "unknown role": 1}


# Tool calls


def test_calls_and_their_results_are_sent_in_both_shapes(manager: SessionManager) -> None:
    openai = [user("look"), assistant("I look.", "a", "b"), tool("a"), tool("b", "rough"), assistant("Seen.")]
    anthropic = [
        user("look"),
        assistant([{"type": "text", "text": "I look."}, used("a"), used("b")]),
        user([result("a"), result("b", "rough")]),
        assistant("Seen."),
    ]
    one, other = sent(manager, openai), sent(manager, anthropic)
    assert (one.left_out, other.left_out) == ({}, {})
    assert [message["role"] for message in other.to_openai()] == ["user", "assistant", "tool", "tool", "assistant"]
    assert one.to_openai()[2:4] == other.to_openai()[2:4]
    assert one.to_anthropic() == other.to_anthropic()
    assert other.to_anthropic()[1][2]["content"] == [result("a"), result("b", "rough")]


def test_a_call_and_its_results_are_sent_together_or_not_at_all(manager: SessionManager) -> None:
    exchange = [user("look"), assistant(None, "a"), tool("a", "word " * 30), user("so?")]
    whole = sent(manager, exchange).used
    assert [sent(manager, exchange, max_tokens).left_out for max_tokens in (whole, whole - 1, whole - 10)] == [
        {}, {"too old": 3}, {"too old": 3},
    ]  # fmt: skip


def test_an_unanswered_call_goes_and_its_words_stay(manager: SessionManager) -> None:
    context = sent(
        manager, [user("look"), assistant("I look.", "a", "b"), tool("b"), user("stop"), assistant(None, "c")]
    )
    assert [message["role"] for message in context.to_openai()] == ["user", "assistant", "tool", "user"]
    assert [found["id"] for found in context.messages[1].tool_calls] == ["b"]
    assert context.left_out == {"unanswered tool call": 2}
    context = sent(manager, [user("look"), assistant([{"type": "text", "text": "I look."}, used("a")])])
    assert said(context.messages) == ["look", [{"type": "text", "text": "I look."}]]


def test_a_message_that_is_sent_in_part_keeps_its_id_and_number(manager: SessionManager) -> None:
    session = make_session(manager, [user("look"), assistant("I look.", "a")])
    stored, part = session.history[1], manager.context(session.id, max_tokens=ROOMY).messages[1]
    assert (part.id, part.seq, part.tool_calls) == (stored.id, 2, None)
    assert part.tokens < stored.tokens


def test_a_result_without_its_call_is_left_out(manager: SessionManager) -> None:
    context = sent(
        manager,
        [user("look"), tool("nobody"), ChatMessage("tool", "of nothing"), user([result("none"), "and?"]), tool("a"),
         assistant(None, "a")],
    )  # fmt: skip
    assert said(context.messages) == ["look", ["and?"]]
    assert context.left_out == {"orphan tool result": 4, "unanswered tool call": 1}


def test_a_hidden_call_takes_its_results_along(manager: SessionManager) -> None:
    hidden = ChatMessage("assistant", None, {"hidden": True}, tool_calls=call("a"))
    context = sent(manager, [user("look"), hidden, tool("a"), user("so?")])
    assert said(context.messages) == ["look", "so?"]


def test_what_was_said_between_a_call_and_its_results_comes_after_them(manager: SessionManager) -> None:
    between = [user("hurry"), ChatMessage("system", "It is late.")]
    context = sent(manager, [user("look"), assistant(None, "a", "b"), tool("b"), *between, tool("a"), user("so?")])
    assert [message.seq for message in context.messages] == [1, 2, 3, 6, 4, 5, 7]
    assert context.left_out == {}


def test_results_of_two_calls_in_one_message_go_to_their_calls(manager: SessionManager) -> None:
    context = sent(
        manager, [user("look"), assistant(None, "a"), assistant(None, "b"), user([result("a"), result("b"), "so?"])]
    )
    assert [message["role"] for message in context.to_openai()] == [
        "user", "assistant", "tool", "assistant", "tool", "user",
    ]  # fmt: skip
    assert context.left_out == {}


def test_of_two_results_the_first_counts(manager: SessionManager) -> None:
    context = sent(manager, [user("look"), assistant(None, "a"), tool("a", "calm"), tool("a", "rough"), user("so?")])
    assert said(context.messages) == ["look", None, "calm", "so?"]
    assert context.left_out == {"duplicate tool result": 1}


def test_an_id_that_is_used_again_is_the_newer_calls(manager: SessionManager) -> None:
    exchange = [assistant(None, "a"), tool("a", "calm"), assistant(None, "a"), tool("a", "rough")]
    context = sent(manager, [user("look"), *exchange])
    assert said(context.messages) == ["look", None, "calm", None, "rough"]
    turns = context.to_anthropic()[1]
    assert len({turns[1]["content"][0]["id"], turns[3]["content"][0]["id"]}) == 2


def test_ids_and_names_that_a_provider_refuses_are_replaced(manager: SessionManager) -> None:
    odd = [{"id": "functions.look:0", "type": "function", "function": {"name": "my.look", "arguments": ""}}]
    named = ChatMessage("user", "look", name="Ann B.")
    context = sent(manager, [named, ChatMessage("assistant", None, tool_calls=odd), tool("functions.look:0")])
    assert context.to_openai()[0]["name"] == "Ann_B"
    assert context.to_anthropic()[1][1]["content"][0]["input"] == {}
    assert context.messages[1].tool_calls == odd


# Parts


def test_parts_are_translated_between_providers(manager: SessionManager) -> None:
    data = "iVBORw0KGgo="
    openai = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    anthropic = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    context = sent(manager, [user(["Look:", openai]), user(["And:", anthropic])])
    words = [{"type": "text", "text": text} for text in ("Look:", "And:")]
    assert [message["content"] for message in context.to_openai()] == [[words[0], openai], [words[1], openai]]
    assert context.to_anthropic()[1] == [{"role": "user", "content": [words[0], anthropic, words[1], anthropic]}]


def test_large_images_are_sent_with_their_bytes(manager: SessionManager) -> None:
    image = b"\x89PNG\r\n\x1a\n" + bytes(50_000)
    url = f"data:image/png;base64,{b64encode(image).decode()}"
    context = sent(manager, [user([{"type": "image_url", "image_url": {"url": url}}, result("none")])])
    assert context.to_openai()[0]["content"] == [{"type": "image_url", "image_url": {"url": url}}]
    assert TOKENS_PER_PART["image_url"] <= context.used < TOKENS_PER_PART["image_url"] + 100


def test_an_unknown_part_is_passed_on(manager: SessionManager) -> None:
    part = {"type": "video_url", "video_url": {"url": "https://example.org/sea.mp4"}}
    assert sent(manager, [user([part])]).to_openai()[0]["content"] == [part]


# Counting


def test_parts_calls_and_results_are_counted(manager: SessionManager) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}}
    session = make_session(
        manager,
        [user([image]), user([{"type": "input_audio", "input_audio": {}}]), assistant([used("a" * 100)]),
         user([result("a", "word " * 100)]), user([{"type": "never heard of", "payload": "word " * 100}])],
    )  # fmt: skip
    tokens = [message.tokens for message in session.history]
    assert tokens[:2] == [TOKENS_PER_PART["image_url"], TOKENS_PER_PART["input_audio"]]
    assert 1 < tokens[2] < 50
    assert all(100 <= count < 300 for count in tokens[3:])


def test_the_counter_can_be_replaced(open_manager: Opener) -> None:
    manager = open_manager(count_tokens=lambda text: len(text.split()))
    context = sent(manager, [user("one two three"), assistant("four five")])
    assert context.used == 5 + 2 * TOKENS_PER_MESSAGE
    exact = open_manager(count_tokens=count_o200k)
    session = make_session(exact, [user("What is the way home?")])
    assert session.history[0].tokens == 6


THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "Pylos"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
LOOK = {"type": "tool_use", "id": "a", "name": "look", "input": {}}


def said_by_anthropic(manager: SessionManager, *messages: ChatMessage) -> tuple[list[Any], dict[str, int]]:
    """The types of the blocks of each turn, and what is left out."""
    context = manager.context(make_session(manager, list(messages)).id, max_tokens=9_999, provider="anthropic")
    return [[block["type"] for block in turn["content"]] for turn in context.to_anthropic()[1]], context.left_out


def test_no_turn_ends_in_thoughts(manager: SessionManager) -> None:
    words = {"type": "text", "text": "I look."}
    turns, left_out = said_by_anthropic(
        manager, user("q"), ChatMessage("assistant", [THOUGHT, words, THOUGHT, LOOK]), user("stop")
    )
    assert turns == [["text"], ["thinking", "text"], ["text"]]
    assert left_out == {"unanswered tool call": 1, "thought": 1}
    answered = ChatMessage("user", [{"type": "tool_result", "tool_use_id": "a", "content": [THOUGHT, words]}])
    turns, left_out = said_by_anthropic(
        manager, user("q"), ChatMessage("assistant", [THOUGHT, words, THOUGHT, LOOK]), answered
    )
    assert (turns, left_out) == ([["text"], ["thinking", "text", "thinking", "tool_use"], ["tool_result"]], {})


def test_thoughts_are_the_assistants(manager: SessionManager) -> None:
    turns, left_out = said_by_anthropic(manager, ChatMessage("user", [THOUGHT, {"type": "text", "text": "q"}, THOUGHT]))
    assert (turns, left_out) == ([["text"]], {"thought": 2})


def test_a_server_tool_is_sent_with_its_result(manager: SessionManager) -> None:
    words = {"type": "text", "text": "found"}
    whole = ChatMessage("assistant", [SEARCH, FOUND, words])
    assert said_by_anthropic(manager, user("q"), whole) == ([["text"], [SEARCH["type"], FOUND["type"], "text"]], {})
    for lone, reason in (SEARCH, "unanswered tool call"), (FOUND, "orphan tool result"):
        told = said_by_anthropic(manager, user("q"), ChatMessage("assistant", [words, lone]), user("go on"))
        assert told == ([["text"], ["text"], ["text"]], {reason: 1})


# Arguments, owners, cost


def test_bad_arguments_are_refused_by_name(manager: SessionManager) -> None:
    session = make_session(manager, 3)
    bad: dict[str, dict[str, Any]] = {
        "max_tokens": {"max_tokens": 0},
        "reserve": {"max_tokens": 10, "reserve": 10},
        "provider": {"max_tokens": 10, "provider": "delphi"},
    }
    for field, arguments in bad.items():
        for ask in (manager.context, manager.context_info):
            with pytest.raises(InvalidArgument) as error:
                ask(session.id, **arguments)
            assert error.value.field == field
    for wrong in (None, 1.5, "100", True):
        with pytest.raises(InvalidArgument, match="max_tokens"):
            manager.context(session.id, max_tokens=wrong)  # type: ignore[arg-type]
    with pytest.raises(SessionNotFound):
        manager.context("nowhere", max_tokens=10)


def long_session(manager: SessionManager, messages: int) -> str:
    make_sessions(manager, [Conversation("long", "ship", [ChatMessage("system", "rules"), *texts(messages)])])
    return "long"


def test_a_long_session_is_read_as_far_as_its_context_reaches(tmp_path: Path) -> None:
    with SessionManager(tmp_path / "long.db") as manager:
        session = long_session(manager, 100_000)
        manager.search("word", session_id=session)  # what is indexed late is not to be counted
    with sqlite_meter() as meter, SessionManager(tmp_path / "long.db") as manager:
        manager.context(session, max_tokens=100)
        meter.reset()
        context = manager.context(session, max_tokens=1_000)
        steps_back = [count for sql, count in meter.statements.items() if "ORDER BY seq DESC LIMIT" in sql]
    assert context.left_out == {"too old": 100_001 - len(context.messages)}
    assert meter.rows < 400
    assert meter.steps < 30_000
    assert steps_back == [2]


def test_a_long_session_is_read_as_far_as_its_context_reaches_on_postgresql(postgres_url: str) -> None:
    with SessionManager(postgres_url) as manager:
        session = long_session(manager, 20_000)

    def work() -> None:
        with SessionManager(postgres_url) as manager:
            manager.context(session, max_tokens=1_000)

    assert postgres_rows_read(postgres_url, work)["messages"] < 400
