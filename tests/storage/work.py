"""What other processes do, where a test needs the main thread or the limits of a process of its own."""

import fcntl
import random
import resource
import signal
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from ithaca import ChatMessage, SessionManager
from ithaca.connection import drive
from ithaca.errors import StorageError
from tests.processes.work import acknowledge, together, wait_for_the_others


def fill_the_disk(path: str) -> None:
    """Three threads append until nothing more can be written, and again when it can."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    stored: set[str] = set()
    with SessionManager(path) as manager:
        manager.create_session("shared")
        wait_for_the_others()
        resource.setrlimit(resource.RLIMIT_FSIZE, (Path(path + "-wal").stat().st_size + 100_000, unlimited[1]))
        failures: list[StorageError] = []

        def write(writer: str) -> None:
            for number in range(100):
                message_id = f"{writer} {number}"
                try:
                    manager.add_message("shared", ChatMessage("user", "x" * 3000, id=message_id))
                    stored.add(message_id)
                except StorageError as error:
                    failures.append(error)

        together(write, ["a", "b", "c"])
        assert failures
        assert stored
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        assert {message.id for message in manager.get_session("shared").history} == stored
        together(write, ["d", "e"])
        assert {message.id for message in manager.get_session("shared").history} == stored
        assert len(stored) >= 200
        assert manager.verify() == []
    acknowledge("all told the truth")


class Interrupted(BaseException):
    """What the timer raises in the main thread, as Ctrl-C raises KeyboardInterrupt."""


def interrupt_often() -> None:
    """From now on the main thread is interrupted at random moments, each time once."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise Interrupted

    signal.signal(signal.SIGALRM, interrupt)


def interrupted(call: Callable[[], object], longest: float) -> bool:
    """Whether the call was cut off."""
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, longest))
        call()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupted:
        return True
    return False


def interrupt_a_writer(path: str, times: str) -> None:
    """The main thread is cut off in its calls, while other threads write too and must not notice."""
    interrupt_often()
    ended = threading.Event()
    acknowledged: set[str] = set()
    with SessionManager(path, durability="relaxed") as manager:
        manager.create_session("shared")
        wait_for_the_others()

        def add(message_id: str) -> None:
            manager.add_message("shared", ChatMessage("user", message_id, id=message_id))
            acknowledged.add(message_id)

        def write(writer: str) -> None:
            number = 0
            while not ended.is_set():
                add(f"{writer} {number}")
                number += 1

        threads = [threading.Thread(target=write, args=[name]) for name in "abc"]
        for thread in threads:
            thread.start()
        cut = sum(interrupted(lambda n=n: add(f"main {n}"), 0.003) for n in range(int(times)))  # type: ignore[misc]
        ended.set()
        for thread in threads:
            thread.join()
        check(manager, acknowledged, cut)
    acknowledge(cut)


def check(manager: SessionManager, acknowledged: set[str], cut: int) -> None:
    """Nothing that was acknowledged is missing, and only what was cut off may be there besides."""
    assert manager.verify() == []
    history = manager.get_session("shared").history
    assert [message.seq for message in history] == list(range(1, len(history) + 1))
    stored = {str(message.id) for message in history}
    assert acknowledged <= stored, acknowledged - stored
    assert all(message_id.startswith("main") for message_id in stored - acknowledged)
    assert len(stored - acknowledged) <= cut


def interrupt_operations_that_begin(times: str) -> None:
    """Cut off at any moment, no operation is left behind that was made and never begun."""
    wait_for_the_others()
    interrupt_often()

    async def operation(number: int) -> int:
        return number

    def operate() -> None:
        while True:
            drive(operation, 1)

    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        cut = sum(interrupted(operate, 0.0002) for _ in range(int(times)))
    assert [str(complaint.message) for complaint in complaints] == []
    acknowledge(cut)


def interrupt_alone(path: str, times: str) -> None:
    """The only thread is cut off; the next call works, and another process may write meanwhile."""
    interrupt_often()
    acknowledged: set[str] = set()
    with SessionManager(path, durability="relaxed") as manager:
        manager.create_session("shared")
        wait_for_the_others()

        def add_and_read(message_id: str) -> None:
            manager.add_message("shared", ChatMessage("user", message_id, id=message_id))
            acknowledged.add(message_id)
            assert manager.get_session("shared", last=1).message_count >= len(acknowledged)

        cut = 0
        for number in range(int(times)):
            if interrupted(lambda n=number: add_and_read(f"main {n}"), 0.001):  # type: ignore[misc]
                cut += 1
                assert becomes_free(path)
                assert manager.get_session("shared", last=1).message_count >= len(acknowledged)
        check(manager, acknowledged, cut)
    acknowledge(cut)


def interrupt_who_waits_for_another_process(path: str) -> None:
    """The main thread is cut off while another process writes; later a third process may."""
    interrupt_often()
    with SessionManager(path) as manager, Path(path + "-lock").open("w") as other:
        manager.create_session("shared")
        wait_for_the_others()
        fcntl.flock(other, fcntl.LOCK_EX)
        assert interrupted(lambda: manager.create_session("never"), 0.05)
        fcntl.flock(other, fcntl.LOCK_UN)
        with SessionManager(path) as third:
            third.create_session("later")
        assert becomes_free(path)
        assert sorted(session.id for session in manager.list_sessions()) == ["later", "shared"]
        manager.create_session("at last")
    acknowledge("ok")


def becomes_free(path: str) -> bool:
    """Whether another process may write, perhaps after what still goes on in the background."""
    deadline = time.monotonic() + 5
    while not is_free(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def is_free(path: str) -> bool:
    with Path(path + "-lock").open("w") as lock, suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
