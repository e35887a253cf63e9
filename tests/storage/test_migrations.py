"""Schema versions: the same on both databases, brought up whole or not at all."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from ithaca import SessionManager
from ithaca.errors import NotAnIthacaDatabase, SchemaOutOfDate, SchemaTooNew, StorageError
from ithaca.storage import postgres, sqlite, upgrade
from ithaca.storage.migrate import Migration, migrations
from tests.conftest import Servers
from tests.support.processes import Worker, run_together

NEWEST = len(migrations("sqlite"))

Patch = Callable[[Callable[[list[Migration]], list[Migration]]], None]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Patch:
    """Changes the migrations that this release seems to know."""

    def change(changed: Callable[[list[Migration]], list[Migration]]) -> None:
        for module in (sqlite, postgres):
            monkeypatch.setattr(module, "migrations", lambda engine: changed(migrations(engine)))

    return change


def and_one(steps: list[Migration]) -> list[Migration]:
    return [*steps, Migration(len(steps) + 1, "extra", "CREATE TABLE extra (x INTEGER); INSERT INTO extra VALUES (7)")]


def and_one_that_fails(steps: list[Migration]) -> list[Migration]:
    more = and_one(steps)
    return [*more, Migration(len(more) + 1, "broken", "CREATE TABLE half (x INTEGER); INSERT INTO nowhere VALUES (1)")]


def execute(url: str, sql: str) -> None:
    if url.startswith("postgresql:"):
        with psycopg.connect(url) as connection:
            connection.execute(sql.encode())
    else:
        with closing(apsw.Connection(url.removeprefix("sqlite:///"))) as connection:
            connection.execute(sql)


def rows(url: str, sql: str) -> list[Any]:
    if url.startswith("postgresql:"):
        with psycopg.connect(url) as connection:
            return connection.execute(sql.encode()).fetchall()
    with closing(apsw.Connection(url.removeprefix("sqlite:///"))) as connection:
        return connection.execute(sql).fetchall()


def version(url: str) -> int:
    if url.startswith("postgresql:"):
        return int(rows(url, "SELECT max(version) FROM ithaca_schema")[0][0])
    return int(rows(url, "PRAGMA user_version")[0][0])


def tables(url: str) -> set[str]:
    return set(columns_of_postgres(url) if url.startswith("postgresql:") else columns_of_sqlite(url))


def columns_of_postgres(url: str) -> dict[str, list[tuple[str, bool]]]:
    found: dict[str, list[tuple[str, bool]]] = {}
    for table, column, nullable in rows(
        url,
        "SELECT table_name, column_name, is_nullable = 'NO' FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
    ):
        found.setdefault(table, []).append((column, nullable))
    return found


def columns_of_sqlite(url: str) -> dict[str, list[tuple[str, bool]]]:
    found: dict[str, list[tuple[str, bool]]] = {}
    for table, column, required in rows(
        url,
        """SELECT t.name, c.name, c."notnull" OR c.pk FROM pragma_table_list t, pragma_table_info(t.name) c
           WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, c.cid""",
    ):
        found.setdefault(table, []).append((column, bool(required)))
    return found


def test_both_databases_have_the_same_steps() -> None:
    steps = [(step.version, step.name) for step in migrations("sqlite")]
    assert [(step.version, step.name) for step in migrations("postgres")] == steps
    assert [number for number, _ in steps] == list(range(1, len(steps) + 1))


def test_both_databases_have_the_same_tables_and_columns(postgres_url: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ithaca.db"
    upgrade(url)
    ours, theirs = columns_of_sqlite(url), columns_of_postgres(postgres_url)
    # What differs on purpose: SQLite has the version in the file's header, its text index is not a column, and its
    # changes are in the order of the commits by themselves.
    theirs.pop("ithaca_schema")
    theirs["search_entries"].remove(("words", True))
    ours["search_entries"].remove(("number", True))
    theirs["changes"].remove(("transaction", True))
    assert ours == theirs


def test_a_new_database_is_made_at_the_newest_version(empty_database_url: str) -> None:
    with SessionManager(empty_database_url) as manager:
        assert manager.info().schema_version == NEWEST
    assert version(empty_database_url) == NEWEST


@pytest.fixture(params=range(1, NEWEST))
def old_sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A file as each earlier release made it, with a session and a message."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "migrations", lambda engine: migrations(engine)[: request.param])
        url = f"sqlite:///{tmp_path}/old.db"
        upgrade(url)
    execute(url, SESSION)
    execute(url, MESSAGE)
    assert version(url) == request.param
    return url


SESSION = """
    INSERT INTO sessions (owner, id, name, name_key, endpoint_url, model, next_seq, message_count, created_at,
                          updated_at, last_accessed, last_message_at, active_at, active_slot, size_class)
    VALUES ('ann', 'old', 'Trip', 'trip', '', '', 2, 1, 1, 1, 1, 1, 1, 0, 0)
