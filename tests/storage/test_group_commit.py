"""SQLite's writer: one commit for all who wait, and each is told the truth about its own operation."""

import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ithaca.errors import DiskFull, StorageError
from ithaca.storage import sqlite_writer
from ithaca.storage.sqlite import SQLiteStorage
from tests.storage.notes import count_commits, in_one_batch, note, note_and_fail, note_storage, notes
from tests.support.processes import Worker, run


def test_who_waits_shares_a_commit(tmp_path: Path) -> None:
    with note_storage(tmp_path) as storage:
        commits = count_commits(storage.db)
        texts = [f"n{number}" for number in range(8)]
        assert in_one_batch(storage, [partial(storage.write, note, text) for text in texts]) == texts
        assert len(commits) == 2  # of the leader, and of the batch
        assert storage.read(notes) == texts


def write_in_eight_threads(storage: SQLiteStorage, each: int) -> None:
    def write(name: int) -> None:
        for number in range(each):
            storage.write(note, f"{name} {number}")

    threads = [threading.Thread(target=write, args=[name]) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """The interpreter goes from thread to thread as often as it can, as it otherwise does now and then."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty_threads")
def test_many_threads_make_fewer_commits_than_operations(tmp_path: Path) -> None:
    with note_storage(tmp_path) as storage:
        commits = count_commits(storage.db)
        write_in_eight_threads(storage, 50)
        assert len(storage.read(notes)) == 400
        assert len(commits) < 400


def test_who_comes_while_others_are_being_told_commits_together_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is so quick that the others have to wait for a flush of its own."""
    monkeypatch.setattr(sqlite_writer, "MOST_TO_WAIT", 60)
    with note_storage(tmp_path) as storage:
        writer, commits = storage.writer, count_commits(storage.db)
        writer._leaving, storage.log.took = 1, 60
        threads = [threading.Thread(target=storage.write, args=[note, str(number)]) for number in range(2)]
        for number, thread in enumerate(threads, 1):
            thread.start()
            while len(writer.queue) < number:
                assert commits == []
                time.sleep(0.001)
            time.sleep(0.05)  # long enough for a commit
        assert commits == []
        writer._leave()  # the last who was being told has gone, and the two are those who came again
        for thread in threads:
            thread.join()
        assert len(commits) == 1
        assert sorted(storage.read(notes)) == ["0", "1"]


def test_who_was_told_and_never_returned_holds_up_nobody(tmp_path: Path) -> None:
    with note_storage(tmp_path) as storage:
        storage.writer._leaving = 3
        assert [storage.write(note, str(number)) for number in range(2)] == ["0", "1"]
        assert storage.writer._leaving == 0


def test_alone_each_operation_is_committed_before_it_returns(tmp_path: Path) -> None:
    with note_storage(tmp_path) as storage:
        commits = count_commits(storage.db)
        for number in range(3):
            storage.write(note, str(number))
            assert len(commits) == number + 1


@pytest.mark.parametrize("first", [0, 1, 2])
def test_one_that_fails_fails_alone(tmp_path: Path, first: int) -> None:
    with note_storage(tmp_path) as storage:
        commits = count_commits(storage.db)
        calls = [
            partial(storage.write, note, "a"),
            partial(storage.write, note_and_fail, "undone"),
            partial(storage.write, note, "b"),
            partial(storage.write, note, "b"),
            partial(storage.write, note, "c"),
        ]
        outcomes = in_one_batch(storage, calls[first:] + calls[:first])
        outcomes = outcomes[5 - first :] + outcomes[: 5 - first]
        assert isinstance(outcomes[1], LookupError)
        assert {type(outcomes[2]), type(outcomes[3])} == {str, StorageError}
        assert [outcomes[0], outcomes[4]] == ["a", "c"]
        assert storage.read(notes) == ["a", "b", "c"]
        assert len(commits) == 2  # of the leader, and of the batch


def test_each_is_told_of_an_error_at_the_commit_and_nothing_is_stored(tmp_path: Path) -> None:
    with note_storage(tmp_path) as storage:
        storage.db.set_commit_hook(lambda: True)  # refuses every commit
        outcomes = in_one_batch(storage, [partial(storage.write, note, str(number)) for number in range(5)])
        assert [type(outcome) for outcome in outcomes] == [StorageError] * 5
        assert len(set(map(id, outcomes))) == 5
        storage.db.set_commit_hook(None)
        assert storage.read(notes) == []
        assert storage.write(note, "again") == "again"


def test_one_that_failed_before_the_commit_failed_keeps_its_own_error(tmp_path: Path) -> None:
    with note_storage(tmp_path) as storage:
        storage.db.set_commit_hook(lambda: True)
        calls = [partial(storage.write, note, "a"), partial(storage.write, note_and_fail, "b")]
        outcomes: list[Any] = in_one_batch(storage, calls)
        assert [type(outcome) for outcome in outcomes] == [StorageError, LookupError]
        storage.db.set_commit_hook(None)
        assert storage.read(notes) == []


def test_a_full_disk_while_operations_run(tmp_path: Path) -> None:
    with note_storage(tmp_path) as storage:
        pages = storage.db.pragma("page_count")
        storage.db.pragma("max_page_count", pages + 5)
        texts = [f"{number}" + "x" * 20_000 for number in range(8)]
        outcomes = in_one_batch(storage, [partial(storage.write, note, text) for text in texts])
        acknowledged = [outcome for outcome in outcomes if isinstance(outcome, str)]
        failures = [outcome for outcome in outcomes if not isinstance(outcome, str)]
        assert {type(failure) for failure in failures} == {DiskFull}
        assert storage.read(notes) == sorted(acknowledged)
        storage.db.pragma("max_page_count", pages + 500)
        assert [storage.write(note, text) for text in texts if text not in acknowledged]
        assert storage.read(notes) == sorted(texts)


def test_a_full_disk_at_the_commit(tmp_path: Path) -> None:
    """The file size limit makes writing the log fail, as a full disk does."""
    assert run(Worker("fill_the_disk", tmp_path / "ithaca.db", module="tests.storage.work")) == ["all told the truth"]
