"""The Agents SDK's own session, as it is, on our server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import openai
import pytest
from agents import Agent, Model, ModelResponse, OpenAIConversationsSession, RunConfig, Runner, Usage, function_tool
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from ithaca import SessionManager

Connect = Callable[[], openai.AsyncOpenAI]


def using(connect: Connect, talk: Callable[[OpenAIConversationsSession], Awaitable[None]]) -> None:
    async def run() -> None:
        async with connect() as client:
            await talk(OpenAIConversationsSession(openai_client=client))

    asyncio.run(run())


def plain(items: list[Any]) -> list[Any]:
    return [{name: value for name, value in item.items() if name not in ("id", "status")} for item in items]


def test_items_are_added_read_popped_and_cleared(asynchronous: Connect, stored: SessionManager) -> None:
    items: list[Any] = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"{number}"}]}
        for number in range(45)
    ]

    async def talk(session: OpenAIConversationsSession) -> None:
        assert await session.get_items() == []
        assert await session.pop_item() is None
        await session.add_items(items)  # in requests of 20
        assert plain(await session.get_items()) == items
        assert plain(await session.get_items(limit=3)) == items[-3:]
        assert plain(await session.get_items(limit=30)) == items[-30:]
        assert await session.get_items(limit=0) == []
        assert plain([await session.pop_item(), await session.pop_item()]) == [items[44], items[43]]
        assert plain(await session.get_items(limit=1)) == [items[42]]
        id = session.session_id
        assert [message.content for message in stored.get_session(id).history] == [str(n) for n in range(43)]
        await session.clear_session()
        assert stored.count_sessions() == 0
        assert await session.get_items() == []
        assert session.session_id != id
        stored.undo(id)
        assert stored.get_session(id).message_count == 43

    using(asynchronous, talk)


class Scripted(Model):
    """Calls a tool when it is asked something, and answers with what the tool has said."""

    def __init__(self) -> None:
        self.inputs: list[list[Any]] = []

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> ModelResponse:
        self.inputs.append(list(input))
        return ModelResponse(output=[self._next(input[-1])], usage=Usage(), response_id=None)

    def _next(self, last: Any) -> Any:
        if last.get("type") == "function_call_output":
            text = ResponseOutputText(
                type="output_text", text=f"It says {last['output']}.", annotations=[], logprobs=[]
            )
            return ResponseOutputMessage(
                type="message", id="msg_model", role="assistant", status="completed", content=[text]
            )
        call = f"call_{len(self.inputs)}"
        return ResponseFunctionToolCall(
            type="function_call", id=f"fc_{call}", call_id=call, name="departure", arguments="{}", status="completed"
        )

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


@function_tool
def departure() -> str:
    """When the ferry leaves."""
    return "seven"


def test_an_agent_talks_in_a_session(asynchronous: Connect, stored: SessionManager) -> None:
    model = Scripted()
    agent = Agent(name="clerk", model=model, tools=[departure])
    quiet = RunConfig(tracing_disabled=True)

    async def talk(session: OpenAIConversationsSession) -> None:
        first = await Runner.run(agent, "When?", session=session, run_config=quiet)
        second = await Runner.run(agent, "Really?", session=session, run_config=quiet)
        assert (first.final_output, second.final_output) == ("It says seven.", "It says seven.")
        items: list[Any] = await session.get_items()
        kinds = ["message", "function_call", "function_call_output", "message"]
        assert [item["type"] for item in items] == kinds * 2
        assert [item.get("type", "message") for item in model.inputs[2]] == [*kinds, "message"]
        told = [(message.role, message.content) for message in stored.get_session(session.session_id).history]
        assert told[:4] == [("user", "When?"), ("assistant", None), ("tool", "seven"), ("assistant", "It says seven.")]
        sent = stored.context(session.session_id, max_tokens=10_000).to_openai()
        assert [message["role"] for message in sent] == ["user", "assistant", "tool", "assistant"] * 2

    using(asynchronous, talk)


def test_an_agent_goes_on_with_a_session_made_elsewhere(asynchronous: Connect, stored: SessionManager) -> None:
    from ithaca import ChatMessage

    stored.create_session("trip")
    call = {"id": "call_0", "type": "function", "function": {"name": "departure", "arguments": "{}"}}
    stored.add_messages(
        "trip",
        [
            ChatMessage("user", "When?"),
            ChatMessage("assistant", "I look.", tool_calls=[call]),
            ChatMessage("tool", "six", tool_call_id="call_0"),
        ],
    )

    async def talk() -> None:
        async with asynchronous() as client:
            session = OpenAIConversationsSession(conversation_id="trip", openai_client=client)
            model = Scripted()
            agent = Agent(name="clerk", model=model, tools=[departure])
            await Runner.run(agent, "And now?", session=session, run_config=RunConfig(tracing_disabled=True))
            kinds = [item.get("type", "message") for item in model.inputs[0]]
            assert kinds == ["message", "message", "function_call", "function_call_output", "message"]
            popped: Any = await session.pop_item()
            assert popped["content"][0]["text"] == "It says seven."

    asyncio.run(talk())
    assert stored.get_session("trip").message_count == 6


def test_what_is_refused_is_raised_as_the_clients_own(asynchronous: Connect) -> None:
    async def talk(session: OpenAIConversationsSession) -> None:
        await session.add_items([{"role": "user", "content": "kept"}])
        bad: Any = {"role": "user", "content": 7}
        with pytest.raises(openai.BadRequestError):
            await session.add_items([{"role": "user", "content": "lost"}, bad])
        assert len(await session.get_items()) == 1

    using(asynchronous, talk)