"""
MESSAGE = """
    INSERT INTO messages (owner, session_id, seq, id, role, text, tokens, created_at)
    VALUES ('ann', 'old', 1, 'm', 'user', 'hello', 1, 1)
"""


def assert_filled(manager: SessionManager) -> None:
    assert [message.content for message in manager.get_session("old").history] == ["hello"]
    assert manager.verify() == []


def test_sqlite_is_brought_up_at_opening(old_sqlite: str) -> None:
    with SessionManager(old_sqlite) as manager:
        assert manager.info().schema_version == NEWEST
        assert_filled(manager)


def test_upgrade_says_from_where_to_where(old_sqlite: str) -> None:
    before = version(old_sqlite)
    assert upgrade(old_sqlite) == (before, NEWEST)
    assert upgrade(old_sqlite) == (NEWEST, NEWEST)


def test_processes_bring_it_up_at_once(old_sqlite: str) -> None:
    names = [f"p{number}" for number in range(4)]
    printed = run_together([Worker("open_new", old_sqlite, name) for name in names])
    assert printed == [[f"Bearer {name}"] for name in names]
    with SessionManager(old_sqlite) as manager:
        assert manager.count_sessions() == 5
        assert_filled(manager)


@pytest.fixture(params=["newest", "15"])
def old_postgres(request: pytest.FixtureRequest, servers: Servers) -> Iterator[str]:
    """A database as the first release made it, with a session and a message."""
    server = servers[request.param]
    url = server.create_database()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "migrations", lambda engine: migrations(engine)[:1])
        upgrade(url)
    execute(url, SESSION)
    execute(url, MESSAGE)
    yield url
    server.drop_database(url)


def test_postgres_is_refused_until_it_is_upgraded(old_postgres: str) -> None:
    with pytest.raises(SchemaOutOfDate, match="ithaca db upgrade") as caught:
        SessionManager(old_postgres)
    assert (caught.value.found, caught.value.expected) == (1, NEWEST)
    assert version(old_postgres) == 1
    assert upgrade(old_postgres) == (1, NEWEST)
    with SessionManager(old_postgres) as manager:
        assert manager.info().schema_version == NEWEST
        assert_filled(manager)


SET_ASIDE = """
    INSERT INTO trash (owner, id, kind, session_id, created_at, messages, revision, version_group) VALUES
        ('ann', 't-1', 'version', 'old', 1, 2, 2, 'g'), ('ann', 't-2', 'delete messages', 'old', 1, 1, 3, NULL);
    INSERT INTO trashed_messages (owner, trash_id, session_id, seq, id, role, text, tokens, created_at, version_group)
    VALUES ('ann', 't-1', 'old', 1, 'v', 'user', 'hi', 1, 1, 'g'),
        ('ann', 't-1', 'old', 2, 'w', 'user', 'behind', 1, 1, NULL),
        ('ann', 't-2', 'old', 3, 'x', 'user', 'removed', 1, 1, NULL);
    UPDATE messages SET version_group = 'g', seq = 4;
    UPDATE sessions SET next_seq = 5, revision = 3;
