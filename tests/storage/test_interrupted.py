"""Ctrl-C and cancelled tasks: who is cut off harms nobody else, and leaves nothing behind."""

import asyncio
from pathlib import Path

import pytest

from ithaca import AsyncSessionManager, ChatMessage
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
