"""Ctrl-C and cancelled tasks: who is cut off harms nobody else, and leaves nothing behind."""

import asyncio
import gc
import inspect
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import FrameType

import pytest
from psycopg_pool import ConnectionPool

from ithaca import AsyncSessionManager, ChatMessage, SessionManager
from ithaca.connection import Connection
from ithaca.storage.postgres import MOST_CONNECTIONS
from tests.support.processes import Worker, rounds, run


def test_an_interrupted_thread_takes_nobody_along(tmp_path: Path) -> None:
    cut = run(Worker("interrupt_a_writer", tmp_path / "ithaca.db", rounds(400), module="tests.storage.work"))
    assert int(cut[0]) > 20


def test_what_an_interrupted_thread_leaves_behind(tmp_path: Path) -> None:
    cut = run(Worker("interrupt_alone", tmp_path / "ithaca.db", rounds(3000), module="tests.storage.work"))
    assert int(cut[0]) > 100


def test_an_operation_that_was_interrupted_as_it_began_is_not_complained_of() -> None:
    cut = run(Worker("interrupt_operations_that_begin", rounds(500), module="tests.storage.work"))
    assert int(cut[0]) == rounds(500)


def test_interrupted_while_another_process_writes(tmp_path: Path) -> None:
    worker = Worker("interrupt_who_waits_for_another_process", tmp_path / "ithaca.db", module="tests.storage.work")
    assert run(worker) == ["ok"]


def test_an_interrupted_thread_loses_no_connection(postgres_url: str) -> None:
    """It is cut off at each moment of the pool's work; then as many may work at once as ever."""
    with SessionManager(postgres_url) as manager:
        manager.create_session("shared")
        moment, hello = 1, ChatMessage("user", "hello")
        while interrupted_at(moment, lambda: manager.add_message("shared", hello)):
            moment += 1
            assert manager.get_session("shared", last=0).message_count <= moment
        assert moment > 20
        gc.collect()
        all_at_once = Barrier(MOST_CONNECTIONS, timeout=20)

        async def meet_the_others(conn: Connection) -> int:
            await conn.row("SELECT 1")
            return all_at_once.wait()

        with ThreadPoolExecutor(MOST_CONNECTIONS) as threads:
            met = [threads.submit(manager._storage.read, meet_the_others) for _ in range(MOST_CONNECTIONS)]
        assert sorted(one.result() for one in met) == list(range(MOST_CONNECTIONS))


class Interrupted(BaseException):
    """As KeyboardInterrupt, which comes where a function begins, and where one that is not Python's returns."""


def interrupted_at(moment: int, call: Callable[[], object]) -> bool:
    """Whether the call was cut off, in the pool's work: at the first moment where that can be, the second …"""
    left = moment

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        if event in ("call", "c_return") and frame.f_code.co_filename == inspect.getfile(ConnectionPool):
            left -= 1
            if left == 0:
                raise Interrupted

    try:
        sys.setprofile(count)
        call()
    except Interrupted:
        return True
    finally:
        sys.setprofile(None)
    return False


@pytest.mark.parametrize("pauses", [0, 1, 3, 10])
def test_cancelled_tasks_take_nobody_along(database_url: str, pauses: int) -> None:
    """Every other one of many tasks is cancelled, before or while its operation runs."""

    async def main() -> None:
        async with AsyncSessionManager(database_url) as manager:
            await manager.create_session("shared")
            tasks = [asyncio.create_task(add(manager, f"task {number}")) for number in range(60)]
            for task in tasks[::2]:
                for _ in range(pauses):
                    await asyncio.sleep(0)
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert outcomes[1::2] == [f"task {number}" for number in range(1, 60, 2)]
            await check(manager, {outcome for outcome in outcomes if isinstance(outcome, str)})

    asyncio.run(main())


async def add(manager: AsyncSessionManager, message_id: str) -> str:
    return str((await manager.add_message("shared", ChatMessage("user", message_id, id=message_id))).id)


async def check(manager: AsyncSessionManager, acknowledged: set[str]) -> None:
    assert await manager.verify() == []
    history = (await manager.get_session("shared")).history
    assert [message.seq for message in history] == list(range(1, len(history) + 1))
    assert acknowledged <= {message.id for message in history}
    assert len({message.id for message in history}) == len(history)
    again = [f"again {number}" for number in range(30)]
    assert await asyncio.gather(*(add(manager, message_id) for message_id in again)) == again


def test_cancelled_again_and_again_during_transactions(database_url: str) -> None:
    """Operations of several statements, cut off anywhere; no connection is lost, and none is left in a transaction."""

    async def main() -> None:
        async with AsyncSessionManager(database_url) as manager:
            await manager.create_session("shared")
            await manager.add_messages("shared", [ChatMessage("user", str(number)) for number in range(50)])
            for number in range(rounds(60)):
                task = asyncio.create_task(manager.truncate_messages("shared", 49 - number % 40))
                for _ in range(number % 12):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await manager.add_message("shared", ChatMessage("user", f"after {number}"))
            assert await manager.verify() == []

    asyncio.run(main())
