"""What happens when the network or the server fails: it is tried again where it can be, and nothing happens twice."""

import contextlib
import time
from collections.abc import Callable, Iterator
from random import Random

import pytest

from ithaca import ChatMessage, Client, ServerUnavailable, ServiceError, SessionNotFound
from tests.client.conftest import AsOwner
from tests.support.serving import Served
from tests.support.unreliable import Answer, Cut, Silence, Unreliable

BUSY = Answer(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
BAD_GATEWAY = Answer(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\nconnection: close\r\n\r\n<html")
SLOW_DOWN = Answer(
    b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


@pytest.fixture
def network(server: Served) -> Iterator[Unreliable]:
    network = Unreliable(server.address)
    yield network
    network.close()


@pytest.fixture
def far(network: Unreliable, asks_as: AsOwner, name: str) -> Client:
    """A client whose requests go over the unreliable network."""
    return asks_as(name, address=network.address, timeout=5)


@pytest.mark.parametrize("fault", [Cut(None), Cut(0), Cut(20), BUSY, BAD_GATEWAY, SLOW_DOWN], ids=repr)
def test_what_is_sent_again_happens_once(far: Client, alice: Client, network: Unreliable, fault: Cut | Answer) -> None:
    id = alice.create_session().id
    network.faults.extend([fault] * 2)
    message = far.add_message(id, ChatMessage("user", "once"))
    assert network.connections == 3
    assert [(m.id, m.content) for m in alice.get_messages(id)] == [(message.id, "once")]
    network.faults.extend([fault] * 2)
    assert far.count_sessions() == 1


def test_after_so_many_attempts_it_is_given_up(far: Client, network: Unreliable) -> None:
    network.faults.extend([Cut(None)] * 9)
    with pytest.raises(ServerUnavailable) as lost:
        far.create_session()
    assert (network.connections, lost.value.address) == (4, network.address)
    network.faults.clear()
    network.faults.extend([BUSY] * 9)
    with pytest.raises(ServiceError) as busy:
        far.count_sessions()
    assert (network.connections, busy.value.status) == (8, 503)


@pytest.mark.parametrize(
    "change",
    [
        lambda far, id, **seen: far.rename_session(id, "new", **seen),
        lambda far, id, **seen: far.replace_messages(id, [ChatMessage("user", "new")], **seen),
        lambda far, id, **seen: far.delete_session(id, **seen),
    ],
    ids=["PATCH", "PUT", "DELETE"],
)
def test_so_is_every_method(far: Client, alice: Client, network: Unreliable, change: Callable[..., object]) -> None:
    id = alice.create_session().id
    network.faults.append(Cut(0))  # it was done, and would be refused if it were done again
    change(far, id, expected_revision=1)
    assert network.connections == 2
    with contextlib.suppress(SessionNotFound):
        assert alice.get_session(id).revision == 2


def test_what_may_not_be_sent_twice_is_not(far: Client, alice: Client, network: Unreliable) -> None:
    network.faults.append(Cut(0))
    with pytest.raises(ServerUnavailable):
        far.create_key("k")  # a second answer would not show what it says
    (made,) = alice.list_keys()
    assert network.connections == 1
    network.faults.append(SLOW_DOWN)  # it was not begun
    far.revoke_key(made.id)
    assert alice.list_keys() == []


def test_nobody_listens(asks_as: AsOwner) -> None:
    began = time.monotonic()
    with pytest.raises(ServerUnavailable, match=r"127\.0\.0\.1:1"):
        asks_as("ann", address="http://127.0.0.1:1", retries=2).rename_session("s-1", "x")
    assert time.monotonic() - began >= 0.15  # 0.05 and 0.1, at least, between three attempts


def test_nobody_answers(asks_as: AsOwner, network: Unreliable) -> None:
    network.faults.append(Silence())
    with pytest.raises(ServerUnavailable, match=r"did not answer within 0\.2 seconds"):
        asks_as("ann", address=network.address, timeout=0.2).count_sessions()
    assert network.connections == 1


def test_a_history_that_is_cut_off_goes_on_where_it_was(far: Client, alice: Client, network: Unreliable) -> None:
    id = alice.create_session().id
    random = Random(7)  # noise, since nothing else would be as long on its way
    alice.add_messages(id, [ChatMessage("user", random.randbytes(300).hex()) for _ in range(1_000)])
    network.faults.extend([Cut(100_000), Cut(0), Cut(200_001), Cut(300_000)])
    met = [message.seq for message in far.iter_messages(id)]
    assert met == list(range(1, 1_001))
    assert not network.faults


def test_bytes_that_are_cut_off_go_on_where_they_were(far: Client, alice: Client, network: Unreliable) -> None:
    data = bytes(range(256)) * 4_000
    digest = alice.put_attachment(data, "application/octet-stream").digest
    network.faults.extend([Cut(100_000), Cut(0), Cut(300_000)])
    assert b"".join(far.read_attachment(digest, start=1_000, stop=1_000_000)) == data[1_000:1_000_000]
    assert network.connections == 4


def test_a_stream_that_never_gets_on_is_given_up(far: Client, alice: Client, network: Unreliable) -> None:
    id = alice.create_session().id
    alice.add_message(id, ChatMessage("user", "x"))
    network.faults.extend([Cut(0)] * 9)
    with pytest.raises(ServerUnavailable):
        list(far.iter_messages(id))
    assert network.connections == 4


def test_connections_are_used_again(far: Client, network: Unreliable) -> None:
    id = far.create_session().id
    far.add_message(id, ChatMessage("user", "x"))
    assert (len(list(far.iter_messages(id))), far.count_sessions(), network.connections) == (1, 1, 1)
