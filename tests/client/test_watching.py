"""Who watches through a client hears everything once, whatever happens to the connection."""

import asyncio
from itertools import islice
from types import SimpleNamespace

import httpx2
import pytest

from ithaca import AsyncClient, ChatMessage, Client, NotSignedIn, SessionManager
from ithaca.client import waiting
from tests.client.conftest import AsOwner
from tests.support.serving import Served
from tests.support.unreliable import Answer, Cut, Unreliable

BUSY = Answer(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
#: A stream that the server ends in order, as when it is stopped.
STOPPING = b'event: end\nretry: 10\ndata: {"reason":"stopping"}\n\n'
STOPPED = Answer(
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s"
    % (len(STOPPING), STOPPING)
)


def test_a_broken_connection_loses_and_doubles_nothing(
    alice: Client, asks_as: AsOwner, name: str, server: Served
) -> None:
    network = Unreliable(server.address)
    start = alice.latest_cursor()
    id = alice.create_session().id
    for n in range(40):
        alice.add_message(id, ChatMessage("user", str(n)))
    network.faults.extend([Cut(1_500), BUSY, STOPPED, Cut(0), Cut(4_321)])
    news = asks_as(name, address=network.address).watch(after=start, timeout=5)
    assert [change.revision for change in islice(news, 41)] == list(range(1, 42))
    alice.rename_session(id, "x")
    assert next(news).kind == "updated"
    assert not network.faults
    news.close()  # type: ignore[attr-defined]
    network.close()


def test_it_ends_when_there_is_nothing_new_for_so_long(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    id = alice.create_session().id
    alice.add_message(id, ChatMessage("user", "x"))
    pauses: list[float] = []
    monkeypatch.setattr(waiting, "time", SimpleNamespace(sleep=pauses.append))
    assert [change.kind for change in alice.watch(session_id=id, after=1, timeout=0.3)] == ["messages added"]
    assert pauses == [0]  # it is over, and nobody has to come back


def test_whose_news_are_heard(root: Client, asks_as: AsOwner, name: str, trusted: SessionManager) -> None:
    start = root.latest_cursor()
    for n in range(2):
        trusted.create_session(owner=f"{name} {n}")
    heard = {
        "everybody": asks_as("root", "read,write,admin", all_owners=True).watch(after=start, timeout=0.3),
        "named": root.watch(owner=f"{name} 1", after=start, timeout=0.3),
        "confined": root.for_owner(f"{name} 0").watch(after=start, timeout=0.3),
        "another's": root.for_owner(f"{name} 0").watch(owner=f"{name} 1", after=start, timeout=0.3),
    }
    owners = {who: [change.owner for change in news] for who, news in heard.items()}
    assert owners == {
        "everybody": [f"{name} 0", f"{name} 1"],
        "named": [f"{name} 1"],
        "confined": [f"{name} 0"],
        "another's": [],
    }
    with Client(root._connection.address) as nobody, pytest.raises(NotSignedIn):
        next(nobody.watch())


def test_on_an_event_loop(server: Served, name: str) -> None:
    async def use() -> None:
        async with (
            httpx2.AsyncClient(headers={"x-owner": name}, verify=False, trust_env=False) as http,
            AsyncClient(server.address, http=http) as client,
        ):
            start = await client.latest_cursor()
            await client.create_session()
            kinds = [change.kind async for change in client.watch(after=start, timeout=0.3)]
            assert kinds == ["created"]

    asyncio.run(use())
