"""A model is asked through a client, by the server; what it says comes as it says it, whatever happens on the way."""

import asyncio
from collections.abc import Iterator

import httpx2
import pytest

from ithaca import AsyncClient, ChatMessage, Client, InvalidArgument, ReplyNotFound, ReplyRunning, SessionManager
from tests.behaviour.replies.given import ALL, WORDS, Held
from tests.client.conftest import AsOwner
from tests.support.model_server import ModelServer, model_server
from tests.support.serving import Served
from tests.support.unreliable import Cut, Unreliable


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def session(alice: Client, model: ModelServer, trusted: SessionManager) -> str:
    """A session of alice's that a shared endpoint answers."""
    name = f"muse-{model.port}"
    trusted.create_endpoint(name, model.url, model="muse", shared=True)
    return alice.create_session(name="Trip", endpoint_url=name).id


def test_a_reply_as_it_comes(alice: Client, session: str, model: ModelServer) -> None:
    model.say(*WORDS)
    events = list(alice.reply(session, "Sing!"))
    assert "".join(event.text for event in events) == ALL
    end = events[-1].reply
    assert end is not None
    assert (events[0].kind, events[-1].kind, end.state) == ("begin", "end", "complete")
    assert [message.content for message in alice.get_messages(session)] == ["Sing!", ALL]
    assert (alice.list_replies(session).items, alice.get_reply(end.id)) == ([end], end)
    assert list(alice.reply_events(end.id, after=events[-1].offset)) == []
    assert "".join(event.text for event in alice.reply_events(end.id, after=4)) == ALL[4:]


def test_it_goes_on_where_it_was_cut_off(
    alice: Client, asks_as: AsOwner, name: str, session: str, model: ModelServer, server: Served
) -> None:
    network = Unreliable(server.address)
    far = asks_as(name, address=network.address)
    model.say(*WORDS)
    blocks = [{"type": "text", "text": "Sing!"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
    reply = far.start_reply(session, blocks)
    network.faults.extend([Cut(700), Cut(0), Cut(900)])
    with httpx2.Client(headers={"x-owner": name}, verify=False, trust_env=False) as http:
        anew = Client(network.address, http=http)  # on connections that meet the faults
        assert "".join(event.text for event in anew.reply_events(reply.id)) == ALL
    assert not network.faults
    assert len(alice.get_messages(session)) == 2
    network.close()


def test_stopping_and_asking_twice(alice: Client, session: str, model: ModelServer) -> None:
    held = Held(model)
    reply = alice.start_reply(session, ChatMessage("user", "Sing!"))
    with pytest.raises(ReplyRunning) as running:
        alice.start_reply(session, "Me too!")
    assert running.value.reply_id == reply.id
    assert alice.stop_reply(reply.id).state == "stopped"
    held.go_on()


def test_another_answer_a_name_and_a_summary(alice: Client, session: str, model: ModelServer) -> None:
    for ask in (lambda: alice.reply(session, "Sing!"), lambda: alice.regenerate(session)):
        model.say(*WORDS)
        assert "".join(event.text for event in ask()) == ALL
    answer = alice.get_messages(session)[-1].id
    assert answer is not None
    assert len(alice.list_versions(session, answer)) == 2
    made = alice.summarize(session, keep_last=1)
    assert alice.list_compactions(session) == [made]
    assert alice.title_session(session).name == "Trip"


def test_what_is_not_there_or_bad_is_refused(alice: Client, session: str) -> None:
    with pytest.raises(ReplyNotFound):
        alice.get_reply("nothing")
    with pytest.raises(ReplyNotFound):
        next(alice.reply_events("nothing"))
    with pytest.raises(InvalidArgument, match="options"):
        alice.start_reply(session, "Sing!", options={"messages": []})
    with pytest.raises(InvalidArgument, match="after"):
        alice.reply_events("nothing", after=-1)


def test_on_an_event_loop(alice: Client, session: str, model: ModelServer, server: Served, name: str) -> None:
    model.say(*WORDS)

    async def use() -> str:
        async with (
            httpx2.AsyncClient(headers={"x-owner": name}, verify=False, trust_env=False) as http,
            AsyncClient(server.address, http=http) as client,
        ):
            return "".join([event.text async for event in client.reply(session, "Sing!")])

    assert asyncio.run(use()) == ALL
