"""Which files are taken for legacy databases, and that reading leaves no trace of itself."""

import shutil
import sqlite3
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ithaca import ImportFailed, SessionManager
from ithaca.interchange.odysseus import BATCH, import_database, inspect, read
from tests.interchange.legacy import TABLES, message, session

Legacy = Callable[..., Path]


def traces(path: Path) -> dict[str, bytes]:
    """The file and what lies beside it."""
    return {beside.name: beside.read_bytes() for beside in path.parent.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nothing but the legacy file, so that a trace beside it is seen."""
    (tmp_path / "old").mkdir()
    return tmp_path / "old"


def some_messages(db: sqlite3.Connection, count: int) -> None:
    rows = [(f"m{i}", "s1", "user", "x" * 500, "2026-03-01 08:00:00") for i in range(count)]
    db.executemany("INSERT INTO chat_messages (id, session_id, role, content, timestamp) VALUES (?, ?, ?, ?, ?)", rows)


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_reading_changes_nothing_and_makes_nothing(folder: Path, mode: str) -> None:
    path = folder / "app.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode = {mode}")
        db.executescript(TABLES)
        some_messages(db, 3)
        db.commit()
    before = traces(path)

    inspect(path)

    assert before == traces(path)
    assert {"app.db"} == set(before)


def test_the_log_of_a_running_program_is_read(folder: Path) -> None:
    path = folder / "app.db"
    with closing(sqlite3.connect(path)) as running:
        running.executescript(f"PRAGMA journal_mode = WAL; {TABLES}")
        some_messages(running, 3)
        running.commit()
        with read(path) as legacy:
            some_messages(running, 2)
            running.commit()
            assert legacy.counts() == (0, 3, 0)
        assert (inspect(path).sessions - 1, inspect(path).messages) == (0, 5)
        assert {"app.db", "app.db-wal", "app.db-shm"} == set(traces(path))


def test_the_log_of_a_killed_program_is_read(folder: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as killed:
        killed.executescript(f"PRAGMA journal_mode = WAL; {TABLES}")
        some_messages(killed, 3)
        killed.commit()
        for name in ("app.db", "app.db-wal"):
            shutil.copy(tmp_path / name, folder / name)
    before = traces(folder / "app.db")
    assert inspect(folder / "app.db").messages == 3
    assert before == traces(folder / "app.db")


def test_what_a_killed_program_did_not_finish_is_rolled_back(folder: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as killed:
        killed.executescript(TABLES)
        some_messages(killed, 3)
        killed.commit()
        killed.execute("PRAGMA cache_size = 2")  # so that unfinished pages reach the file
        some_messages(killed, 200)
        for name in ("app.db", "app.db-journal"):
            shutil.copy(tmp_path / name, folder / name)
    before = traces(folder / "app.db")
    assert inspect(folder / "app.db").messages == 3
    assert before == traces(folder / "app.db")


def test_a_folder_that_cannot_be_written_is_enough(folder: Path) -> None:
    path = folder / "app.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"PRAGMA journal_mode = WAL; {TABLES}")
    path.chmod(0o400)
    folder.chmod(0o500)
    try:
        assert inspect(path).messages == 0
    finally:
        folder.chmod(0o700)


def test_a_name_may_hold_what_means_something_in_a_url(folder: Path) -> None:
    path = folder / "my app?mode=rw#100%.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(TABLES)
    assert inspect(path).sessions == 0
    assert [path.name] == list(traces(path))


def sqlite_with(sql: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(sql)

    return make


#: A view that looks like the messages, and has no end.
ENDLESS = """
    CREATE VIEW chat_messages (rowid, id, session_id, role, content, timestamp) AS
    WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT x, x, 'a', 'user', x, x FROM r WHERE x < 0
"""


def ithaca_database(path: Path) -> None:
    SessionManager(path).close()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.mkdir(), "there is no such file"),
        (lambda path: path.write_bytes(b""), "as Odysseus writes them"),
        (lambda path: path.write_text("hello\n" * 1000), "not a SQLite file"),
        (sqlite_with("CREATE TABLE notes (id)"), "as Odysseus writes them"),
        (sqlite_with("CREATE TABLE sessions (id); CREATE TABLE messages (id)"), "as Odysseus writes them"),
        (sqlite_with("CREATE TABLE chat_messages (session_id); CREATE VIEW sessions (id) AS SELECT 1"), "as Odysseus"),
        (sqlite_with(f"CREATE TABLE sessions (id); {ENDLESS}"), "as Odysseus writes them"),
        (sqlite_with("CREATE TABLE sessions (id, rowid); CREATE TABLE chat_messages (session_id)"), "as Odysseus"),
        (sqlite_with("CREATE TABLE sessions (x, id AS (x)); CREATE TABLE chat_messages (session_id)"), "as Odysseus"),
        (ithaca_database, "as Odysseus writes them"),
    ],
)
def test_other_files_are_refused(folder: Path, make: Callable[[Path], None], reason: str) -> None:
    path = folder / "app.db"
    make(path)
    with pytest.raises(ImportFailed, match=reason) as failed:
        read(path)
    assert str(path) == failed.value.source


def test_documents_that_are_no_table_are_left_out(folder: Path) -> None:
    make = sqlite_with("CREATE TABLE sessions (id); CREATE TABLE chat_messages (session_id, timestamp); "
                       "CREATE VIEW documents (id) AS SELECT 1")  # fmt: skip
    make(folder / "app.db")
    report = inspect(folder / "app.db")
    assert report.documents == 0
    assert report.oddities == ["What is called documents is no ordinary table and was left out."]


def test_reading_ends_when_it_shall_stop(manager: SessionManager, legacy: Legacy) -> None:
    path = legacy(sessions=[session()], messages=(message(f"m{i}") for i in range(30_000)))
    with pytest.raises(ImportFailed, match="stopped"):
        read(path, stop=lambda: True)  # within the first statement that takes long


def test_an_import_ends_after_a_batch_when_it_shall_stop(manager: SessionManager, legacy: Legacy) -> None:
    path = legacy(sessions=[session(f"s{i}") for i in range(BATCH + 1)])
    with pytest.raises(ImportFailed, match="stopped"):
        import_database(manager, path, stop=lambda: manager.count_sessions() > 0)
    assert manager.count_sessions() == BATCH


def test_a_damaged_file_fails_and_what_came_before_stays(manager: SessionManager, legacy: Legacy) -> None:
    messages = [message(f"m{i}", "x" * 3_000, session_id=f"s{i}") for i in range(1_000)]
    path = legacy(sessions=[session(f"s{i}") for i in range(1_000)], messages=messages)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 9 // 10] + b"\xff" * (len(whole) // 10))
    with pytest.raises(ImportFailed):
        import_database(manager, path)
    path.write_bytes(whole)
    import_database(manager, path)
    assert manager.count_sessions() == 1_000


def test_a_long_session_comes_in_in_constant_memory(manager: SessionManager, legacy: Legacy) -> None:
    count = 50_000
    times = (f"2026-03-01 {i // 6000:02}:{i // 100 % 60:02}:{i % 100 // 2:02}" for i in range(count))
    rows = (message(f"m{i}", f"{i} {'x' * 400}", timestamp=time) for i, time in enumerate(times))
    path = legacy(sessions=[session(message_count=count)], messages=rows)
    done: list[int] = []

    report = import_database(manager, path, progress=done.append)

    assert (1, count, []) == (report.sessions, report.messages, report.oddities)
    assert done == sorted(done)
    assert count == done[-1]
    assert [f"m{i}" for i in range(count)] == [message.id for message in manager.iter_messages("s1")]
    again = import_database(manager, path)
    assert (again.sessions, again.messages, again.unchanged) == (0, 0, 1)


def test_sessions_are_read_one_at_a_time(legacy: Legacy) -> None:
    sessions = [session(f"s{i}") for i in range(40)]
    path = legacy(
        sessions=sessions, messages=[message(f"m{i}", "x" * 1_000_000, session_id=f"s{i}") for i in range(40)]
    )
    with read(path) as legacy_database:
        tracemalloc.start()
        read_bytes = sum(len(str(c.messages[0].content)) for c in legacy_database.conversations())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert read_bytes == 40_000_000
    assert peak < 10_000_000
