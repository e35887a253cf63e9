"""Tasks that append at the same time on PostgreSQL share a statement, and none notices what becomes of the others."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from itertools import count

import psycopg
import pytest

from ithaca import AsyncSessionManager, ChatMessage, SessionManager
from ithaca.errors import ManagerClosed, MessageConflict, RevisionConflict, SessionNotFound, StorageError
from ithaca.storage.postgres_together import LONG
from tests.storage.test_broken_connections import Breaker
from tests.support.managers import execute
from tests.support.processes import rounds

pytestmark = pytest.mark.parametrize("database_url", ["postgres-newest", "postgres-15"], indirect=True)

#: What becomes of a call: what it returned, or the error that it raised.
Outcome = ChatMessage | BaseException

TRANSACTIONS = "SELECT count(DISTINCT transaction) FROM changes WHERE kind = 'messages added'"


def with_manager(url: str, work: Callable[[AsyncSessionManager], Coroutine[object, object, None]]) -> None:
    async def main() -> None:
        async with AsyncSessionManager(url) as manager:
            await work(manager)
            assert await manager.verify() == []

    asyncio.run(main())


async def together(*calls: Awaitable[ChatMessage]) -> Sequence[Outcome]:
    """The calls' outcomes, of which all but the first are queued at the same time."""
    return await asyncio.gather(*calls, return_exceptions=True)


def test_many_share_a_transaction_and_each_session_counts_for_itself(database_url: str) -> None:
    said = ChatMessage(
        "assistant",
        'a\0b \ud7ff "quoted" \\u0000 \ufdd0 \n\t🙂',
        tool_calls=[{"id": "1", "function": {"name": "f", "arguments": '{"a": "\\u0000"}'}}],
        name="écho",
        metadata={"a\0": ['\\"', None, 1.5]},
    )

    async def work(manager: AsyncSessionManager) -> None:
        ids = [f"s{number}" for number in range(8)]
        for id in ids:
            await manager.create_session(id, owner=id[1:])
        shared = await manager.create_session("shared")

        async def add(id: str, manager: AsyncSessionManager) -> None:
            for _ in range(4):
                mine = await manager.add_message(id, said)
                where = "shared" if manager.owner is None else id
                await manager.add_message(where, ChatMessage("user", [{"type": "?"}]))
                assert (await manager.get_message(id, str(mine.id))) == mine
                assert (mine.content, mine.metadata, mine.tool_calls) == (said.content, said.metadata, said.tool_calls)

        async with AsyncSessionManager(database_url) as other:  # as another process would
            of_each = [manager, other] * 4
            confined = [one if id < "s4" else one.for_owner(id[1:]) for id, one in zip(ids, of_each, strict=True)]
            await asyncio.gather(*map(add, ids, confined))
        for id in [*ids, "shared"]:
            session = await manager.get_session(id)
            added = 16 if id == "shared" else 4 if id < "s4" else 8
            assert [message.seq for message in session.history] == list(range(1, added + 1))
            assert (session.message_count, session.revision) == (added, shared.revision + added)
            assert session.last_message_at == max(message.created_at for message in session.history)
            news = execute(
                database_url,
                f"SELECT revision FROM changes WHERE session_id = '{id}' AND kind = 'messages added'"
                " ORDER BY transaction, number",
            )
            assert [row[0] for row in news] == list(range(2, added + 2))

    with_manager(database_url, work)
    assert execute(database_url, TRANSACTIONS)[0][0] < 48  # for 64 messages


def test_one_that_fails_fails_alone(database_url: str) -> None:
    known, other = ChatMessage("user", "known", id="known"), ChatMessage("user", "other", id="known")

    async def work(manager: AsyncSessionManager) -> None:
        for id in ("a", "b", "c"):
            await manager.create_session(id, owner=id)
        await manager.add_message("b", known)
        calls = [
            manager.add_message("a", ChatMessage("user", "first")),
            manager.add_message("a", ChatMessage("user", "1")),
            manager.add_message("nowhere", ChatMessage("user", "lost")),
            manager.for_owner("a").add_message("b", ChatMessage("user", "not mine")),
            manager.add_message("b", known),
            manager.add_message("b", other),
            manager.add_message("b", ChatMessage("user", "stale"), expected_revision=1),
            manager.add_message("c", ChatMessage("user", "new", id="new")),
            manager.add_message("c", ChatMessage("user", "new", id="new")),
            manager.add_message("a", ChatMessage("user", "x" * (LONG + 1))),
            manager.for_owner("a").add_message("a", ChatMessage("user", "2")),
        ]
        outcomes = await together(*calls)
        kinds = {place: type(outcome) for place, outcome in enumerate(outcomes) if isinstance(outcome, Exception)}
        assert kinds == {2: SessionNotFound, 3: SessionNotFound, 5: MessageConflict, 6: RevisionConflict}
        assert outcomes[4] == await manager.get_message("b", "known")
        assert outcomes[7] == outcomes[8]
        assert [len((await manager.get_session(id)).history) for id in ("a", "b", "c")] == [4, 1, 1]

    with_manager(database_url, work)


