"""Live events: who listens hears all that concerns him, once, in order; through every server of the database."""

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ithaca import AsyncSessionManager, ChatMessage, SessionManager
from ithaca.service import LocalOwner, Visitor, create_app, end_streams, live
from ithaca.service.live import Live, Wanted
from tests.service.test_sessions import make, say
from tests.support.processes import rounds
from tests.support.serving import ByHeader, Served, served

ANYBODY = Visitor("ann", frozenset(("read",)))


@dataclass
class Event:
    name: str = ""
    id: str | None = None
    retry: str | None = None
    data: Any = None

    @property
    def what(self) -> tuple[str, str, int]:
        return self.data["session_id"], self.data["kind"], self.data["revision"]


def events(lines: Iterator[str]) -> Iterator[Event]:
    """As the HTML standard reads them; a comment is an event without a name."""
    event = Event()
    for line in lines:
        name, _, value = line.partition(": ")
        if not line:
            yield event
            event = Event()
        elif name == "event":
            event.name = value
        elif name == "data":
            event.data = json.loads(value)
        elif name:
            setattr(event, name, value)


@contextmanager
def listening(client: httpx.Client, path: str = "/api/events", **options: Any) -> Iterator[Iterator[Event]]:
    with client.stream("GET", path, **options) as response:
        assert response.status_code == 200, response.read()
        yield events(response.iter_lines())


def all_of(client: httpx.Client, count: int = 0, **options: Any) -> list[Event]:
    """What there is, up to now; asked again until there are so many changes.

    PostgreSQL tells of nothing that is newer than some transaction that is under way, whosever it is.
    """
    params = {"timeout": 0, **options.pop("params", {})}
    end = time.monotonic() + 10
    while True:
        with listening(client, params=params, **options) as stream:
            heard = list(stream)
        if len(changes(heard)) >= count or time.monotonic() > end:
            return heard


def told_of(client: httpx.Client, count: int) -> None:
    """Wait until so many changes have been told, so that who listens from now on hears none of them."""
    assert len(changes(all_of(client, count, params={"after": "0-0"}))) == count


def changes(heard: list[Event]) -> list[tuple[str, str, int]]:
    return [event.what for event in heard if event.name == "change"]


def test_who_listens_hears_at_once_what_anybody_does(alice: httpx.Client, stored: SessionManager) -> None:
    with listening(alice) as stream:
        ready = next(stream)
        assert (ready.name, ready.id) == ("ready", ready.data["cursor"])
        assert 1000 <= int(ready.retry or 0) <= 3000
        make(alice, id="s")
        assert next(stream).what == ("s", "created", 1)
        stored.add_message("s", ChatMessage("user", "from another process"))
        change = next(stream)
        assert (change.name, change.id, change.what) == ("change", change.data["cursor"], ("s", "messages added", 2))
        assert set(change.data) == {"cursor", "owner", "session_id", "kind", "revision", "created_at"}


