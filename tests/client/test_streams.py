"""What is long is sent and read as it comes, in constant memory."""

import asyncio
import io
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import pytest

from ithaca import (
    AsyncClient,
    AttachmentNotFound,
    ChatMessage,
    Client,
    InvalidArgument,
    RevisionConflict,
    SessionManager,
    SessionNotFound,
)
from tests.support.serving import Served

MIB = 1024 * 1024


def pieces(count: int, size: int = MIB) -> Iterator[bytes]:
    return (bytes([n % 251]) * size for n in range(count))


def memory_of(work: Callable[[], Any]) -> int:
    """The bytes that it takes at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_attachments_go_up_and_down_in_constant_memory(alice: Client) -> None:
    size = 24
    stored = alice.put_attachment(pieces(size), "application/octet-stream")
    assert stored.size == size * MIB
    read = memory_of(lambda: [len(piece) for piece in alice.read_attachment(stored.digest)])
    assert read < 6 * MIB  # the server's share in it, which runs in this process
    assert all(len(piece) <= MIB for piece in alice.read_attachment(stored.digest))


def test_a_long_history_is_of_one_moment(trusted: SessionManager, server: Served, name: str) -> None:
    hers = trusted.for_owner(name)
    id = hers.create_session("long").id
    said = [message.id for message in hers.add_messages(id, [ChatMessage("user", str(n)) for n in range(1500)])]
    times = 0

    def meanwhile(response: httpx2.Response) -> None:
        """Somebody else deletes a message after the others have been read."""
        nonlocal times
        if times and response.url.path.endswith("/messages"):
            times -= 1
            hers.delete_messages(id, [said.pop(700)])

    hooks: Any = {"response": [meanwhile]}
    with httpx2.Client(headers={"x-owner": name}, verify=False, trust_env=False, event_hooks=hooks) as http:
        alice = Client(server.address, http=http)
        for count, last in ((0, None), (2, None), (0, 1200), (0, 1000), (1, 1100)):
            times = count
            session = alice.get_session(id, last=last)
            assert [message.id for message in session.history] == said[-(last or 5000) :]
            assert (session.revision, session.message_count) == (hers.get_session(id, last=0).revision, len(said))
        times = 100
        with pytest.raises(RevisionConflict):
            alice.get_session(id)


def test_ranges(alice: Client) -> None:
    data = bytes(range(256)) * 300
    digest = alice.put_attachment(io.BytesIO(data), "application/octet-stream").digest
    for start, stop in ((0, None), (5, 9), (5, 5), (76_799, None), (76_800, None), (0, 10**30), (90_000, 90_001)):
        read = b"".join(alice.read_attachment(digest, start=start, stop=stop))
        assert read == data[start:stop], (start, stop)
    assert b"".join(alice.read_attachment(alice.put_attachment(b"", "text/plain").reference)) == b""


def test_what_is_not_there_or_no_bytes_is_refused(alice: Client) -> None:
    for start, stop in ((0, None), (3, 3)):
        reading = alice.read_attachment("0" * 64, start=start, stop=stop)
        with pytest.raises(AttachmentNotFound):
            next(reading)
    with pytest.raises(InvalidArgument, match="start"):
        alice.read_attachment("0" * 64, start=-1)
    for data in ("text", None, ["text"], 5):
        with pytest.raises(InvalidArgument, match="data"):
            alice.put_attachment(data, "text/plain")  # type: ignore[arg-type]


def test_an_upload_that_fails_leaves_nothing(alice: Client) -> None:
    def failing() -> Iterator[bytes]:
        yield b"x" * MIB
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        alice.put_attachment(failing(), "application/octet-stream")
    assert list(alice.list_attachments()) == []


def test_a_history_is_read_in_constant_memory_and_can_be_left(alice: Client) -> None:
    id = alice.create_session().id
    alice.add_messages(id, [ChatMessage("user", f"{n} " + "x" * 2_000) for n in range(4_000)])
    assert memory_of(lambda: sum(1 for _ in alice.iter_messages(id))) < 5 * MIB  # of 8, and the server is here too
    history = alice.iter_messages(id)
    assert next(history).seq == 1
    history.close()  # type: ignore[attr-defined]
    assert [message.seq for message in alice.iter_messages(id, after=3_998)] == [3_999, 4_000]
    with pytest.raises(SessionNotFound):
        next(alice.iter_messages("nothing"))


def test_on_an_event_loop(server: Served, name: str, tmp_path: Any) -> None:
    (tmp_path / "file").write_bytes(b"f" * 100_000)

    async def coming() -> AsyncIterator[bytes]:
        for piece in pieces(3):
            yield piece

    async def use() -> None:
        async with (
            httpx2.AsyncClient(headers={"x-owner": name}, verify=False, trust_env=False) as http,
            AsyncClient(server.address, http=http) as client,
        ):
            session = await client.create_session()
            await asyncio.gather(*(client.add_message(session.id, ChatMessage("user", str(n))) for n in range(20)))
            met = [message async for message in client.iter_messages(session.id)]
            assert sorted(message.content for message in met) == sorted(map(str, range(20)))
            with (tmp_path / "file").open("rb") as file:
                for data, size in ((coming(), 3 * MIB), (file, 100_000), ([b"a", b"b"], 2), (b"x", 1)):
                    stored = await client.put_attachment(data, "application/octet-stream")
                    assert (stored.size, len(b"".join([p async for p in client.read_attachment(stored.digest)]))) == (
                        size,
                        size,
                    )
            with pytest.raises(SessionNotFound):
                await client.for_owner(name).get_session("nothing")

    asyncio.run(use())
