"""What must never happen, a test for each: faults that an older session manager had, on this one's calls."""

import fcntl
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from ithaca import (
    ChatMessage,
    Conversation,
    DatabaseBusy,
    DatabaseUnavailable,
    InvalidMessage,
    RevisionConflict,
    SessionManager,
    SessionNotFound,
    Settings,
    StorageError,
)
from ithaca.storage import is_postgres, sqlite_path
from tests.behaviour.meters import SQLiteMeter, sqlite_meter
from tests.support.factories import history, make_session, make_sessions, numbers, said, store_session, texts
from tests.support.managers import Facade, FakeClock, LoopThread, Opener, execute


def test_never_01_a_text_that_looks_like_json_makes_a_session_unopenable(
    manager: SessionManager, other: SessionManager
) -> None:
    """A text such as `[{"type":["string","null"]}]`, or one nested 10,000 deep, makes its session unopenable."""
    texts = ['[{"type":["string","null"]}]', "[" * 10_000 + "]" * 10_000, '[{"type":' * 10_000]
    id = make_session(manager, [ChatMessage("user", text) for text in texts]).id
    assert history(other, id) == texts
    assert [message.content for message in other.iter_messages(id)] == texts


def test_never_02_a_failed_write_is_swallowed(open_manager: Opener, database_url: str) -> None:
    """A failed write (locked database, wrong type, datetime, lone surrogate) is logged and swallowed."""
    manager = open_manager(settings=Settings(database_url, busy_timeout=0.5))  # a connection has to come within it, too
    before = make_session(manager, 2)
    for bad in (5, {"when": datetime.now(UTC)}, "\ud800", [{"x": object()}]):
        message = ChatMessage("user", "x", bad) if isinstance(bad, dict) else ChatMessage("user", bad)
        with pytest.raises(InvalidMessage):
            manager.add_message(before.id, message)
    with somebody_writing(database_url), pytest.raises(DatabaseBusy):
        manager.add_message(before.id, ChatMessage("user", "x"))
    assert manager.get_session(before.id) == before
    accepted = manager.add_message(before.id, ChatMessage("user", "accepted"))
    manager.close()
    assert open_manager().get_session(before.id).history == [*before.history, accepted]


@contextmanager
def somebody_writing(url: str) -> Iterator[None]:
    """Another program that holds what a writer of sessions needs."""
    if is_postgres(url):
        with psycopg.connect(url) as writer:
            writer.execute("UPDATE sessions SET name = name")
            yield
            writer.rollback()
        return
    file = apsw.Connection(sqlite_path(url))
    file.set_busy_timeout(10_000)
    file.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        file.close()


