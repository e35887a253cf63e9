"""A backup is the database as it was at one moment, whole or not there."""

import stat
import threading
from pathlib import Path

import apsw
import pytest

from ithaca import (
    ConfigurationError,
    DatabaseDamaged,
    DatabaseUnavailable,
    InvalidArgument,
    NotAnIthacaDatabase,
    SessionManager,
    backup_database,
)
from tests.cli.running import run
from tests.support.factories import history, make_session, texts


def test_a_copy_has_everything_and_is_for_its_owner_only(tmp_path: Path) -> None:
    with SessionManager(tmp_path / "chats.db") as manager:
        session = make_session(manager, 100)  # some of it is in the log alone
        size = backup_database(f"sqlite:///{tmp_path}/chats.db", tmp_path / "copy.db")
        manager.delete_session(session.id)
    assert (size, stat.S_IMODE((tmp_path / "copy.db").stat().st_mode)) == ((tmp_path / "copy.db").stat().st_size, 0o600)
    with SessionManager(tmp_path / "copy.db") as copy:
        assert (history(copy, session.id), copy.verify()) == ([str(n) for n in range(1, 101)], [])
    assert not (tmp_path / "copy.db.part").exists()


def test_a_copy_made_while_others_write_is_of_one_moment(tmp_path: Path) -> None:
    with SessionManager(tmp_path / "chats.db") as manager:
        session = make_session(manager)
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                manager.add_messages(session.id, texts(3))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(5):
                backup_database(str(tmp_path / "chats.db"), tmp_path / f"{number}.db")
        finally:
            stop.set()
            writer.join()
    counts = []
    for number in range(5):
        with SessionManager(tmp_path / f"{number}.db") as copy:
            assert copy.verify() == []
            counts.append(copy.get_session(session.id, last=0).message_count)
    assert counts == sorted(counts)
    assert {count % 3 for count in counts} == {0}


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    SessionManager(tmp_path / "chats.db").close()
    for there, into in (("old.db", "old.db"), ("new.db.part", "new.db")):
        (tmp_path / there).write_text("kept")
        with pytest.raises(InvalidArgument, match=f"into must be a new file, not {there}, which is there"):
            backup_database(str(tmp_path / "chats.db"), tmp_path / into)
        assert (tmp_path / there).read_text() == "kept"


def test_what_cannot_be_copied_leaves_nothing(tmp_path: Path) -> None:
    into = tmp_path / "copy.db"
    other = apsw.Connection(f"{tmp_path}/other.db")
    other.execute("CREATE TABLE sessions (id)")
    other.close()
    with SessionManager(tmp_path / "damaged.db") as manager:
        make_session(manager, 100)
    whole = (tmp_path / "damaged.db").read_bytes()
    (tmp_path / "damaged.db").write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    for database, error in (
        ("other.db", NotAnIthacaDatabase),
        ("missing.db", DatabaseUnavailable),
        ("damaged.db", DatabaseDamaged),
    ):
        with pytest.raises(error):
            backup_database(str(tmp_path / database), into)
    for database in (":memory:", "postgresql://host/chats"):
        with pytest.raises(ConfigurationError, match="database"):
            backup_database(database, into)
    with pytest.raises(DatabaseUnavailable, match="No such file"):
        backup_database(str(tmp_path / "other.db"), tmp_path / "nowhere" / "copy.db")
    assert {file.name for file in tmp_path.glob("copy*")} == set()
    assert not (tmp_path / "missing.db").exists()


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    SessionManager(tmp_path / "chats.db").close()
    command = ("db", "backup", str(tmp_path / "copy.db"), "--database", str(tmp_path / "chats.db"))
    ran, again = run(*command), run(*command)
    assert (ran.status, ran.out) == (
        0,
        f"Wrote {(tmp_path / 'copy.db').stat().st_size:,} bytes to {tmp_path}/copy.db.\n",
    )
    assert (again.status, again.err) == (2, "Error: into must be a new file, not copy.db, which is there.\n")