def test_who_changes_a_session_holds_up_only_who_waits_for_it(database_url: str) -> None:
    async def work(manager: AsyncSessionManager) -> None:
        for id in ("held", "a", "b"):
            await manager.create_session(id)
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT FROM sessions WHERE id = 'held' FOR UPDATE")
            held = [asyncio.create_task(manager.add_message("held", ChatMessage("user", "held"))) for _ in range(3)]
            await asyncio.sleep(0)
            free = [manager.add_message(id, ChatMessage("user", "free")) for id in "abab"]
            async with asyncio.timeout(20):
                assert [message.content for message in await asyncio.gather(*free)] == ["free"] * 4
            assert not any(task.done() for task in held)
            held[0].cancel()  # it is with the server
            held[2].cancel()
            await asyncio.wait([held[0], held[2]])
            holder.rollback()
        assert (await held[1]).seq == 1
        assert [message.content for message in (await manager.get_session("held")).history] == ["held"]

    with_manager(database_url, work)


def test_who_is_cancelled_in_the_queue_stores_nothing(database_url: str) -> None:
    async def work(manager: AsyncSessionManager) -> None:
        await manager.create_session("a")
        tasks = [asyncio.create_task(manager.add_message("a", ChatMessage("user", str(n)))) for n in range(6)]
        await asyncio.sleep(0)
        for task in tasks[2:5]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [False] * 2 + [True] * 3 + [
            False
        ]
        contents = [message.content for message in (await manager.get_session("a")).history]
        assert sorted(map(str, contents)) == ["0", "1", "5"]

    with_manager(database_url, work)


def test_closed_while_messages_are_queued(database_url: str) -> None:
    """Each is stored or told so."""
    outcomes: list[Outcome] = []

    async def main() -> None:
        manager = AsyncSessionManager(database_url)
        await manager.create_session("a")
        tasks = [asyncio.create_task(manager.add_message("a", ChatMessage("user", str(n)))) for n in range(20)]
        await asyncio.sleep(0)
        await manager.close()
        outcomes.extend(await asyncio.gather(*tasks, return_exceptions=True))

    asyncio.run(main())
    stored = [outcome.content for outcome in outcomes if isinstance(outcome, ChatMessage)]
    assert len(stored) >= 19  # the queue; the first goes by itself
    assert all(isinstance(outcome, (ChatMessage, ManagerClosed)) for outcome in outcomes)
    with SessionManager(database_url) as manager:
        assert sorted(map(str, stored)) == sorted(str(message.content) for message in manager.get_session("a").history)


def test_broken_while_tasks_append(database_url: str) -> None:
    """None is doubled, and none lost that was acknowledged."""
    acknowledged: set[str] = set()
    given_up: set[str] = set()

    async def work(manager: AsyncSessionManager) -> None:
        for id in ("a", "b"):
            await manager.create_session(id)
        with Breaker(database_url) as breaker:

            async def write(writer: int) -> None:
                for number in count():
                    text = f"{writer} {number}"
                    try:
                        await manager.add_message("ab"[writer % 2], ChatMessage("user", text))
                        acknowledged.add(text)
                    except StorageError:
                        given_up.add(text)
                    if breaker.times >= rounds(10):
                        return

            await asyncio.gather(*map(write, range(8)))
        histories = [(await manager.get_session(id)).history for id in ("a", "b")]
        for history in histories:
            assert [message.seq for message in history] == list(range(1, len(history) + 1))
        texts = [str(message.content) for history in histories for message in history]
        assert len(texts) == len(set(texts))
        assert acknowledged <= set(texts) <= acknowledged | given_up
        assert len(given_up) < len(acknowledged)

    with_manager(database_url, work)