@pytest.mark.on_disk
def test_never_02_a_process_that_stands_still_makes_others_wait_for_ever(
    tmp_path: Path, facade: Facade, loop_thread: LoopThread
) -> None:
    """A writer that another process keeps waiting is told so after the busy timeout."""
    opener = Opener(f"{tmp_path}/chats.db", facade, loop_thread)
    manager = opener(settings=Settings(opener.url, busy_timeout=0.05))
    id = store_session(manager)
    with (tmp_path / "chats.db-lock").open("rb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        release = threading.Timer(5, fcntl.flock, [stopped, fcntl.LOCK_UN])
        release.start()
        with pytest.raises(DatabaseBusy):
            manager.rename_session(id, "never")
        release.cancel()
        release.join()
    assert manager.get_session(id).name == "New chat"
    opener.close()


def test_never_03_the_count_drifts_and_a_clean_up_deletes_a_conversation(
    timed: SessionManager, other: SessionManager, clock: FakeClock
) -> None:
    """The count drifts from the rows, and a later clean-up deletes a conversation that has messages."""
    held = make_session(timed, 4)
    other.truncate_messages(held.id, 99)
    other.truncate_messages(held.id, 3)
    timed.delete_messages(held.id, [held.history[0].id, held.history[3].id])
    timed.replace_messages(held.id, [ChatMessage("system", "summary"), held.history[1]])
    other.add_message(held.id, ChatMessage("user", "last"))
    timed.update_session(held.id, folder="only metadata")
    listed = timed.list_sessions()[0]
    assert listed.message_count == len(timed.get_session(held.id).history) == 3
    clock.move(days=1)
    assert timed.cleanup_empty_sessions()["deleted_empty"] == 0
    assert len(history(other, held.id)) == 3


def test_never_04_compaction_overwrites_messages_that_arrived_meanwhile(
    manager: SessionManager, other: SessionManager
) -> None:
    """Compaction overwrites messages that arrived while the summary was being made, or from another process."""
    for writer in (manager, other):
        seen = make_session(manager, 10)
        summary = [ChatMessage("system", "summary"), *seen.history[-2:]]
        writer.add_message(seen.id, ChatMessage("user", "arrived meanwhile"))
        with pytest.raises(RevisionConflict):
            manager.replace_messages(seen.id, summary, expected_revision=seen.revision)
        assert history(manager, seen.id) == [*said(seen.history), "arrived meanwhile"]
        now = manager.get_session(seen.id)
        manager.replace_messages(seen.id, [*summary, now.history[-1]], expected_revision=now.revision)
        assert history(other, seen.id) == ["summary", "9", "10", "arrived meanwhile"]


def test_never_05_a_slow_read_replaces_what_was_appended_meanwhile(manager: SessionManager) -> None:
    """A slow first read replaces the object that another request already appended to."""
    id = make_session(manager, 600).id
    slow = manager.iter_messages(id)
    assert next(slow).content == "1"
    early = manager.get_session(id)
    manager.add_message(id, ChatMessage("user", "appended"))
    assert len(list(slow)) == 600
    assert len(early.history) == 600
    assert history(manager, id)[-1] == "appended"
    manager.add_message(id, ChatMessage("user", "and again"))
    assert history(manager, id)[-2:] == ["appended", "and again"]


def test_never_06_clean_up_raises_or_deletes_starred_ones_or_fails_on_null(
    timed: SessionManager, clock: FakeClock
) -> None:
    """Clean-up raises on any empty session (naive against aware time), deletes starred ones, fails on a NULL."""
    long_ago = datetime(2020, 1, 1)  # noqa: DTZ001
    make_sessions(
        timed,
        [
            Conversation("naive", "x", created_at=long_ago),
            Conversation("aware", "x", created_at=long_ago.replace(tzinfo=UTC)),
            Conversation("starred", "x", created_at=long_ago, is_important=True),
            Conversation("no times", "x"),
        ],
    )
    assert timed.cleanup_empty_sessions()["deleted_empty"] == 2
    assert {session.id for session in timed.list_sessions()} == {"starred", "no times"}


def test_never_07_one_malformed_value_makes_a_whole_session_unreadable(
    manager: SessionManager, database_url: str
) -> None:
    """One malformed metadata value makes a whole session unreadable."""
    id = make_session(manager, [ChatMessage("user", str(n), {"n": n}, id=f"m-{n}") for n in range(3)]).id
    execute(database_url, "UPDATE messages SET metadata = '{broken' WHERE id = 'm-1'")
    session = manager.get_session(id)
    assert said(session.history) == ["0", "1", "2"]
    assert [session.history[n].metadata for n in (0, 2)] == [{"n": 0}, {"n": 2}]
    assert (manager.list_sessions()[0].id, len(list(manager.iter_messages(id)))) == (id, 3)
    [problem] = manager.verify()
    assert (problem.name, problem.id) == ("json", id)
    manager.edit_message(id, "m-1", metadata={"n": 1})


def test_never_08_blocks_come_back_as_a_string_or_a_pasted_list_as_blocks(
    manager: SessionManager, other: SessionManager
) -> None:
    """Blocks of an unlisted type come back as a string; a pasted JSON list of typed objects comes back as a list."""
    blocks = [{"type": "hologram", "data": [1]}, {"kind": "untyped"}, "plain"]
    pasted = json.dumps([{"type": "text", "text": "pasted"}])
    id = make_session(manager, [ChatMessage("user", blocks), ChatMessage("user", pasted)]).id
    manager.edit_message(id, manager.add_message(id, ChatMessage("user", "x", id="m")).id, pasted)
    assert history(other, id) == [blocks, pasted, pasted]


def test_never_09_order_by_wall_clock(timed: SessionManager, other: SessionManager, clock: FakeClock) -> None:
    """A clock stepping back, or two messages in one microsecond, reorders history; truncation keeps different ones."""
    id = timed.create_session().id
    for n, hours in enumerate((0, 0, -5, 3, -100, 0)):
        clock.move(hours=hours)
        timed.add_message(id, ChatMessage("user", str(n)))
    timed.add_messages(
        id, [ChatMessage("user", "6"), ChatMessage("user", "7", created_at=datetime(1, 1, 1, tzinfo=UTC))]
    )
    assert history(timed, id) == history(other, id) == [str(n) for n in range(8)]
    timed.truncate_messages(id, 3)
    assert history(timed, id) == history(other, id) == ["0", "1", "2"]


@pytest.mark.on_disk
def test_never_10_threads_see_an_order_that_differs_from_the_stored_one(manager: SessionManager) -> None:
    """Threads adding at once see an order in memory that differs from the stored one."""
    id = manager.create_session().id
    with ThreadPoolExecutor(4) as threads:
        added = list(threads.map(lambda n: manager.add_message(id, ChatMessage("user", str(n))), range(40)))
    stored = manager.get_session(id).history
    assert numbers(stored) == list(range(1, 41))
    assert sorted(added, key=lambda message: message.seq) == stored


def test_never_11_two_processes_see_stale_histories_missing_sessions_old_names_ghosts(
    manager: SessionManager, other: SessionManager
) -> None:
    """Two processes: stale history, sessions missing from the list, old names, ghosts."""
    for one, two in ((manager, other), (other, manager)):
        session = make_session(one, 1)
        assert history(two, session.id) == ["1"]
        two.rename_session(session.id, "renamed")
        two.add_message(session.id, ChatMessage("user", "2"))
        assert (one.get_session(session.id).name, history(one, session.id)) == ("renamed", ["1", "2"])
        assert [listed.name for listed in one.list_sessions()] == ["renamed"]
        two.delete_session(session.id)
        assert one.count_sessions() == 0
        with pytest.raises(SessionNotFound):
            one.add_message(session.id, ChatMessage("user", "ghost"))


def make_anew(file: Path) -> None:
    file.unlink()
    with SessionManager(file) as other:
        store_session(other, 1)


@pytest.mark.parametrize("vanish", [Path.unlink, lambda file: file.rename(file.with_name("elsewhere.db")), make_anew])
def test_never_11_a_write_to_a_vanished_file_succeeds(
    tmp_path: Path, facade: Facade, loop_thread: LoopThread, vanish: Callable[[Path], object]
) -> None:
    """Writes that "succeed" against a vanished database."""
    opener = Opener(f"{tmp_path}/vanishing.db", facade, loop_thread)
    manager = opener()
    id = store_session(manager, 1)
    vanish(tmp_path / "vanishing.db")
    for write in (
        lambda: manager.add_message(id, ChatMessage("user", "lost")),
        lambda: manager.create_session(),
        lambda: manager.add_messages(id, texts(3)),
    ):
        with pytest.raises(DatabaseUnavailable, match="deleted or replaced"):
            write()
    opener.close()


def test_never_11_a_write_to_a_vanished_server_succeeds(
    postgres_url: str, facade: Facade, loop_thread: LoopThread
) -> None:
    """A server that lets nobody in any more, as one that is gone."""
    opener = Opener(postgres_url, facade, loop_thread)
    manager = opener(settings=Settings(postgres_url, busy_timeout=0.2))
    id = store_session(manager, 1)
    name = execute(postgres_url, "SELECT current_database()")[0][0]
    server = postgres_url.replace(f"/{name}?", "/postgres?")
    execute(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    execute(server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    with pytest.raises(StorageError):
        manager.add_message(id, ChatMessage("user", "lost"))
    opener.close()
    execute(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert history(opener(), id) == ["1"]
    opener.close()


def test_never_12_ids_are_set_or_entries_dropped_before_a_commit_that_fails(
    open_manager: Opener, database_url: str
) -> None:
    """Ids set on objects before a commit that then fails; an entry dropped from memory before a commit that fails."""
    manager = open_manager(settings=Settings(database_url, busy_timeout=0.05))
    before = make_session(manager, 2)
    message = ChatMessage("user", "x")
    with somebody_writing(database_url):
        for write in (
            lambda: manager.add_message(before.id, message),
            lambda: manager.add_messages(before.id, [message]),
            lambda: manager.delete_session(before.id),
            lambda: manager.truncate_messages(before.id, 0),
        ):
            with pytest.raises(DatabaseBusy):
                write()
        assert (message.id, message.seq, message.created_at) == (None, None, None)
        assert manager.get_session(before.id) == before
    assert manager.add_message(before.id, message).seq == 3


def test_never_13_a_read_that_writes_an_add_that_commits_twice(open_manager: Opener, database_url: str) -> None:
    """A read that writes (a commit on every `get_session`), an add that commits twice."""
    manager = open_manager()
    id = store_session(manager, 3, "s-1")
    before = written(database_url)
    reader = open_manager()
    for _ in range(3):
        reader.get_session(id)
        reader.get_messages(id)
        reader.list_sessions()
        list(reader.iter_messages(id))
    reader.close()
    assert written(database_url) == before
    if is_postgres(database_url):  # what one transaction wrote bears its number
        manager.add_messages(id, texts(2))
        marks = execute(
            database_url, "SELECT xmin::text FROM sessions UNION SELECT xmin::text FROM messages WHERE seq > 3"
        )
        assert len(marks) == 1
    else:
        with sqlite_meter() as meter:
            open_manager().add_messages(id, texts(2))
        assert meter.statements["COMMIT"] == 1


def written(url: str) -> Any:
    """Something that differs after anything was written to the sessions."""
    if is_postgres(url):
        return execute(url, "SELECT xmin::text, ctid::text FROM sessions")
    return [part.read_bytes() for part in (Path(sqlite_path(url)), Path(sqlite_path(url) + "-wal"))]


def test_never_14_one_users_sessions_hide_anothers(manager: SessionManager) -> None:
    """Start-up and listing limited to the last 100 sessions of everyone: one user hides another's."""
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    make_sessions(manager, [Conversation("hers", "x", owner="penelope", created_at=long_ago)])
    make_sessions(manager, [Conversation(f"his-{n}", "x", owner="suitor") for n in range(150)])
    assert [s.id for s in manager.for_owner("penelope").list_sessions()] == ["hers"]
    assert [s.id for s in manager.list_sessions(owner="penelope")] == ["hers"]
    assert manager.get_session("hers").owner == "penelope"
    assert (manager.count_sessions(), len(manager.list_sessions(owner="suitor", limit=1_000))) == (151, 150)


#: Of histories that may be remembered: two of ten.
CACHE_BYTES = 2_500_000


@pytest.fixture
def metered(tmp_path: Path, facade: Facade, loop_thread: LoopThread) -> Iterator[tuple[SessionManager, SQLiteMeter]]:
    """A manager on SQLite, and a meter of its work. On PostgreSQL, test_cost asks the server's own counters."""
    opener = Opener(f"{tmp_path}/metered.db", facade, loop_thread)
    with sqlite_meter() as meter:
        yield opener(settings=Settings(opener.url, cache_bytes=CACHE_BYTES)), meter
        assert opener.verify() == []
    opener.close()


def test_never_15_transcripts_are_kept_in_memory_or_removals_load_every_row(
    metered: tuple[SessionManager, SQLiteMeter],
) -> None:
    """Transcripts kept in memory for ever; a truncation or a clean-up that loads every row."""
    manager, meter = metered
    ids = [store_session(manager, [ChatMessage("user", "x" * 50_000) for _ in range(20)]) for _ in range(10)]
    tracemalloc.start()
    for id in ids:
        assert len(manager.get_session(id).history[-1].content) == 50_000
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 3_500_000 < 10 * 20 * 50_000
    id = store_session(manager, 500)
    make_sessions(manager, [Conversation(f"empty-{n}", "x") for n in range(200)])
    meter.reset()
    assert manager.truncate_messages(id, 250).messages == 250
    assert manager.truncate_messages(id, 1).messages == 249
    assert manager.cleanup_empty_sessions(30, 0)["deleted_empty"] == 200
    assert meter.rows < 50


def test_never_16_a_full_reload_to_add_one_or_to_show_the_last(metered: tuple[SessionManager, SQLiteMeter]) -> None:
    """A full reload of 10,000 messages to add one, or to show the last 50."""
    manager, meter = metered
    id = store_session(manager, 10_000)
    meter.reset()
    manager.add_message(id, ChatMessage("user", "one more"))
    assert meter.rows < 10
    assert len(manager.get_session(id, last=50).history) == 50
    assert meter.rows < 200


def test_never_17_any_id_reads_any_users_session(manager: SessionManager) -> None:
    """Any id reads any user's session; "no owner" reads everyone's."""
    id = make_session(manager, 1, owner="penelope").id
    for owner in ("suitor", "", None, "Penelope", "penelope "):
        stranger = manager.for_owner(owner)
        assert stranger.list_sessions().items == []
        assert stranger.count_sessions() == stranger.count_sessions(owner="penelope") == 0
        reads: list[Callable[[str], object]] = [
            stranger.get_session,
            stranger.get_messages,
            stranger.delete_session,
            lambda id, stranger=stranger: list(stranger.iter_messages(id)),
        ]
        for read in reads:
            with pytest.raises(SessionNotFound):
                read(id)
    assert history(manager.for_owner("penelope"), id) == ["1"]


def test_never_18_provider_keys_are_stored_or_shown_in_clear_text(manager: SessionManager, database_url: str) -> None:
    """Provider keys in `headers` stored in clear text, and returned to a browser."""
    session = make_session(manager, headers={"Authorization": "Bearer sk-secret"})
    stored = execute(database_url, "SELECT headers FROM sessions")[0][0]
    assert b"sk-secret" not in bytes(stored)
    assert "sk-secret" not in json.dumps(session.to_dict()) + repr(session)
    assert "headers" not in session.to_dict()
    assert manager.get_session(session.id).headers == {"Authorization": "Bearer sk-secret"}


def test_never_02_an_import_that_fails_leaves_half_a_batch(manager: SessionManager) -> None:
    """What cannot be stored is refused whole."""
    good = Conversation("good", "x", texts(2), created_at=datetime.now(UTC) - timedelta(1))
    with pytest.raises(InvalidMessage):
        manager.import_conversations([good, Conversation("bad", "x", [ChatMessage("user", "\ud800")])])
    assert manager.count_sessions() == 0
