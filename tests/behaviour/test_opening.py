"""Opening: what names a database, and what a manager says about one that it cannot use."""

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import psycopg
import pytest

from ithaca import (
    ChatMessage,
    ConfigurationError,
    DatabaseDamaged,
    DatabaseUnavailable,
    NotAnIthacaDatabase,
    SchemaTooNew,
    Settings,
)
from ithaca.storage import is_postgres
from ithaca.storage.migrate import migrations
from tests.support.factories import history, make_session
from tests.support.managers import Facade, LoopThread, Opener, execute


@pytest.fixture
def opened(
    tmp_path: Path, facade: Facade, loop_thread: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Opener]:
    """Opens managers of each kind, in a directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    opener = Opener(":memory:", facade, loop_thread)
    yield opener
    opener.close()


def made(opened: Opener, database: str | Path | None) -> str:
    """The name of a session that a manager makes and finds again."""
    with opened(database) as manager:
        id = manager.create_session(name="found").id
        return manager.get_session(id).name


def test_a_path_or_a_url_names_a_file(opened: Opener, tmp_path: Path) -> None:
    for database, file in (
        ("plain.db", "plain.db"),
        (f"{tmp_path}/absolute.db", "absolute.db"),
        (tmp_path / "path.db", "path.db"),
        ("sqlite:///relative.db", "relative.db"),
        (f"sqlite:///{tmp_path}/url.db", "url.db"),
        ("with spaces & ünïcode%20.db", "with spaces & ünïcode%20.db"),
    ):
        assert made(opened, database) == "found"
        assert (tmp_path / file).exists()


def test_a_tilde_is_the_home_folder(opened: Opener) -> None:
    assert made(opened, "~/tilde.db") == "found"
    assert (Path.home() / "tilde.db").exists()


def test_in_memory_nothing_is_written(opened: Opener, tmp_path: Path) -> None:
    for database in (":memory:", "sqlite:///:memory:", "sqlite://"):
        with opened(database) as manager:
            session = make_session(manager, 3, owner="a")
            assert history(manager.for_owner("a"), session.id) == ["1", "2", "3"]
            assert manager.verify() == []
        with opened(database) as manager:
            assert manager.count_sessions() == 0
    assert list(tmp_path.iterdir()) == []


def test_the_environment_names_the_database(opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITHACA_DATABASE_URL", f"sqlite:///{tmp_path}/env.db")
    opened.url = None
    assert made(opened, None) == "found"
    assert (tmp_path / "env.db").exists()


def test_without_a_name_the_file_lies_in_the_users_data_folder(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    opened.url = None
    assert made(opened, None) == "found"
    assert (tmp_path / "data/ithaca/ithaca.db").exists()


def test_an_empty_name_is_refused_and_an_empty_variable_sets_nothing(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match="database cannot be used: its name is empty"):
        opened("")
    assert not (tmp_path / "ithaca").exists()
    monkeypatch.setenv("ITHACA_DATABASE_URL", "")
    opened.url = None
    assert made(opened, None) == "found"
    assert (tmp_path / "ithaca/ithaca.db").exists()


def test_an_unknown_scheme_is_refused(opened: Opener) -> None:
    for url in ("mysql://host/db", "postgresql+psycopg://host/db", "SQLITE:///x.db", "http://host", "redis://"):
        with pytest.raises(ConfigurationError, match="neither sqlite:/// nor postgresql://"):
            opened(url)


def test_a_file_that_is_no_database_is_refused_and_left_alone(opened: Opener, tmp_path: Path) -> None:
    for content in (b"Dear diary, " * 100, b"x", b"SQLite format 3\0" + b"\xff" * 5_000):
        file = tmp_path / "diary.txt"
        file.write_bytes(content)
        with pytest.raises(NotAnIthacaDatabase, match=r"diary\.txt"):
            opened(file)
        assert file.read_bytes() == content


def test_another_programs_database_is_refused_and_left_alone(opened: Opener, tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    other = apsw.Connection(str(file))
    other.execute("CREATE TABLE sessions (id)")
    other.close()
    content = file.read_bytes()
    with pytest.raises(NotAnIthacaDatabase, match="other tables"):
        opened(file)
    assert file.read_bytes() == content


def test_an_empty_file_becomes_a_database(opened: Opener, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    assert made(opened, "empty.db") == "found"


@pytest.mark.parametrize("number", [3, len(migrations("sqlite")), 1_000])
def test_a_database_without_tables_becomes_ours_whatever_number_another_program_gave_it(
    opened: Opener, tmp_path: Path, number: int
) -> None:
    other = apsw.Connection(f"{tmp_path}/numbered.db")
    other.execute(f"PRAGMA user_version = {number}")
    other.close()
    assert made(opened, "numbered.db") == "found"


def test_a_place_that_cannot_be_written_is_unavailable(opened: Opener, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "locked.db-lock").mkdir()
    for database in ("missing/x.db", "file/x.db", ".", "locked.db", "/dev/null/x.db", "x" * 300):
        with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
            opened(database)


def test_a_damaged_file_is_told_to_be_restored(opened: Opener, tmp_path: Path) -> None:
    with opened("damaged.db") as manager:
        id = make_session(manager, 100).id
    file = tmp_path / "damaged.db"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatabaseDamaged, match="has to be restored from a backup"):
        opened("damaged.db")
    file.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))  # the first pages are as they were
    with opened("damaged.db") as manager:
        for call in (
            lambda: manager.get_session(id),
            lambda: manager.add_message(id, ChatMessage("user", "hello")),
            manager.verify,
        ):
            with pytest.raises(DatabaseDamaged, match="has to be restored from a backup"):
                call()


def test_a_writer_that_cannot_open_the_file_is_told_so_and_writes_when_it_can(opened: Opener, tmp_path: Path) -> None:
    folder, away = tmp_path / "here", tmp_path / "away"
    folder.mkdir()
    opened(folder / "chats.db").close()
    with opened(folder / "chats.db") as manager:  # only reads so far
        folder.rename(away)
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                manager.create_session(name="lost")
        away.rename(folder)
        assert manager.create_session(name="found").name == "found"
        assert manager.count_sessions() == 1


def test_a_database_is_for_its_owner_only(opened: Opener, tmp_path: Path) -> None:
    with opened("private.db") as manager:
        manager.create_session()
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes["private.db"] == 0o600
    assert {mode & 0o077 for mode in modes.values()} == {0}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/locks")
def test_opening_a_file_once_more_leaves_the_first_ones_locks_alone(opened: Opener, tmp_path: Path) -> None:
    """The system takes a process's locks on a file away when it closes any descriptor of that file."""

    def locks() -> list[str]:
        held = f":{(tmp_path / 'shared.db').stat().st_ino} "
        return [lock.partition(":")[2] for lock in Path("/proc/locks").read_text().splitlines() if held in lock]

    first = opened("shared.db")
    make_session(first)
    held = locks()
    assert held
    assert made(opened, "shared.db") == "found"
    assert locks() == held


