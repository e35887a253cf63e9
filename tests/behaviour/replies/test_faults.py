"""Faults as providers have them, by llmock: whatever happens, the state is true and what was sent is kept.

`assert_resilient` is llmock's own judgement of what it saw of us: no retry before it was time, none after text had
come, no half answer taken for a whole one.
"""

from collections.abc import Iterator

import pytest
from llmock.pytest_plugin import LLMock
from llmock.testing import LLMockServer

from ithaca import Reply, SessionManager
from tests.behaviour.replies.given import last, text

WORDS = "Tell me, O Muse, of that ingenious hero who travelled far and wide."


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    with LLMockServer() as server:
        yield server


@pytest.fixture
def llmock(server: LLMockServer) -> LLMock:
    """Without faults, until the test puts some."""
    return LLMock(server).reset()


def ask(manager: SessionManager, llmock: LLMock) -> tuple[Reply, str]:
    """How the reply ended, and what it told."""
    session = manager.create_session(name="Trip", endpoint_url=llmock.base_url(), model="gpt-4o")
    events = list(manager.reply(session.id, "Sing!"))
    reply, told = last(events), text(events)
    kept = manager.get_session(session.id).history[-1]
    assert (kept.content if reply.message_id else "") == told
    return reply, told


def test_an_answer(alone: SessionManager, llmock: LLMock) -> None:
    reply, told = ask(alone, llmock.reply(WORDS))
    assert (reply.state, told) == ("complete", WORDS)


def test_a_rate_limit_is_waited_for(alone: SessionManager, llmock: LLMock) -> None:
    reply, _ = ask(alone, llmock.rate_limit(times=2, retry_after=0.05))
    assert reply.state == "complete"
    assert len(llmock.requests) == 3
    llmock.assert_resilient()


def test_a_slow_first_token_is_waited_for(alone: SessionManager, llmock: LLMock) -> None:
    assert ask(alone, llmock.slow_first_token(0.3))[0].state == "complete"
    llmock.assert_resilient()


def test_a_stream_that_ends_early_is_not_taken_for_a_whole_one(alone: SessionManager, llmock: LLMock) -> None:
    for chunks in (1, 2, 3):
        llmock.reply(WORDS, times=None).truncate(after_chunks=chunks)
        reply, told = ask(alone, llmock)
        assert reply.state == "interrupted"
        assert WORDS.startswith(told)
        llmock.reset()


def test_a_connection_that_breaks(alone: SessionManager, llmock: LLMock) -> None:
    llmock.reply(WORDS, times=None).disconnect(after_chunks=3)
    reply, told = ask(alone, llmock)
    assert (reply.state, WORDS.startswith(told)) == ("interrupted", True)
    assert len(llmock.requests) == 1


def test_a_chunk_that_is_no_json(alone: SessionManager, llmock: LLMock) -> None:
    llmock.reply(WORDS, times=None).corrupt(after_chunks=3)
    reply, told = ask(alone, llmock)
    assert (reply.state, WORDS.startswith(told)) == ("failed", True)
    assert len(llmock.requests) == 1


def test_a_call_whose_arguments_are_no_json(alone: SessionManager, llmock: LLMock) -> None:
    llmock.call_tool("look", {"where": "sea"}).break_tool_call("malformed_arguments")
    session = alone.create_session(name="Trip", endpoint_url=llmock.base_url(), model="gpt-4o")
    look = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    assert last(alone.reply(session.id, "Look!", options={"tools": [look]})).state == "complete"
    message = alone.get_session(session.id).history[-1]
    assert (message.tool_calls, len(message.metadata["invalid_tool_calls"])) == (None, 1)