def test_it_is_a_stream_that_nobody_keeps_back(alice: httpx.Client) -> None:
    with alice.stream("GET", "/api/events", headers={"accept-encoding": "gzip"}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert (response.headers["cache-control"], response.headers["x-accel-buffering"]) == ("no-store", "no")
        assert "content-encoding" not in response.headers


def test_another_owners_changes_are_not_heard(alice: httpx.Client, bob: httpx.Client) -> None:
    start = all_of(alice)[0].id
    make(bob, id="his")
    make(alice, id="hers")
    assert changes(all_of(alice, 1, params={"after": start})) == [("hers", "created", 1)]
    with listening(alice) as stream:
        next(stream)
        say(bob, "his", "x")
        say(alice, "hers", "x")
        assert next(stream).what == ("hers", "messages added", 2)


def test_who_comes_back_hears_what_he_missed(alice: httpx.Client) -> None:
    with listening(alice) as stream:
        start = next(stream).id
    make(alice, id="s")
    say(alice, "s", "1")
    first = all_of(alice, 2, headers={"last-event-id": start})
    assert [event.name for event in first] == ["change", "change", "ready", "end"]
    assert changes(first) == [("s", "created", 1), ("s", "messages added", 2)]
    assert first[-1].data == {"reason": "timeout"}
    assert changes(all_of(alice, 1, headers={"last-event-id": first[0].id})) == [("s", "messages added", 2)]
    again = all_of(alice, headers={"last-event-id": first[2].id}, params={"after": start})
    assert changes(again) == []


def test_one_session_alone(alice: httpx.Client) -> None:
    make(alice, id="s")
    make(alice, id="other")
    told_of(alice, 2)
    with listening(alice, params={"session_id": "s"}) as stream:
        next(stream)
        say(alice, "other", "x")
        say(alice, "s", "x")
        assert next(stream).what == ("s", "messages added", 2)
    assert changes(all_of(alice, 1, params={"session_id": "s", "after": 1})) == [("s", "messages added", 2)]
    assert changes(all_of(alice, params={"session_id": "s", "after": 2})) == []


def test_the_latest_cursor_is_where_to_begin(alice: httpx.Client) -> None:
    make(alice, id="s")
    assert changes(all_of(alice, 1, params={"session_id": "s", "after": 0})) == [("s", "created", 1)]
    start = alice.get("/api/events:latest").json()["cursor"]
    say(alice, "s", "x")
    assert changes(all_of(alice, 1, params={"after": start})) == [("s", "messages added", 2)]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"after": "x"}, "after"),
        ({"after": 3}, "after"),
        ({"after": f"{2**64}-1"}, "after"),
        ({"timeout": -1}, "timeout"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_before_it_begins(
    alice: httpx.Client, params: dict[str, Any], field: str
) -> None:
    refused = alice.get("/api/events", params=params)
    assert (refused.status_code, refused.json()["field"]) == (422, field)


def test_a_place_of_another_database_is_not_waited_for(alice: httpx.Client) -> None:
    """As after a backup was put back: the numbers that somebody knows are given out anew."""
    heard = all_of(alice, params={"after": f"{2**40}-1"})
    assert [event.name for event in heard] == ["change", "ready", "end"]
    assert heard[0].data["kind"] == "missed"


def test_an_erasure_is_told_to_whom_it_concerns(
    alice: httpx.Client, bob: httpx.Client, root: httpx.Client, names: tuple[str, str]
) -> None:
    make(alice, id="s")
    told_of(alice, 1)
    with listening(alice) as hers, listening(bob) as his, listening(root, "/api/admin/events") as all_there_is:
        start = next(hers).id
        next(his), next(all_there_is)
        root.post("/api/admin/owners:erase", json={"owner": names[0]})
        make(bob, id="next")
        erased = next(hers)
        assert (erased.data["kind"], erased.data["owner"], erased.data["session_id"]) == ("erased", names[0], "")
        assert next(his).what == ("next", "created", 1)
        assert (next(all_there_is).data["owner"], next(all_there_is).what) == ("", ("next", "created", 1))
    assert changes(all_of(alice, 1, params={"after": start})) == [erased.what]


def test_administrators_hear_of_everybody_or_of_one(
    root: httpx.Client, alice: httpx.Client, bob: httpx.Client, names: tuple[str, str]
) -> None:
    one = {"params": {"owner": names[0]}}
    with listening(root, "/api/admin/events") as all_there_is, listening(root, "/api/admin/events", **one) as hers:
        next(all_there_is), next(hers)
        make(bob, id="his")
        make(alice, id="hers")
        assert [next(all_there_is).data["owner"] for _ in range(2)] == [names[1], names[0]]
        assert next(hers).what == ("hers", "created", 1)
    with listening(root, headers={"ithaca-owner": names[0]}) as stream:
        next(stream)
        say(alice, "hers", "x")
        assert next(stream).what == ("hers", "messages added", 2)
    assert alice.get("/api/admin/events").status_code == 403
    assert root.get("/api/admin/events", params={"session_id": "s"}).json()["field"] == "session_id"


def test_nothing_is_missed_or_doubled_however_often_somebody_comes_back(
    alice: httpx.Client, database_url: str, stored: SessionManager
) -> None:
    """To the one or the other of two servers, while others write through both and beside them."""
    made, heard, last = 60 * rounds(1), list[Event](), alice.get("/api/events:latest").json()["cursor"]
    for number in range(3):
        make(alice, id=f"s{number}")

    def write(manager: SessionManager, session: str) -> None:
        for _ in range(made):
            manager.add_message(session, ChatMessage("user", "x"))

    with served(database_url) as other, SessionManager(database_url) as beside:
        owner = stored.owner
        writers = [
            threading.Thread(target=write, args=(manager, f"s{number}"))
            for number, manager in enumerate((stored, stored, beside.for_owner(owner)))
        ]
        clients = [alice, other.client(owner)]
        for writer in writers:
            writer.start()
        while len(heard) < 3 + 3 * made:
            with listening(random.choice(clients), params={"timeout": 0.2}, headers={"last-event-id": last}) as stream:
                for _, event in zip(range(random.randrange(1, 40)), stream, strict=False):
                    last = event.id or last
                    heard += [event] if event.name == "change" else []
        for writer in writers:
            writer.join()
    for number in range(3):
        told = [event.data["revision"] for event in heard if event.data["session_id"] == f"s{number}"]
        assert told == list(range(1, made + 2))


def test_who_leaves_is_forgotten(alice: httpx.Client, server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STAY", 0.05)
    for _ in range(3):
        with listening(alice) as stream:
            next(stream)
    hub = server.app.state.ithaca.live
    wait_until(lambda: not hub.listeners and not hub._tasks)
    make(alice, id="s")
    told_of(alice, 1)
    with listening(alice) as stream:
        next(stream)
        say(alice, "s", "x")
        assert next(stream).what == ("s", "messages added", 2)


def test_what_nobody_thought_of_ends_the_streams_and_no_more(
    alice: httpx.Client, server: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub = server.app.state.ithaca.live
    make(alice, id="s")
    with listening(alice) as stream:
        last = next(stream).id

        def fault(*_: Any) -> None:
            raise RuntimeError("secret words")

        monkeypatch.setattr(hub, "_hand_on", fault)
        say(alice, "s", "x")
        assert [event.data for event in stream] == [{"reason": "trouble"}]
        monkeypatch.undo()
    assert "RuntimeError" in caplog.text
    with listening(alice, headers={"last-event-id": last}) as stream:
        told = next(stream).what
        # While any transaction is under way, a cursor of PostgreSQL's is before what was committed meanwhile.
        assert (next(stream).what if told == ("s", "created", 1) else told) == ("s", "messages added", 2)
        say(alice, "s", "y")
        assert [next(stream).name, next(stream).what] == ["ready", ("s", "messages added", 3)]


def test_who_hears_nothing_is_sent_a_comment(alice: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.05)
    with listening(alice) as stream:
        assert [next(stream).name for _ in range(3)] == ["ready", "", ""]


def test_streams_end_in_order_when_the_server_stops(tmp_path: Path) -> None:
    with served(f"sqlite:///{tmp_path}/stops.db") as server:
        client = server.client()
        began, heard = threading.Event(), list[Event]()

        def listen() -> None:
            with listening(client) as stream:
                for event in stream:
                    heard.append(event)
                    began.set()

        thread = threading.Thread(target=listen)
        thread.start()
        began.wait()
        began_to_stop = time.monotonic()
        server.stop()
        thread.join()
        assert time.monotonic() - began_to_stop < 4  # of the 5 that a listener could hold it up
    assert [(event.name, event.data.get("reason")) for event in heard[1:]] == [("end", "stopping")]


def test_another_server_can_end_the_streams_too() -> None:
    async def run() -> None:
        async with AsyncSessionManager(":memory:") as manager:
            app = create_app(manager, access=LocalOwner())
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://ithaca") as client:
                listening = asyncio.create_task(client.get("/api/events"))
                while not app.state.ithaca.live.listeners:
                    await asyncio.sleep(0.01)
                end_streams(app)
                assert '{"reason":"stopping"}' in (await listening).text
                assert (await client.get("/api/events")).status_code == 503
                assert (await client.get("/api/me")).status_code == 200

    asyncio.run(run())


class ForATime(ByHeader):
    """Lets in who says who he is, until he is thrown out."""

    def __init__(self) -> None:
        super().__init__()
        self.thrown_out = set[str]()

    async def ended(self, visitors: Collection[Visitor]) -> list[Visitor]:
        return [visitor for visitor in visitors if visitor.owner in self.thrown_out]


def test_a_stream_ends_when_its_listener_may_not_listen_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REVIEW", 0.05)
    access = ForATime()
    with (
        served(f"sqlite:///{tmp_path}/ends.db", access=access) as server,
        listening(server.client("ann")) as anns,
        listening(server.client("ben")) as bens,
    ):
        next(anns), next(bens)
        access.thrown_out.add("ann")
        assert [event.data for event in anns] == [{"reason": "signed out"}]
        make(server.client("ben"), id="s")
        assert next(bens).what == ("s", "created", 1)


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_thousand_listeners_cost_as_many_readings_as_one(database_url: str) -> None:
    """And each hears all."""

    async def run() -> None:
        async with AsyncSessionManager(database_url) as manager:
            hub = Live(manager, ByHeader())
            streams = [
                await hub.listen(Wanted(ANYBODY, manager.for_owner(owner), owner))
                for owner in [f"crowd {number % 10}" for number in range(1000)]
            ]
            heads = [await anext(stream) for stream in streams]
            assert all(head.startswith(b"event: ready") for head in heads)
            reads = counted(manager)
            for number in range(10):
                await manager.for_owner(f"crowd {number}").create_session()
            told = [await anext(stream) for stream in streams]
            assert all(b'"created"' in each for each in told)
            assert len(set(told)) == 10
            await asyncio.sleep(0.3)
            assert len(reads) < 60  # a few for each commit, and for each look whether another process has written
            hub.close()
            assert {await anext(stream) for stream in streams} == {live.event("end", {"reason": "stopping"})}

    asyncio.run(run())


def counted(manager: AsyncSessionManager) -> list[Any]:
    """The readings of a manager from now on."""
    reads, read = [], manager._storage.read

    async def counting(operation: Any, *arguments: Any) -> Any:
        reads.append(operation)
        return await read(operation, *arguments)

    manager._storage.read = counting  # type: ignore[method-assign]
    return reads


def test_who_does_not_keep_up_misses_nothing_and_takes_no_room(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_WAITING", 5)

    async def run() -> list[str]:
        async with AsyncSessionManager(database_url) as manager:
            hub = Live(manager, ByHeader())
            stream = await hub.listen(Wanted(ANYBODY, manager.for_owner("slow"), "slow", timeout=0.2))
            assert b"ready" in await anext(stream)
            ids = [(await manager.for_owner("slow").create_session()).id for _ in range(3)]
            await asyncio.sleep(0.1)
            ids += [(await manager.for_owner("slow").create_session()).id for _ in range(20)]
            listener = hub.listeners[0]
            while not listener.behind:
                await asyncio.sleep(0.01)
            assert not listener._waiting
            text = b"".join([piece async for piece in stream]).decode()
            heard = [event.data["session_id"] for event in events(iter(text.splitlines())) if event.name == "change"]
            assert heard == ids
        return ids

    asyncio.run(run())


def test_a_database_that_was_away_delays_the_news_and_loses_none(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "AGAIN", 0.05)

    async def run() -> None:
        async with AsyncSessionManager(database_url) as manager, AsyncSessionManager(database_url) as other:
            hub = Live(manager, ByHeader())
            stream = await hub.listen(Wanted(ANYBODY, manager.for_owner("away"), "away"))
            await anext(stream)
            read = manager._storage.read

            async def gone(*_: Any) -> Any:
                from ithaca import DatabaseUnavailable

                raise DatabaseUnavailable("it is away")

            manager._storage.read = gone  # type: ignore[method-assign]
            made = await other.for_owner("away").create_session()
            await asyncio.sleep(0.2)
            manager._storage.read = read  # type: ignore[method-assign]
            assert made.id.encode() in await anext(stream)
            await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())
