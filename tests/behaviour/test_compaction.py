"""Compaction: a summary stands for the beginning in what a model gets; the transcript stays, and undo restores."""

from typing import Any

import pytest

from ithaca import (
    ChatMessage,
    Compaction,
    InvalidArgument,
    MessageNotFound,
    RevisionConflict,
    Session,
    SessionManager,
    SessionNotFound,
)
from tests.support.factories import history, make_session, numbers, said, texts
from tests.support.managers import FakeClock
from tests.support.providers import refused_by_anthropic, refused_by_openai

LEAD = "Summary of the conversation up to here, in place of its messages:\n\n"


def shown(manager: SessionManager, session: Session, **options: Any) -> list[Any]:
    """What a model gets to see, the summaries without what introduces them."""
    context = manager.context(session.id, max_tokens=10**6, **options)
    assert (refused_by_openai(context.to_openai()), refused_by_anthropic(*context.to_anthropic())) == ([], [])
    return [content.removeprefix(LEAD) if isinstance(content, str) else content for content in said(context.messages)]


def counting(manager: SessionManager, session: Session) -> list[tuple[str, int, bool]]:
    return [(found.summary, found.through, found.counts) for found in manager.list_compactions(session.id)]


def test_the_summary_stands_before_the_kept_tail_and_the_transcript_shows_everything(manager: SessionManager) -> None:
    session = make_session(manager, [ChatMessage("system", "rules"), *texts(10)])
    compaction = manager.compact(session.id, "They counted.", keep_last=3)
    assert shown(manager, session) == ["rules", "They counted.", "8", "9", "10"]
    assert history(manager, session.id) == ["rules", *(str(n) for n in range(1, 11))]
    info = manager.context_info(session.id, max_tokens=1_000)
    assert info.left_out == {"compacted": 7}
    assert (compaction.through, compaction.summary, compaction.session_id) == (8, "They counted.", session.id)


def test_a_summary_is_said_by_the_user_and_not_by_the_system(manager: SessionManager) -> None:
    session = make_session(manager, 10)
    manager.compact(session.id, "They counted.", keep_last=2)
    for provider in ("openai", "anthropic"):
        first, *_ = manager.context(session.id, max_tokens=1_000, provider=provider).messages
        assert (first.role, first.content, first.id, first.seq) == ("user", LEAD + "They counted.", None, None)
    system, turns = manager.context(session.id, max_tokens=1_000).to_anthropic()
    assert (system, turns[0]["role"]) == ([], "user")


def test_compacting_is_a_change_and_counts_its_tokens(manager: SessionManager) -> None:
    session = make_session(manager, 10)
    before = manager.context(session.id, max_tokens=1_000)
    compaction = manager.compact(session.id, "They counted.", keep_last=0)
    after = manager.get_session(session.id)
    assert (after.revision, after.message_count, after.last_message_at) == (
        session.revision + 1, 10, session.last_message_at,
    )  # fmt: skip
    context = manager.context(session.id, max_tokens=1_000)
    assert context.used == compaction.tokens + 4 < before.used
    assert context.messages[0].tokens == compaction.tokens


def test_the_summary_is_sent_though_the_tail_does_not_fit(manager: SessionManager) -> None:
    session = make_session(manager, 99)
    tokens = manager.compact(session.id, "They counted.", keep_last=40).tokens
    context = manager.context(session.id, max_tokens=tokens + 4 + 3 * 6)
    assert said(context.messages)[1:] == ["97", "98", "99"]
    assert context.left_out == {"too old": 96}


def test_what_came_meanwhile_stays_in_the_context(manager: SessionManager, other: SessionManager) -> None:
    session = make_session(manager, 10)
    seen = session.history[-1]
    other.add_messages(session.id, texts(2, start=11))
    manager.compact(session.id, "They counted to ten.", through=seen.id)
    assert shown(manager, session) == ["They counted to ten.", "11", "12"]
    manager.compact(session.id, "They counted to eleven.", through=11)
    assert shown(manager, session) == ["They counted to eleven.", "12"]


def test_a_compaction_of_what_has_changed_is_refused(manager: SessionManager, other: SessionManager) -> None:
    session = make_session(manager, 10)
    other.add_message(session.id, ChatMessage("user", "unseen"))
    with pytest.raises(RevisionConflict):
        manager.compact(session.id, "They counted.", keep_last=0, expected_revision=session.revision)
    assert (manager.list_compactions(session.id), len(shown(manager, session))) == ([], 11)


