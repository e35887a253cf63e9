"""A power cut leaves of the log what was flushed: all that anybody was told is stored is in it."""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from ithaca import AsyncSessionManager, ChatMessage, SessionManager
from ithaca.errors import AlreadyDone, DatabaseUnavailable, MessageConflict
from ithaca.storage.sqlite_log import FLUSHES_APART
from tests.storage.notes import in_one_batch, note, note_storage, notes

pytestmark = pytest.mark.skipif(not FLUSHES_APART, reason="SQLite itself flushes here")


class Disk:
    """Keeps the log as it was at its last flush, beside the file, which nothing was copied into yet."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.flushes = path, 0
        self.failing = False
        self._flushed = b""
        self._lock = threading.Lock()
        self._fdatasync = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self._flush)

    def _flush(self, descriptor: int) -> None:
        before = Path(f"{self.path}-wal").read_bytes()  # what is written meanwhile may be left out
        if self.failing:
            raise OSError(5, "Input/output error")
        self._fdatasync(descriptor)
        with self._lock:
            self.flushes += 1
            self._flushed = max(self._flushed, before, key=len)

    def after_a_power_cut(self) -> Path:
        """The database as the machine finds it when it starts again."""
        with self._lock:
            self.path.with_name("found").mkdir(exist_ok=True)
            found = self.path.with_name("found") / f"{threading.get_ident()}.db"
            Path(f"{found}-shm").unlink(missing_ok=True)
            shutil.copy(self.path, found)
            Path(f"{found}-wal").write_bytes(self._flushed)
        return found


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(tmp_path / "chats.db", monkeypatch)


@pytest.fixture
def manager(disk: Disk) -> Iterator[SessionManager]:
    with SessionManager(disk.path) as manager:
        yield manager


def said(path: Path) -> list[object]:
    with SessionManager(path) as manager:
        assert manager.verify() == []
        return [message.content for message in manager.get_session("s").history]


def test_what_a_lone_thread_was_told_is_there(disk: Disk, manager: SessionManager) -> None:
    manager.create_session("s")
    for number in range(5):
        manager.add_message("s", ChatMessage("user", str(number)))
        assert said(disk.after_a_power_cut()) == [str(count) for count in range(number + 1)]


def test_what_many_threads_were_told_is_there(disk: Disk, manager: SessionManager) -> None:
    manager.create_session("s")
    missing: list[str] = []

    def write(name: int) -> None:
        for number in range(4):
            text = f"{name} {number}"
            manager.add_message("s", ChatMessage("user", text))
            missing.extend({text}.difference(map(str, said(disk.after_a_power_cut()))))

    threads = [threading.Thread(target=write, args=[name]) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missing == []
    assert len(manager.get_session("s").history) == 24
    assert disk.flushes < 24


def test_what_many_tasks_were_told_is_there(disk: Disk) -> None:
    async def write(manager: AsyncSessionManager, name: int) -> None:
        for number in range(4):
            text = f"{name} {number}"
            await manager.add_message("s", ChatMessage("user", text))
            assert text in said(disk.after_a_power_cut())

    async def main() -> None:
        async with AsyncSessionManager(disk.path) as manager:
            await manager.create_session("s")
            await asyncio.gather(*(write(manager, name) for name in range(6)))

    asyncio.run(main())
    assert disk.flushes < 24


def test_what_a_watcher_was_told_is_there(disk: Disk, manager: SessionManager) -> None:
    """Another manager, as in another process, sees a commit before it is flushed, and doesn't tell of it so early."""
    manager.create_session("s")
    with SessionManager(disk.path) as other:
        news = other.watch(session_id="s", after=1, timeout=20)
        disk.failing = True
        with pytest.raises(DatabaseUnavailable):
            manager.add_message("s", ChatMessage("user", "written, and not flushed"))
        with pytest.raises(DatabaseUnavailable, match="flushed"):
            next(news)
        disk.failing = False
        assert next(other.watch(session_id="s", after=1, timeout=20)).kind == "messages added"
        assert said(disk.after_a_power_cut()) == ["written, and not flushed"]