def test_a_newer_schema_is_refused(opened: Opener, tmp_path: Path) -> None:
    opened("newer.db").close()
    execute(f"{tmp_path}/newer.db", "PRAGMA user_version = 999")
    with pytest.raises(SchemaTooNew) as error:
        opened("newer.db")
    assert error.value.found == 999


def test_without_psycopg_a_postgresql_url_says_what_to_install(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'ithaca\[postgres\]'"):
        opened("postgresql://host/db")


def test_a_server_that_is_not_there_is_unavailable_and_no_password_is_told(opened: Opener, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable) as error:
        opened(f"postgresql://user:pass-word@/db?host={tmp_path}")
    assert "pass-word" not in str(error.value)


def test_a_malformed_url_is_refused(opened: Opener) -> None:
    for url in ("postgresql://u:p@[::1/x", "postgresql://host:port/x"):
        with pytest.raises((ConfigurationError, DatabaseUnavailable)):
            opened(url)


def test_another_programs_tables_on_a_server_are_refused(
    postgres_url: str, facade: Facade, loop_thread: LoopThread
) -> None:
    opener = Opener(postgres_url, facade, loop_thread)
    execute(postgres_url, "DROP TABLE ithaca_schema")
    with pytest.raises(NotAnIthacaDatabase, match="same names"):
        opener()


def test_an_empty_database_gets_its_tables(empty_database_url: str, facade: Facade, loop_thread: LoopThread) -> None:
    opener = Opener(empty_database_url, facade, loop_thread)
    assert made(opener, None) == "found"
    assert opener.verify() == []
    opener.close()


def test_info_tells_what_it_is_without_a_password(open_manager: Opener) -> None:
    url = open_manager.url.replace("postgres@", "postgres:pass-word@")
    manager = open_manager(settings=Settings(url))
    make_session(manager, owner="a")
    info = manager.info()
    engine = "postgres" if is_postgres(url) else "sqlite"
    assert (info.engine, info.sessions) == (engine, 1)
    assert info.size_bytes > 10_000
    assert info.schema_version >= 1
    assert info.database == url.replace("pass-word", "***")
    assert manager.for_owner("b").info().sessions == 0
    if engine == "postgres":
        with psycopg.connect(url) as db:
            assert info.engine_version.startswith(str(db.info.server_version // 10_000))
