"""Whatever a conversation is like, what is sent is valid, is the newest that fits, and nothing stored has changed."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ithaca import ChatMessage, ContextTooSmall, SessionManager
from ithaca.context import Provider
from tests.context import given as made_up
from tests.context.expected import expect
from tests.support.processes import rounds, soaking
from tests.support.providers import refused_by_anthropic, refused_by_openai

#: The same conversations in every run; when soaking, many more and always others.
examples = settings(
    max_examples=rounds(250),
    deadline=None,
    derandomize=not soaking(),
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def manager() -> Any:
    with SessionManager("sqlite:///:memory:") as manager:
        yield manager


@examples
@given(
    conversation=made_up.conversations,
    room=st.one_of(st.integers(1, 400), st.just(100_000)),
    provider=st.sampled_from(["openai", "anthropic"]),
)
def test_what_is_sent(manager: SessionManager, conversation: list[ChatMessage], room: int, provider: Provider) -> None:
    session = manager.create_session()
    stored = manager.add_messages(session.id, conversation)
    expected = expect(stored, room, user_begins=provider == "anthropic")
    info = manager.context_info(session.id, max_tokens=room, provider=provider)
    if expected is None:
        with pytest.raises(ContextTooSmall, match=f"needs a context of {info.used} tokens, {room} are"):
            manager.context(session.id, max_tokens=room, provider=provider)
        assert info.used > room
        return
    context = manager.context(session.id, max_tokens=room, provider=provider)
    assert refused_by_openai(context.to_openai()) == []
    assert refused_by_anthropic(*context.to_anthropic()) == []
    assert [message.seq for message in context.messages if message.seq] == expected.numbers
    assert info.used == context.used == expected.used <= room
    assert manager.get_session(session.id).history == stored


@examples
@given(conversation=made_up.conversations, keep_last=st.integers(0, 8), room=st.integers(60, 400))
def test_what_is_sent_after_a_compaction(
    manager: SessionManager, conversation: list[ChatMessage], keep_last: int, room: int
) -> None:
    session = manager.create_session()
    stored = manager.add_messages(session.id, conversation)
    if keep_last >= len(stored):
        return
    whole = manager.context(session.id, max_tokens=10**6)
    try:
        through = manager.compact(session.id, "what was said", keep_last=keep_last).through
    except ValueError:
        return  # the whole conversation is one call with its results
    kept = [message for message in stored if (message.seq or 0) > through]
    assert len(kept) >= keep_last
    context = manager.context(session.id, max_tokens=10**6)
    assert [m.seq for m in context.messages if m.seq in {k.seq for k in kept}] == [
        m.seq for m in whole.messages if m.seq in {k.seq for k in kept}
    ]
    assert (refused_by_openai(context.to_openai()), refused_by_anthropic(*context.to_anthropic())) == ([], [])
    assert manager.get_session(session.id).history == stored
