"""What the other processes do. Each prints "ready", waits to be told to begin, and acknowledges in lines."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator

from ithaca import AsyncSessionManager, ChatMessage, ManagerClosed, SessionManager


def wait_for_the_others() -> None:
    acknowledge("ready")
    sys.stdin.readline()


def acknowledge(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def said(writer: str, count: int) -> Iterator[tuple[str, ChatMessage]]:
    """What a writer adds, and to which session: to everybody's, and every third to its own."""
    for number in range(count):
        yield "shared", ChatMessage("user", f"{writer} {number}")
        if number % 3 == 0:
            yield writer, ChatMessage("user", f"{writer} {number}")


def append(url: str, name: str, count: str) -> None:
    """Two threads append."""
    with SessionManager(url) as manager:

        def write(writer: str) -> None:
            for session_id, message in said(writer, int(count)):
                manager.add_message(session_id, message)

        wait_for_the_others()
        together(write, [f"{name}.0", f"{name}.1"])


def append_async(url: str, name: str, count: str) -> None:
    """Two tasks append."""

    async def write(manager: AsyncSessionManager, writer: str) -> None:
        for session_id, message in said(writer, int(count)):
            await manager.add_message(session_id, message)

    async def main() -> None:
        async with AsyncSessionManager(url) as manager:
            wait_for_the_others()
            await asyncio.gather(write(manager, f"{name}.0"), write(manager, f"{name}.1"))

    asyncio.run(main())


def add(url: str, session_id: str, count: str) -> None:
    """Adds so many messages to one session."""
    with SessionManager(url) as manager:
        wait_for_the_others()
        for number in range(int(count)):
            manager.add_message(session_id, ChatMessage("user", str(number)))


def together(function: Callable[[str], None], arguments: list[str]) -> None:
    threads = [threading.Thread(target=function, args=[argument]) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def open_new(url: str, name: str) -> None:
    """Opens a database that nobody has made yet, and uses it."""
    wait_for_the_others()
    with SessionManager(url) as manager:
        manager.create_session(name, headers={"Authorization": f"Bearer {name}"})
        acknowledge(manager.get_session(name).headers["Authorization"])


def change(url: str, name: str, count: str) -> None:
    """Makes one session longer, shorter and other, each change keeping some invariant that a reader can see."""
    with SessionManager(url) as manager:
        wait_for_the_others()
        for number in range(int(count)):
            manager.add_messages("shared", [ChatMessage("user", f"{name} {number}")] * 3)
            if number % 7 == 6:
                manager.truncate_messages("shared", 60)
            if number % 11 == 10:
                manager.replace_messages("shared", manager.get_session("shared").history[5:])


def watch(url: str) -> None:
    """Reads for as long as its standard input is open; every reading is of one consistent state."""
    closed = threading.Event()
    with SessionManager(url) as manager:
        wait_for_the_others()
        threading.Thread(target=set_at_end_of_input, args=[closed], daemon=True).start()
        readings = 0
        while not closed.is_set() or readings < 10:
            look(manager)
            readings += 1
    acknowledge(readings)


def set_at_end_of_input(closed: threading.Event) -> None:
    sys.stdin.read()
    closed.set()


def look(manager: SessionManager) -> None:
    whole = manager.get_session("shared")
    assert whole.message_count == len(whole.history), (whole.message_count, len(whole.history))
    end = manager.get_session("shared", last=50)
    assert min(end.message_count, 50) == len(end.history), (end.message_count, len(end.history))
    numbers = [message.seq or 0 for message in end.history]
    assert numbers == sorted(set(numbers)), numbers
    assert manager.count_sessions() == len(manager.list_sessions())


def fork(url: str) -> None:
    """Forks while managers are open; acknowledges what each process can do with them."""

    async def use(manager: AsyncSessionManager) -> int | None:
        return (await manager.add_message("shared", ChatMessage("user", "x"))).seq

    async def main() -> None:
        with SessionManager(url) as manager:
            async with AsyncSessionManager(url) as tasks:
                confined, message = manager.for_owner(None), ChatMessage("user", "x")
                manager.create_session("shared")
                manager.create_session("hidden", incognito=True)
                manager.wait_for_replies(0)
                await use(tasks)
                wait_for_the_others()
                if child := os.fork():
                    os.waitpid(child, 0)
                for call in (
                    lambda: manager.add_message("shared", message).seq,
                    lambda: len(confined.get_session("shared").history),
                    lambda: manager.add_message("hidden", message).seq,
                    lambda: next(manager.watch(after=manager.latest_cursor(), timeout=0), None),
                ):
                    acknowledge(outcome(call))
                try:
                    acknowledge(await use(tasks))
                except ManagerClosed as error:
                    acknowledge(error)
        with SessionManager(url) as manager:
            acknowledge(manager.add_message("shared", message).seq)
        if not child:
            os._exit(0)

    asyncio.run(main())


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except ManagerClosed as error:
        return error


def operate(url: str, first: str) -> None:
    """Does the operations from a number on, until it is killed; acknowledges each by its number."""
    from tests.processes.operations import operate as do

    with SessionManager(url) as manager:
        wait_for_the_others()
        number = int(first)
        while True:
            do(manager, number)
            acknowledge(number)
            number += 1


def append_until_killed(url: str, name: str) -> None:
    """Three threads append until the process is killed; each acknowledges every message by its id."""
    with SessionManager(url) as manager:
        wait_for_the_others()

        def write(writer: str) -> None:
            number = 0
            while True:
                message_id = f"{writer} {number}"
                manager.add_message("shared", ChatMessage("user", message_id, id=message_id))
                acknowledge(message_id)
                number += 1

        together(write, [f"{name}.{thread}" for thread in range(3)])


def append_async_until_killed(url: str, name: str) -> None:
    """Three tasks append until the process is killed; each acknowledges every message by its id."""

    async def write(manager: AsyncSessionManager, writer: str) -> None:
        number = 0
        while True:
            message_id = f"{writer} {number}"
            await manager.add_message("shared", ChatMessage("user", message_id, id=message_id))
            acknowledge(message_id)
            number += 1

    async def main() -> None:
        async with AsyncSessionManager(url) as manager:
            wait_for_the_others()
            await asyncio.gather(*(write(manager, f"{name}.{task}") for task in range(3)))

    asyncio.run(main())