"""


def test_versions_are_found_after_the_trash_was_brought_up(empty_database_url: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (sqlite, postgres):
            patch.setattr(module, "migrations", lambda engine: migrations(engine)[:8])
        upgrade(empty_database_url)
    for sql in (SESSION, MESSAGE, SET_ASIDE):
        execute(empty_database_url, sql)
    assert upgrade(empty_database_url) == (8, NEWEST)
    with SessionManager(empty_database_url) as manager:
        assert manager.verify() == []
        assert [message.id for message in manager.switch_version("old", "w")] == ["w"]
        assert [version.message.id for version in manager.list_versions("old", "v")] == ["v", "m"]
        assert [entry.id for entry in manager.trash()] == ["t-2"]
        manager.undo("old")
        assert [message.id for message in manager.get_session("old").history] == ["v", "w", "x"]
        assert manager.verify() == []


WAITING = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.mark.parametrize("server", ["newest", "15"])
def test_tables_that_another_process_makes_meanwhile_are_found(server: str, servers: Servers, known: Patch) -> None:
    """Who waits for the other one to make them has already looked, and PostgreSQL remembers that nothing was there."""
    url = servers[server].create_database()
    known(lambda _: [Migration(1, "first", "CREATE TABLE sessions (x INTEGER)")])
    with psycopg.connect(url) as other, ThreadPoolExecutor() as pool:
        other.execute("SELECT")  # begins the transaction that is committed below
        postgres._apply(other, postgres.migrations("postgres"))
        opened = pool.submit(postgres.prepare_schema, url)
        while not (opened.done() or other.execute(WAITING).fetchall()):
            time.sleep(0.01)
        other.commit()
        opened.result()
    servers[server].drop_database(url)


def test_a_step_that_is_added_later_is_taken(database_url: str, known: Patch) -> None:
    known(and_one)
    assert upgrade(database_url) == (NEWEST, NEWEST + 1)
    assert rows(database_url, "SELECT x FROM extra") == [(7,)]
    with SessionManager(database_url) as manager:
        assert manager.info().schema_version == NEWEST + 1


def test_a_newer_database_is_refused(database_url: str, known: Patch) -> None:
    known(and_one)
    upgrade(database_url)
    known(list)
    with pytest.raises(SchemaTooNew, match="install a newer Ithaca") as caught:
        SessionManager(database_url)
    assert (caught.value.found, caught.value.expected) == (NEWEST + 1, NEWEST)
    with pytest.raises(SchemaTooNew):
        upgrade(database_url)
    assert version(database_url) == NEWEST + 1


def test_a_step_that_fails_changes_nothing(database_url: str, known: Patch) -> None:
    before = tables(database_url)
    known(and_one_that_fails)
    with pytest.raises(StorageError, match="nowhere"):
        upgrade(database_url)
    assert version(database_url) == NEWEST
    assert tables(database_url) == before
    known(list)
    with SessionManager(database_url) as manager:
        manager.create_session("as before")


def test_a_first_step_that_fails_leaves_an_empty_database(empty_database_url: str, known: Patch) -> None:
    known(and_one_that_fails)
    with pytest.raises(StorageError, match="nowhere"):
        SessionManager(empty_database_url)
    assert tables(empty_database_url) == set()
    known(list)
    with SessionManager(empty_database_url) as manager:
        manager.create_session("at last")


def test_another_programs_tables_are_left_alone(empty_database_url: str) -> None:
    execute(empty_database_url, "CREATE TABLE sessions (theirs INTEGER)")
    for open_it in (SessionManager, upgrade):
        with pytest.raises(NotAnIthacaDatabase):
            open_it(empty_database_url)
    assert tables(empty_database_url) == {"sessions"}
