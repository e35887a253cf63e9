"""PostgreSQL: what collides is repeated, and behind a pooler nothing is kept on a connection."""

import asyncio
import threading
from collections.abc import Iterator

import psycopg
import pytest

from ithaca import ChatMessage, SessionManager
from ithaca.columns import Row
from ithaca.config import Settings
from ithaca.connection import Connection
from ithaca.errors import DatabaseBusy, DatabaseDamaged, DatabaseUnavailable, DiskFull, StorageError
from ithaca.operations import search
from ithaca.storage import postgres
from ithaca.storage.postgres import PostgresStorage
from ithaca.storage.postgres_async import AsyncPostgresStorage


@pytest.fixture
def storage(postgres_url: str) -> Iterator[PostgresStorage]:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE notes (text TEXT PRIMARY KEY, changes INTEGER NOT NULL DEFAULT 0)")
        connection.execute("INSERT INTO notes (text) VALUES ('a'), ('b')")
    storage = PostgresStorage(postgres_url, Settings(database=postgres_url))
    yield storage
    storage.close()


async def change(conn: Connection, text: str) -> None:
    await conn.run("UPDATE notes SET changes = changes + 1 WHERE text = :text", {"text": text})


async def changes(conn: Connection) -> list[int]:
    return [row[0] for row in await conn.rows("SELECT changes FROM notes ORDER BY text")]


