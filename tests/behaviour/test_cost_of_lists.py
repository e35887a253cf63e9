"""A page of a list costs what it shows, in every order; and the indexes that make it so cost an append nothing."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from ithaca import SessionManager
from ithaca.operations.statements import SLOT, size_class
from ithaca.storage import is_postgres, sqlite_path
from tests.behaviour.meters import SQLiteMeter, postgres_rows_read, sqlite_meter
from tests.conftest import Servers
from tests.support.factories import make_session, store_session, texts
from tests.support.managers import Facade, FakeClock, LoopThread, Opener, execute

SORTS = ("activity", "created", "name", "messages")
PAGE = 20
MANY = 6_000

COLUMNS = (
    "owner", "id", "name", "name_key", "endpoint_url", "model", "archived", "is_important", "folder", "message_count",
    "size_class", "created_at", "updated_at", "last_accessed", "active_at", "active_slot",
)  # fmt: skip


def rows(number: int, owner: str, archived: bool, starred: int, folder: str | None) -> Iterator[tuple[Any, ...]]:
    """Sessions that no two orders agree on; few have many messages."""
    for i in range(number):
        name, said, at = f"ship {i * 7919 % number:06}", number // (i + 1), (i * 17 % number + 1) * 2 * SLOT
        yield (
            owner, f"{owner}-{i}", name, name, "", "", archived, i < starred, folder, said, size_class(said),
            (number - i) * SLOT, 0, 0, at, at // SLOT,
        )  # fmt: skip


def fill(
    url: str, number: int, owner: str, *, archived: bool = False, starred: int = 5, folder: str | None = None
) -> None:
    """So many sessions of an owner, without their messages."""
    insert(url, rows(number, owner, archived, starred, folder))


def insert(url: str, sessions: Iterable[tuple[Any, ...]]) -> None:
    if is_postgres(url):
        with psycopg.connect(url) as db, db.cursor().copy(f"COPY sessions ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for row in sessions:
                copy.write_row(row)
    else:
        with apsw.Connection(sqlite_path(url)) as file:
            places = ", ".join("?" * len(COLUMNS))
            file.executemany(f"INSERT INTO sessions ({', '.join(COLUMNS)}) VALUES ({places})", sessions)


def lists(**asked: Any) -> list[dict[str, Any]]:
    """Every order, and the same with the starred ones first."""
    return [{"sort": sort, "important_first": first, **asked} for sort, first in product(SORTS, (False, True))]


def two_pages(manager: SessionManager, asked: dict[str, Any]) -> None:
    first = manager.list_sessions(limit=PAGE, **asked)
    if first.cursor:
        manager.list_sessions(limit=PAGE, cursor=first.cursor, **asked)


@pytest.fixture
def meter() -> Iterator[SQLiteMeter]:
    with sqlite_meter() as meter:
        yield meter


@pytest.fixture
def opener(meter: SQLiteMeter, tmp_path: Path, facade: Facade, loop_thread: LoopThread) -> Iterator[Opener]:
    """Managers on SQLite, whose work the meter counts."""
    opener = Opener(f"{tmp_path}/metered.db", facade, loop_thread)
    yield opener
    opener.close()


#: Lists of whoever has `number` sessions: the filter, and the fields of those that make the list long.
EVERY = {
    "all": (lists(), {}),
    "not archived": (lists(archived=False), {}),
    "archived": (lists(archived=True), {"archived": True}),
    "few that are not archived, among many that are": (lists(archived=False), {"archived": True}),
    "few that are archived, among many that are not": (lists(archived=True), {}),
    "starred": (lists(important=True), {}),
    "not starred": (lists(important=False), {}),
    "in a folder, among many that are in another": (lists(folder="few"), {"folder": "many"}),
}


@pytest.mark.parametrize("which", EVERY)
def test_the_steps_of_a_list_do_not_grow_with_what_is_stored(opener: Opener, meter: SQLiteMeter, which: str) -> None:
    few, many = (steps_of_lists(opener, meter, number, *EVERY[which]) for number in (300, MANY))
    assert {name: (few[name], many[name]) for name in few if many[name] > few[name] * 1.2 + 200} == {}


def steps_of_lists(
    opener: Opener, meter: SQLiteMeter, number: int, asked: list[dict[str, Any]], fields: dict[str, Any]
) -> dict[str, int]:
    url = f"{opener.url}.{number}"
    manager = opener(url)
    fill(url, number, "ann", **fields)
    fill(url, 10, "few", archived=not fields.get("archived", False), folder="few")
    execute(url, "UPDATE sessions SET owner = 'ann' WHERE owner = 'few'")
    whose = {"an owner's": manager.for_owner("ann"), "everybody's": manager}
    return {
        f"{name}, {each}": meter.steps_of(partial(two_pages, whose[name], each))
        for name, each in product(whose, asked)
        if "folder" not in each or name == "an owner's"
    }


@pytest.fixture
def fleets(postgres_url: str) -> str:
    """A database in which one owner has as many sessions that are archived as others; and so have all together."""
    SessionManager(postgres_url).close()
    for owner, archived in product(("ann", "bob"), (False, True)):
        fill(postgres_url, MANY // 2, f"{owner}-{archived}", archived=archived)
        execute(postgres_url, f"UPDATE sessions SET owner = '{owner}' WHERE owner = '{owner}-{archived}'")
    fill(postgres_url, 10, "ann", folder="few")
    execute(postgres_url, "VACUUM ANALYZE sessions")
    return postgres_url


@pytest.mark.parametrize("owner", ["ann", None])
def test_no_list_reads_all_sessions_on_postgresql(fleets: str, owner: str | None) -> None:
    asked = [*lists(), *lists(archived=False), *lists(archived=True), *lists(important=True), *lists(important=False)]
    asked += lists(folder="few") if owner else []

    def work(each: dict[str, Any]) -> None:
        with SessionManager(fleets) as manager:
            two_pages(manager if owner is None else manager.for_owner(owner), each)

    read = {str(each): postgres_rows_read(fleets, partial(work, each)).get("sessions", 0) for each in asked}
    assert {each: number for each, number in read.items() if number > 15 * PAGE} == {}


def test_a_part_of_a_name_is_found_by_an_index_on_postgresql(fleets: str) -> None:
    insert(fleets, [("ann", "cal", "Calypso's 50% raft", "calypso's 50% raft", *rows_rest())])

    def work(part: str) -> None:
        with SessionManager(fleets) as manager:
            assert manager.for_owner("ann").count_sessions(name=part) == 1
            assert [session.id for session in manager.for_owner("ann").list_sessions(name=part)] == ["cal"]

    for part in ("alypso", "'s 50%"):
        assert postgres_rows_read(fleets, partial(work, part)).get("sessions", 0) < PAGE


def rows_rest() -> tuple[Any, ...]:
    """What else a row of `COLUMNS` has, for a session of no interest."""
    return next(rows(1, "", False, 0, None))[4:]


def test_without_the_right_to_add_extensions_names_are_found_all_the_same(servers: Servers) -> None:
    url = servers["newest"].create_database()
    execute(url, "CREATE ROLE guest LOGIN; GRANT CREATE ON SCHEMA public TO guest")
    try:
        with SessionManager(url.replace("postgres@", "guest@")) as manager:
            manager.create_session("cal", name="Calypso's raft")
            assert [session.id for session in manager.list_sessions(name="LYPSO")] == ["cal"]
            assert manager.verify() == []
    finally:
        execute(url, "DROP OWNED BY guest; DROP ROLE guest")
        servers["newest"].drop_database(url)


# Appending


def test_an_append_leaves_the_indexes_of_its_session_alone(opener: Opener, meter: SQLiteMeter) -> None:
    clock = FakeClock()
    manager = opener(clock=clock)
    session_id = store_session(manager, 8)
    meter.reset()
    for message in texts(7):  # up to 15 messages there is no other size, and the clock stands
        manager.add_message(session_id, message)
    assert (meter.statements["COMMIT"], placing(meter)) == (7, [])
    manager.add_message(session_id, texts(1)[0])
    assert placing(meter) == ["UPDATE sessions SET size_class = ?1 WHERE owner = ?2 AND id = ?3"]


def placing(meter: SQLiteMeter) -> list[str]:
    """The statements that changed the place of a session in an index."""
    changes = {sql: sql.partition(" RETURNING ")[0] for sql in meter.statements if "UPDATE sessions" in sql}
    return [sql for sql, change in changes.items() if "active_slot" in change or "size_class" in change]


def test_an_append_is_a_heap_only_update(postgres_url: str) -> None:
    with SessionManager(postgres_url, clock=FakeClock()) as manager:
        session_id = make_session(manager, 8).id
    before = updates(postgres_url)
    with SessionManager(postgres_url, clock=FakeClock()) as manager:
        for message in texts(7):
            manager.add_message(session_id, message)
    after = updates(postgres_url)
    assert (after[0] - before[0], after[1] - before[1]) == (7, 7)


def updates(url: str) -> tuple[int, int]:
    """How often rows of sessions were updated, and how often no index had to follow."""
    postgres_rows_read(url, lambda: None)  # waits until who has written has reported it
    ((all_of_them, heap_only),) = execute(
        url, "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sessions'"
    )
    return int(all_of_them), int(heap_only)


def test_the_size_class_follows_the_number_of_messages(open_manager: Opener) -> None:
    manager = open_manager(clock=FakeClock())
    session_id = store_session(manager)
    for number, size in ((7, 0), (1, 1), (7, 1), (1, 2), (15, 2), (1, 3), (100, 5)):
        manager.add_messages(session_id, texts(number))
        assert sizes(open_manager.url) == [(size,)]
    manager.truncate_messages(session_id, 8)
    assert sizes(open_manager.url) == [(1,)]
    manager.undo(session_id)
    fork = manager.fork_session(session_id, at=manager.get_session(session_id).history[15].id)
    manager.delete_session(session_id)
    manager.undo(session_id)
    assert sorted(sizes(open_manager.url)) == [(2,), (5,)]
    manager.replace_messages(fork.id, [])
    assert sorted(sizes(open_manager.url)) == [(0,), (5,)]
    assert manager.verify() == []
    execute(open_manager.url, "UPDATE sessions SET size_class = 3")
    assert [problem.name for problem in manager.verify()] == ["size_class"] * 2
    execute(open_manager.url, "UPDATE sessions SET size_class = CASE WHEN message_count = 0 THEN 0 ELSE 5 END")


def sizes(url: str) -> list[tuple[Any, ...]]:
    return execute(url, "SELECT size_class FROM sessions")
