"""A real model, small as it is: what it says is told as it comes, and stored as it was told.

`make test-model` installs what this takes; elsewhere it isn't collected. It prints what Ithaca adds to the time to
the first token.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from ithaca import AsyncSessionManager, ReplyEvent, Session, SessionManager
from ithaca.service import SignedIn
from tests.behaviour.replies.given import last, text
from tests.cli.terminal import terminal
from tests.support.serving import served

#: Times that the first token is waited for, each way.
TIMES = 12

FEW = {"max_tokens": 24, "temperature": 0}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.model.serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        yield server.stdout.readline().decode().strip()
        server.kill()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[SessionManager]:
    with SessionManager(tmp_path / "model.db") as manager:
        yield manager
        assert manager.wait_for_replies(120)
        assert manager.verify() == []


@pytest.fixture
def session(manager: SessionManager, address: str) -> Session:
    return manager.create_session(name="Trip", endpoint_url=address, model="smollm2")


def test_a_conversation(manager: SessionManager, session: Session) -> None:
    for question in ("Say hello.", "And now say goodbye."):
        events = list(manager.reply(session.id, question, options=FEW))
        reply = last(events)
        assert (reply.state, reply.finish_reason in ("stop", "length")) == ("complete", True)
        assert text(events) != ""
        assert manager.get_session(session.id).history[-1].content == text(events)
        assert reply.input_tokens > 0
        assert 0 < reply.output_tokens <= FEW["max_tokens"]
    assert len(manager.usage(session_id=session.id, by=["message_id"])) == 2


def test_stopped_and_continued(manager: SessionManager, session: Session) -> None:
    reply = manager.start_reply(session.id, "Count from one to a hundred.", options={"max_tokens": 300})
    events = manager.reply_events(reply.id)
    heard = next(event.text for event in events if event.kind == "text")
    stopped = manager.stop_reply(reply.id)
    heard += text(events)
    assert stopped.state == "stopped"
    assert manager.get_session(session.id).history[-1].content == heard
    more = text(manager.continue_reply(session.id, options=FEW))
    assert manager.get_session(session.id).history[-1].content == heard + more


def test_a_title_and_a_summary(manager: SessionManager, address: str) -> None:
    session = manager.create_session(endpoint_url=address, model="smollm2")
    last(manager.reply(session.id, "What is the capital of Greece?", options=FEW))
    assert manager.wait_for_replies(120)
    summary = manager.summarize(session.id, keep_last=0)
    assert summary.counts


def test_what_is_added_to_the_time_to_the_first_token(address: str, tmp_path: Path) -> None:
    """It is a beginning, a context, a connection and a saving: printed, and no more than a fraction of a second."""
    alone, ours = asyncio.run(measure(address, str(tmp_path / "model.db")))
    sys.stdout.write(
        f"\nThe first token came after {1000 * statistics.median(alone):.0f} ms from the endpoint alone,"
        f" after {1000 * statistics.median(ours):.0f} ms through Ithaca (medians of {TIMES}).\n"
    )
    assert statistics.median(ours) - statistics.median(alone) < 0.25


async def measure(address: str, database: str) -> tuple[list[float], list[float]]:
    """The seconds to the first token, alone and through Ithaca, in turn."""
    alone, ours = [], []
    async with (
        openai.AsyncOpenAI(base_url=address, api_key="none") as client,
        AsyncSessionManager(database) as manager,
    ):
        for number in range(TIMES + 1):
            # Each question is a new one: what the server has read once, it needn't read again.
            began = time.perf_counter()
            await first_token_alone(client, f"Say the number {2 * number}.")
            alone.append(time.perf_counter() - began)
            session = await manager.create_session(name="Trip", endpoint_url=address, model="smollm2")
            began = time.perf_counter()
            events = manager.reply(session.id, f"Say the number {2 * number + 1}.", options=FEW)
            await first_token(events)
            ours.append(time.perf_counter() - began)
            await manager.wait_for_replies(60)
    return alone[1:], ours[1:]  # the first of each imports and connects


async def first_token_alone(client: openai.AsyncOpenAI, question: str) -> None:
    stream = await client.chat.completions.create(
        model="smollm2", messages=[{"role": "user", "content": question}], stream=True, max_tokens=24, temperature=0
    )
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            break
    await stream.close()


async def first_token(events: object) -> None:
    async for event in events:  # type: ignore[attr-defined]
        assert isinstance(event, ReplyEvent)
        if event.kind == "text":
            return


def test_a_stock_client_through_the_gateway(manager: SessionManager, address: str, tmp_path: Path) -> None:
    manager.create_endpoint("small", address, model="smollm2", shared=True)
    key = manager.create_key("client", owner="ann").token
    with served(f"sqlite:///{tmp_path}/model.db", access=SignedIn) as server:
        client = openai.OpenAI(base_url=f"{server.address}/v1", api_key=key)
        said: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello."}]
        stream = client.chat.completions.create(
            model="small/smollm2", messages=said, stream=True, max_tokens=24, extra_headers={"Ithaca-Session": "trip"}
        )
        heard = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        client.close()
    assert heard != ""
    kept = [(message.role, message.content) for message in manager.for_owner("ann").get_session("trip").history]
    assert kept == [("user", "Say hello."), ("assistant", heard)]


def test_a_chat_in_a_terminal(manager: SessionManager, address: str, tmp_path: Path) -> None:
    manager.create_endpoint("small", address, model="smollm2", max_tokens=24)
    with terminal("chat", "--database", f"{tmp_path}/model.db", HOME=str(tmp_path), ITHACA_TITLES="off") as chat:
        chat.enter("Say hello.")
        chat.ready()
        assert chat.leave() == 0
    asked, answered = manager.get_session(manager.list_sessions()[0].id).history
    assert (asked.content, answered.role, answered.content != "") == ("Say hello.", "assistant", True)
    assert str(answered.content).split()[0] in chat.seen