def test_a_deadlock_is_repeated(storage: PostgresStorage) -> None:
    both_hold_one = threading.Barrier(2)
    attempts: list[str] = []

    async def change_both(conn: Connection, first: str, second: str) -> None:
        attempts.append(first)
        await change(conn, first)
        if attempts.count(first) == 1:
            both_hold_one.wait()
        await change(conn, second)

    threads = [threading.Thread(target=storage.write, args=[change_both, *order]) for order in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(attempts) == 3
    assert storage.read(changes) == [2, 2]


async def fail(conn: Connection, sqlstate: str) -> None:
    await conn.run(f"DO $$ BEGIN RAISE EXCEPTION 'too bad' USING ERRCODE = '{sqlstate}'; END $$")


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_what_collided_is_repeated_whole(storage: PostgresStorage, sqlstate: str) -> None:
    attempts = []

    async def collide_twice(conn: Connection) -> None:
        attempts.append(1)
        await change(conn, "a")
        if len(attempts) < 3:
            await fail(conn, sqlstate)

    storage.write(collide_twice)
    assert len(attempts) == 3
    assert storage.read(changes) == [1, 0]


@pytest.mark.parametrize(("sqlstate", "error"), [("40001", DatabaseBusy), ("40P01", DatabaseBusy)])
def test_what_collides_for_ever_is_given_up(
    storage: PostgresStorage, monkeypatch: pytest.MonkeyPatch, sqlstate: str, error: type[StorageError]
) -> None:
    pauses: list[int] = []
    monkeypatch.setattr(postgres, "pause", lambda attempt: pauses.append(attempt) or 0)

    async def collide(conn: Connection) -> None:
        await change(conn, "a")
        await fail(conn, sqlstate)

    with pytest.raises(error, match="too bad"):
        storage.write(collide)
    assert pauses == list(range(postgres.ATTEMPTS - 1))
    assert storage.read(changes) == [0, 0]


def test_pauses_grow_and_add_up_to_what_a_caller_waits() -> None:
    lengths = [postgres.pause(attempt) for attempt in range(postgres.ATTEMPTS - 1)]
    assert lengths == sorted(lengths)
    assert 1 < sum(lengths) < 4


def test_a_disk_of_the_servers_that_is_full_is_told_as_that(storage: PostgresStorage) -> None:
    with pytest.raises(DiskFull, match=r"nothing of it is stored: too bad\.$"):
        storage.write(lambda conn: fail(conn, "53100"))


@pytest.mark.parametrize("sqlstate", ["XX001", "XX002"])
def test_what_the_server_finds_corrupted_is_damaged(storage: PostgresStorage, sqlstate: str) -> None:
    attempts: list[int] = []

    async def find(conn: Connection) -> None:
        attempts.append(1)
        await fail(conn, sqlstate)

    with pytest.raises(DatabaseDamaged, match=r"backup: too bad\.$"):
        storage.write(find)
    assert len(attempts) == 1


def test_what_is_wrong_is_not_repeated(storage: PostgresStorage) -> None:
    attempts = []

    async def divide(conn: Connection) -> None:
        attempts.append(1)
        await change(conn, "a")
        await conn.row("SELECT 1 / 0")

    with pytest.raises(StorageError, match="DivisionByZero"):
        storage.write(divide)
    assert len(attempts) == 1
    assert storage.read(changes) == [0, 0]


#: A full disk; a row too large for an index; a time limit; an error of the disk.
@pytest.mark.parametrize("sqlstate", ["53100", "54000", "57014", "58030"])
def test_what_comes_again_at_once_is_not_repeated(storage: PostgresStorage, sqlstate: str) -> None:
    attempts = []

    async def fail_each_time(conn: Connection) -> None:
        attempts.append(1)
        await change(conn, "a")
        await fail(conn, sqlstate)

    with pytest.raises(DatabaseUnavailable, match="too bad"):
        storage.write(fail_each_time)
    assert len(attempts) == 1
    assert storage.read(changes) == [0, 0]


#: A pooler that lost its server; a server that is shut down.
@pytest.mark.parametrize("sqlstate", ["08P01", "57P01"])
def test_what_ends_connections_is_repeated(storage: PostgresStorage, sqlstate: str) -> None:
    attempts = []

    async def fail_once(conn: Connection) -> None:
        attempts.append(1)
        await change(conn, "a")
        if len(attempts) < 2:
            await fail(conn, sqlstate)

    storage.write(fail_once)
    assert len(attempts) == 2
    assert storage.read(changes) == [1, 0]


def test_an_error_of_the_callers_rolls_back(storage: PostgresStorage) -> None:
    async def change_and_fail(conn: Connection) -> None:
        await change(conn, "a")
        raise LookupError

    for _ in range(30):  # more than there are connections
        with pytest.raises(LookupError):
            storage.write(change_and_fail)
    assert storage.read(changes) == [0, 0]


async def prepared(conn: Connection) -> int:
    for _ in range(10):
        await changes(conn)
    row = await conn.row("SELECT count(*) FROM pg_prepared_statements")
    return -1 if row is None else int(row[0])


def test_statements_are_prepared(storage: PostgresStorage) -> None:
    assert storage.read(prepared) > 0


def test_behind_a_pooler_nothing_is_prepared_or_set(storage: PostgresStorage, postgres_url: str) -> None:
    async def look(conn: Connection) -> tuple[int, object]:
        return await prepared(conn), await conn.row("SHOW lock_timeout")

    url = postgres_url + "&pgbouncer=true"
    pooled = PostgresStorage(url, Settings(database=url))
    try:
        assert pooled.read(look) == (0, ("0",))
    finally:
        pooled.close()

    async def main() -> None:
        pooled = await AsyncPostgresStorage.open(url, Settings(database=url))
        assert await pooled.read(look) == (0, ("0",))
        await pooled.close()

    asyncio.run(main())


def test_a_search_is_planned_alike_whatever_is_asked(postgres_url: str) -> None:
    """So the server keeps its plan: making one takes it longer than finding a rare word."""

    async def plan(conn: Connection, word: str) -> list[Row]:
        asked = {"query": f"'{word}'", "scoped": f"'{word}'", "skip": 0, "count": 41, "start": 0, "most": 21}
        ranked = search._RANKED_ON_POSTGRES.format(filters="").replace("CAST(:query AS tsquery)", "tsquery 'a'")
        return await conn.rows(f"EXPLAIN {ranked}", asked)

    with SessionManager(postgres_url) as manager:
        session = manager.create_session()
        manager.add_messages(session.id, [ChatMessage("user", f"word{n % 100} again") for n in range(1_000)])
        assert len(manager.search("word7")) == 10
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("ANALYZE")
        assert manager._storage.read(plan, "word7") == manager._storage.read(plan, "again")