def test_the_last_messages_are_those_at_the_time_of_storing(manager: SessionManager, other: SessionManager) -> None:
    session = make_session(manager, 10)
    other.add_messages(session.id, texts(2, start=11))
    manager.compact(session.id, "They counted.", keep_last=3)
    assert shown(manager, session) == ["They counted.", "10", "11", "12"]


def test_keeping_the_last_messages_keeps_the_calls_of_their_results(manager: SessionManager) -> None:
    call = [{"id": id, "type": "function", "function": {"name": "look", "arguments": "{}"}} for id in ("a", "b")]
    session = make_session(
        manager,
        [
            ChatMessage("user", "look"), ChatMessage("assistant", None, tool_calls=call),
            ChatMessage("tool", "calm", tool_call_id="a"), ChatMessage("user", "hurry"),
            ChatMessage("tool", "rough", tool_call_id="b"), ChatMessage("assistant", "Seen."),
        ],
    )  # fmt: skip
    for keep_last, through in ((0, 6), (1, 5), (2, 1), (3, 1), (4, 1), (5, 1)):
        assert manager.compact(session.id, "So far.", keep_last=keep_last).through == through
    manager.compact(session.id, "So far.", keep_last=2)
    manager.undo(session.id)


def test_a_hidden_call_does_not_take_the_place_of_the_one_that_is_sent(manager: SessionManager) -> None:
    call = [{"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    session = make_session(
        manager,
        [
            ChatMessage("user", "look"), ChatMessage("assistant", None, tool_calls=call),
            ChatMessage("assistant", None, {"hidden": True}, tool_calls=call),
            ChatMessage("tool", "calm", tool_call_id="a"), ChatMessage("assistant", "Seen."),
        ],
    )  # fmt: skip
    assert manager.compact(session.id, "So far.", keep_last=2).through == 1


def test_a_result_of_no_call_moves_the_cut_no_further(manager: SessionManager) -> None:
    session = make_session(manager, [*texts(700), ChatMessage("tool", "lost", tool_call_id="none"), *texts(1)])
    assert manager.compact(session.id, "So far.", keep_last=2).through == 700


def test_an_explicit_cut_through_a_call_leaves_out_its_results(manager: SessionManager) -> None:
    call = [{"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    session = make_session(
        manager,
        [ChatMessage("user", "look"), ChatMessage("assistant", "I look.", tool_calls=call),
         ChatMessage("tool", "calm", tool_call_id="a"), ChatMessage("user", "so?")],
    )  # fmt: skip
    manager.compact(session.id, "They looked.", through=2)
    assert shown(manager, session) == ["They looked.", "so?"]
    assert manager.context_info(session.id, max_tokens=1_000).left_out == {"compacted": 2, "orphan tool result": 1}


def test_a_tail_that_begins_with_the_assistant_is_sent_whole(manager: SessionManager) -> None:
    session = make_session(manager, 10)
    manager.compact(session.id, "They counted.", keep_last=3)
    for provider in ("openai", "anthropic"):
        assert shown(manager, session, provider=provider) == ["They counted.", "8", "9", "10"]


def test_of_several_the_one_that_reaches_furthest_counts(manager: SessionManager) -> None:
    session = make_session(manager, 10)
    for summary, through in (("two", 2), ("six", 6), ("four", 4), ("six again", 6)):
        manager.compact(session.id, summary, through=through)
    assert counting(manager, session) == [("six again", 6, True), ("six", 6, True), ("four", 4, True), ("two", 2, True)]
    assert shown(manager, session) == ["six again", "7", "8", "9", "10"]


def test_undo_takes_back_the_last_compaction(manager: SessionManager) -> None:
    session = make_session(manager, 10)
    manager.compact(session.id, "two", through=2)
    manager.compact(session.id, "six", through=6)
    manager.undo(session.id)
    assert shown(manager, session)[0] == "two"
    manager.undo(session.id)
    assert shown(manager, session) == [str(n) for n in range(1, 11)]
    assert manager.get_session(session.id).revision == session.revision + 4


def test_one_of_several_can_be_taken_back_by_its_id(manager: SessionManager) -> None:
    session = make_session(manager, 10)
    first = manager.compact(session.id, "two", through=2)
    manager.compact(session.id, "six", through=6)
    assert [(entry.id, entry.kind) for entry in manager.trash(session_id=session.id)][1] == (first.id, "compact")
    manager.restore(first.id)
    assert counting(manager, session) == [("six", 6, True)]


def test_a_summary_never_tells_of_messages_that_were_removed(manager: SessionManager) -> None:
    session = make_session(manager, 10)
    manager.compact(session.id, "two", through=2)
    manager.compact(session.id, "six", through=6)
    manager.truncate_messages(session.id, 4)
    manager.add_message(session.id, ChatMessage("user", "another five"))
    assert shown(manager, session) == ["two", "3", "4", "another five"]
    assert counting(manager, session) == [("six", 6, False), ("two", 2, True)]
    manager.replace_messages(session.id, texts(3))
    assert shown(manager, session) == ["1", "2", "3"]


def test_when_what_was_removed_comes_back_the_summary_does_too(manager: SessionManager) -> None:
    session = make_session(manager, 10)
    manager.compact(session.id, "six", through=6)
    manager.truncate_messages(session.id, 4)
    assert shown(manager, session) == ["1", "2", "3", "4"]
    manager.undo(session.id)
    assert shown(manager, session) == ["six", "7", "8", "9", "10"]


def test_deleting_a_session_and_bringing_it_back_keeps_its_compactions(manager: SessionManager) -> None:
    session = make_session(manager, 10)
    manager.compact(session.id, "two", through=2)
    manager.compact(session.id, "six", through=6)
    before = manager.list_compactions(session.id)
    manager.restore(manager.delete_session(session.id).trash_id)
    assert manager.list_compactions(session.id) == before
    assert shown(manager, session)[0] == "six"
    manager.undo(session.id)
    assert shown(manager, session)[0] == "two"


def test_a_fork_takes_along_what_stands_for_its_messages(manager: SessionManager) -> None:
    session = make_session(manager, 10)
    manager.compact(session.id, "two", through=2)
    manager.compact(session.id, "six", through=6)
    fork = manager.fork_session(session.id, at=session.history[3].id)
    assert shown(manager, fork) == ["two", "3", "4"]


def test_a_summary_comes_back_character_for_character(manager: SessionManager, timed: SessionManager) -> None:
    session = make_session(manager, 2)
    for summary in ("a\0b\ufdd00", "说吧，缪斯 🏛️", " spaces \n"):
        manager.compact(session.id, summary, keep_last=0)
        assert manager.list_compactions(session.id)[0].summary == summary
        assert manager.context(session.id, max_tokens=1_000).messages[0].content == LEAD + summary


def test_a_compaction_tells_when_it_was_made(timed: SessionManager, clock: FakeClock) -> None:
    session = make_session(timed, 4)
    compaction = timed.compact(session.id, "so far", keep_last=1)
    assert compaction == timed.list_compactions(session.id)[0]
    assert isinstance(compaction, Compaction)
    assert (compaction.created_at, compaction.counts) == (clock.time, True)


def test_bad_arguments_are_refused_by_name(manager: SessionManager) -> None:
    session = make_session(manager, 3)
    bad: list[tuple[str, Any, dict[str, Any]]] = [
        ("summary", "", {"keep_last": 1}),
        ("summary", " \n", {"keep_last": 1}),
        ("summary", None, {"keep_last": 1}),
        ("summary", "\ud800", {"keep_last": 1}),
        ("keep_last", "s", {}),
        ("keep_last", "s", {"keep_last": 1, "through": 1}),
        ("keep_last", "s", {"keep_last": -1}),
        ("keep_last", "s", {"keep_last": 3}),
        ("keep_last", "s", {"keep_last": 2**70}),
        ("through", "s", {"through": 0}),
        ("through", "s", {"through": 1.5}),
    ]
    for field, summary, arguments in bad:
        with pytest.raises(InvalidArgument) as error:
            manager.compact(session.id, summary, **arguments)
        assert error.value.field == field
    for missing in (4, "never-was", 2**70):
        with pytest.raises(MessageNotFound):
            manager.compact(session.id, "s", through=missing)  # type: ignore[arg-type]
    for ask in (lambda: manager.compact("nowhere", "s", keep_last=0), lambda: manager.list_compactions("nowhere")):
        with pytest.raises(SessionNotFound):
            ask()
    assert (manager.list_compactions(session.id), numbers(manager.get_messages(session.id))) == ([], [1, 2, 3])
    assert manager.get_session(session.id).revision == session.revision


def test_an_incognito_session_is_compacted_in_memory(manager: SessionManager) -> None:
    session = manager.create_session(incognito=True)
    manager.add_messages(session.id, texts(4))
    manager.compact(session.id, "They counted.", keep_last=1)
    assert shown(manager, session) == ["They counted.", "4"]
    assert [made.through for made in manager.list_compactions(session.id)] == [3]