def test_who_finds_it_done_by_another_is_told_when_it_is_there(disk: Disk, manager: SessionManager) -> None:
    """Another process's commit can be read before it is flushed. A call that has nothing left to do waits for that."""

    def unflushed(change: Callable[[SessionManager], object]) -> None:
        disk.failing = True
        with SessionManager(disk.path) as other, pytest.raises(DatabaseUnavailable):
            change(other)
        disk.failing = False

    def create(manager: SessionManager, id: str) -> object:
        return manager.once(id, "f", lambda session: b"made").create_session(id)

    message = ChatMessage("user", "once", id="m")
    manager.create_session("s")
    unflushed(lambda other: other.add_message("s", message))
    assert manager.add_message("s", message).seq == 1
    assert said(disk.after_a_power_cut()) == ["once"]
    for id, again in (("t", create), ("u", lambda manager, id: manager.done_before(id, "f"))):
        unflushed(partial(create, id=id))
        with pytest.raises(AlreadyDone):
            again(manager, id)
        with SessionManager(disk.after_a_power_cut()) as found:
            assert found.get_session(id).id == id
    manager.truncate_messages("s", 9)
    flushes = disk.flushes
    manager.truncate_messages("s", 9)
    assert disk.flushes == flushes  # nobody has written since


def test_so_it_is_for_tasks(disk: Disk) -> None:
    async def main() -> None:
        message = ChatMessage("user", "once", id="m")
        async with AsyncSessionManager(disk.path) as manager, AsyncSessionManager(disk.path) as other:
            await manager.create_session("s")
            disk.failing = True
            with pytest.raises(DatabaseUnavailable):
                await other.add_message("s", message)
            disk.failing = False
            await asyncio.gather(*(manager.add_message("s", message) for _ in range(3)))
            assert said(disk.after_a_power_cut()) == ["once"]
            with pytest.raises(MessageConflict):
                await manager.add_message("s", ChatMessage("user", "other", id="m"))

    asyncio.run(main())


def test_a_relaxed_manager_flushes_nothing(disk: Disk) -> None:
    with SessionManager(disk.path, durability="relaxed") as manager:
        manager.create_session("s")
        manager.add_message("s", ChatMessage("user", "soon"))
        assert disk.flushes == 0


def test_each_is_told_when_the_log_cannot_be_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(tmp_path / "notes.db", monkeypatch)
    with note_storage(tmp_path) as storage:
        disk.failing = True
        outcomes = in_one_batch(storage, [partial(storage.write, note, str(number)) for number in range(5)])
        assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 5
        assert len(set(map(id, outcomes))) == 5
        disk.failing = False  # a flush that succeeds now proves nothing of what was written before
        with pytest.raises(DatabaseUnavailable, match="may not be stored"):
            storage.write(note, "after")
    with note_storage(tmp_path) as storage:
        assert storage.write(note, "anew") == "anew"
        assert "anew" in storage.read(notes)


def test_a_batch_whose_leader_was_cut_off_is_flushed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(tmp_path / "notes.db", monkeypatch)
    with note_storage(tmp_path) as storage:
        storage.write(notes)  # what was there before, the table, is flushed with the first call
        flush, before, cuts = storage.log.flush, storage.log.commits, [LookupError("cut off")]

        def interrupted(commit: int) -> None:
            if commit > before and cuts:
                raise cuts.pop()
            flush(commit)

        monkeypatch.setattr(storage.log, "flush", interrupted)
        outcomes = in_one_batch(storage, [partial(storage.write, note, str(number)) for number in range(5)])
        assert [str(outcome) for outcome in outcomes] == ["cut off", "1", "2", "3", "4"]
        assert disk.flushes == 2  # of the table, and of the batch
        assert storage.read(notes) == ["0", "1", "2", "3", "4"]
