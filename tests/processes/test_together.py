"""Several processes on one database, of threads and of tasks: nothing lost, nothing out of order."""

import sys
from itertools import groupby

import pytest

from ithaca import ChatMessage, SessionManager
from tests.support.processes import Worker, rounds, run, run_together

COUNT = 40


def test_four_processes_append(database_url: str) -> None:
    names = [f"p{number}" for number in range(4)]
    writers = [f"{name}.{thread}" for name in names for thread in (0, 1)]
    count = rounds(COUNT)
    with SessionManager(database_url) as manager:
        for session_id in ("shared", *writers):
            manager.create_session(session_id)
        work = ["append", "append", "append", "append_async"]
        run_together([Worker(function, database_url, name, count) for function, name in zip(work, names, strict=True)])
        assert manager.verify() == []
        shared = manager.get_session("shared").history
        assert [message.seq for message in shared] == list(range(1, 8 * count + 1))
        assert in_own_order(shared) == {writer: list(range(count)) for writer in writers}
        for writer in writers:
            own = manager.get_session(writer).history
            assert [message.content for message in own] == [f"{writer} {n}" for n in range(0, count, 3)]
            assert [message.seq for message in own] == list(range(1, len(own) + 1))


def in_own_order(messages: list[ChatMessage]) -> dict[str, list[int]]:
    """The numbers that each writer wrote, in the order of the session."""
    parts = [str(message.content).split() for message in messages]
    parts.sort(key=lambda part: part[0])  # stable
    return {writer: [int(number) for _, number in lines] for writer, lines in groupby(parts, lambda part: part[0])}


def test_eight_processes_open_a_new_database(empty_database_url: str) -> None:
    names = [f"p{number}" for number in range(8)]
    printed = run_together([Worker("open_new", empty_database_url, name) for name in names])
    assert printed == [[f"Bearer {name}"] for name in names]
    with SessionManager(empty_database_url) as manager:
        assert manager.verify() == []
        assert sorted(session.id for session in manager.list_sessions()) == names


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork()")
def test_a_manager_does_not_outlive_fork(database_url: str) -> None:
    """In the child its calls are refused, and closing it does nothing; in the parent it works on."""
    printed = run(Worker("fork", database_url))
    refused = "The manager is another process's, from before fork(): open one in this process."
    assert printed == [refused] * 5 + ["2"] + ["3", "3", "1", "None", "4", "5"]
    with SessionManager(database_url) as manager:
        assert manager.verify() == []


def test_a_reader_sees_whole_changes_only(database_url: str) -> None:
    with SessionManager(database_url) as manager:
        manager.create_session("shared")
        reader = Worker("watch", database_url)
        reader.wait_until_ready()
        reader.begin()
        run_together([Worker("change", database_url, name, rounds(60)) for name in ("p0", "p1")])
        assert int(reader.result()[-1]) >= 10
        assert manager.verify() == []
