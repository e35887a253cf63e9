"""Cost follows the work, not what is stored: counted in steps and rows, on small histories and on large ones."""

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import apsw
import pytest

from ithaca import ChatMessage, Conversation, Session, SessionManager
from tests.behaviour.meters import SQLiteMeter, postgres_rows_read, sqlite_meter
from tests.support.factories import make_session, make_sessions, store_session, texts
from tests.support.managers import Facade, LoopThread, Opener, execute

#: Calls whose cost must not depend on how long the session is, or how many sessions there are.
CALLS: dict[str, Callable[[SessionManager, Session], object]] = {
    "get_session, bare": lambda m, s: m.get_session(s.id, last=0),
    "get_session, the last 50": lambda m, s: m.get_session(s.id, last=50),
    "get_messages, the newest": lambda m, s: m.get_messages(s.id),
    "get_messages, before": lambda m, s: m.get_messages(s.id, before=100),
    "get_messages, after": lambda m, s: m.get_messages(s.id, after=20),
    "get_message": lambda m, s: m.get_message(s.id, s.history[40].id),
    "add_message": lambda m, s: m.add_message(s.id, ChatMessage("user", "x")),
    "add_message, with an id": lambda m, s: m.add_message(s.id, ChatMessage("user", "x", id="new")),
    "add_message, again": lambda m, s: m.add_message(s.id, ChatMessage("user", "x", id="new")),
    "add_messages": lambda m, s: m.add_messages(s.id, texts(5)),
    "edit_message": lambda m, s: m.edit_message(s.id, s.history[40].id, "edited"),
    "delete_messages": lambda m, s: m.delete_messages(s.id, [s.history[41].id, "nope"]),
    "truncate_messages": lambda m, s: m.truncate_messages(s.id, s.message_count - 10),
    "context": lambda m, s: m.context(s.id, max_tokens=300),
    "context, a model's": lambda m, s: m.context(s.id, max_tokens=300, provider="anthropic").to_anthropic(),
    "context_info": lambda m, s: m.context_info(s.id, max_tokens=300),
    "compact": lambda m, s: m.compact(s.id, "so far", keep_last=20),
    "context, compacted": lambda m, s: m.context(s.id, max_tokens=300),
    "list_compactions": lambda m, s: m.list_compactions(s.id),
    "rename_session": lambda m, s: m.rename_session(s.id, "renamed"),
    "mark_important": lambda m, s: m.mark_important(s.id),
    "create_session": lambda m, _: m.create_session(),
    "list_sessions": lambda m, _: m.list_sessions(limit=20),
    "list_sessions, the next page": lambda m, _: m.list_sessions(limit=20, cursor=m.list_sessions(limit=20).cursor),
    "list_sessions, an owner's": lambda m, _: m.for_owner("").list_sessions(limit=20),
    "list_documents": lambda m, _: m.list_documents(limit=20),
}


LONG_AGO = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture
def meter() -> Iterator[SQLiteMeter]:
    with sqlite_meter() as meter:
        yield meter


@pytest.fixture
def metered(meter: SQLiteMeter, tmp_path: Path, facade: Facade, loop_thread: LoopThread) -> Iterator[SessionManager]:
    """A manager on SQLite, whose work the meter counts."""
    opener = Opener(f"{tmp_path}/metered.db", facade, loop_thread)
    yield opener()
    opener.close()


def filled(manager: SessionManager, sessions: int, messages: int) -> Session:
    """A session of so many messages, among so many others; one was active each minute."""
    times = [LONG_AGO + timedelta(minutes=n) for n in range(sessions)]
    make_sessions(
        manager, [Conversation(f"s-{sessions}-{n}", "ship", texts(1), last_message_at=at) for n, at in enumerate(times)]
    )
    return make_session(manager, messages)


def test_the_steps_of_a_call_do_not_grow_with_what_is_stored(metered: SessionManager, meter: SQLiteMeter) -> None:
    few = steps_of_calls(metered, meter, filled(metered, 60, 200))
    many = steps_of_calls(metered, meter, filled(metered, 600, 4_000))
    assert {name: (few[name], many[name]) for name in CALLS if many[name] > few[name] * 1.2 + 100} == {}


def steps_of_calls(manager: SessionManager, meter: SQLiteMeter, session: Session) -> dict[str, int]:
    return {name: meter.steps_of(partial(call, manager, session)) for name, call in CALLS.items()}


def test_no_statement_is_planned_anew_for_each_number(metered: SessionManager, meter: SQLiteMeter) -> None:
    metered.create_session()
    metered.list_sessions()
    settings = [db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) for db in meter.connections]
    assert len(settings) > 1
    assert all(settings)


def test_no_call_reads_a_whole_history_on_postgresql(postgres_url: str) -> None:
    with SessionManager(postgres_url) as manager:
        session = filled(manager, 300, 2_000)

    def work(call: Callable[[SessionManager, Session], object]) -> None:
        with SessionManager(postgres_url) as manager:
            call(manager, session)

    read = {name: postgres_rows_read(postgres_url, partial(work, call)) for name, call in CALLS.items()}
    assert {name: rows["messages"] for name, rows in read.items() if rows.get("messages", 0) > 100} == {}


WAYS_BACK: dict[str, Callable[[SessionManager, Session], object]] = {
    "undo": lambda m, s: m.undo(s.id),
    "switch_version": lambda m, s: m.switch_version(s.id, str(s.history[1_000].id)),
}


@pytest.mark.parametrize("way", WAYS_BACK)
def test_what_comes_back_is_read_once_for_an_owner_without_statistics(way: str, postgres_url: str) -> None:
    with SessionManager(postgres_url) as manager:
        make_session(manager, 20, owner="known")
        manager.truncate_messages(make_session(manager, 20, owner="known").id, 1)
        execute(postgres_url, "ANALYZE")
        session = make_session(manager, 2_000, owner="new")
        manager.fork_session(session.id)
        if way == "undo":
            manager.truncate_messages(session.id, 1_000)
        else:
            manager.edit_message(session.id, session.history[1_000].id, "edited", branch=True)

    def work() -> None:
        with SessionManager(postgres_url) as manager:
            WAYS_BACK[way](manager, session)

    read = postgres_rows_read(postgres_url, work)
    assert {table: count for table, count in read.items() if count > 10_000} == {}


def test_opening_reads_nothing_of_what_is_stored(meter: SQLiteMeter, tmp_path: Path) -> None:
    path = f"{tmp_path}/ithaca.db"
    with SessionManager(path) as manager:
        empty = meter.steps_of(SessionManager(path).close)
        filled(manager, 500, 1_000)
    assert meter.steps_of(SessionManager(path).close) <= empty
    assert not any("FROM sessions" in sql or "FROM messages" in sql for sql in meter.statements)


def test_opening_reads_nothing_of_what_is_stored_on_postgresql(postgres_url: str) -> None:
    with SessionManager(postgres_url) as manager:
        filled(manager, 500, 1_000)
    read = postgres_rows_read(postgres_url, lambda: SessionManager(postgres_url).close())
    assert set(read) <= {"ithaca_schema"}


def test_adding_commits_once(metered: SessionManager, meter: SQLiteMeter) -> None:
    session_id = store_session(metered)  # a reading is noted later, by a commit of its own
    for batch in (texts(1), texts(50)):
        meter.reset()
        metered.add_messages(session_id, batch)
        assert meter.statements["COMMIT"] == 1


def test_removing_brings_no_rows_into_memory(metered: SessionManager, meter: SQLiteMeter) -> None:
    session = filled(metered, 300, 3_000)
    for remove in (
        lambda: metered.truncate_messages(session.id, 500),
        lambda: metered.truncate_messages(session.id, 0),
        lambda: metered.delete_session("s-300-1"),
        lambda: metered.delete_session(session.id),
        lambda: metered.cleanup_empty_sessions(0, 0),
    ):
        meter.reset()
        remove()
        assert meter.rows < 20


def test_a_clean_up_takes_the_same_few_statements_for_any_number_of_sessions(
    metered: SessionManager, meter: SQLiteMeter
) -> None:
    counts = []
    for sessions in (2, 200):
        make_sessions(metered, [Conversation(f"{sessions}-{n}", "empty") for n in range(sessions)])
        meter.reset()
        assert metered.cleanup_empty_sessions(30, 0)["deleted_empty"] == sessions
        counts.append(meter.statements.total())
    assert counts[0] == counts[1]


def test_what_goes_to_the_trash_takes_few_statements(metered: SessionManager, meter: SQLiteMeter) -> None:
    session = make_session(metered, 20)
    for remove in (
        lambda: metered.truncate_messages(session.id, 15),
        lambda: metered.delete_messages(session.id, [session.history[3].id]),
        lambda: metered.edit_message(session.id, session.history[4].id, "edited"),
    ):
        meter.reset()
        remove()
        assert meter.statements.total() <= 10, meter.statements


def test_undoing_looks_at_the_last_operation_only(metered: SessionManager, meter: SQLiteMeter) -> None:
    session = make_session(metered, 20)
    steps = []
    for edits in (2, 200):
        for number in range(edits):
            metered.edit_message(session.id, session.history[4].id, f"edited {number}")
        steps.append(meter.steps_of(lambda: metered.undo(session.id)))
    assert steps[1] <= steps[0] * 1.2


def test_the_trash_of_a_session_is_found_among_an_owners(metered: SessionManager, meter: SQLiteMeter) -> None:
    session, other = make_session(metered, 20, owner="ann"), make_session(metered, 20, owner="ann")
    metered.truncate_messages(session.id, 15)
    kept = Conversation(session.id, "as before", [*session.history[:15], ChatMessage("user", "x", id="x")], owner="ann")
    ways: dict[str, Callable[[], object]] = {
        "listed": lambda: metered.for_owner("ann").trash(session_id=session.id),
        "imported": lambda: metered.import_conversations([kept]),
        "purged": lambda: metered.purge(metered.for_owner("ann").trash(session_id=session.id)[0].id),
    }
    steps = []
    for edits in (2, 200):
        for number in range(edits):
            metered.edit_message(other.id, other.history[4].id, f"edited {number}")
        metered.compact(session.id, "so far", keep_last=2)
        metered.truncate_messages(session.id, 13)
        steps.append({name: meter.steps_of(way) for name, way in ways.items()})
    assert {name: (steps[0][name], steps[1][name]) for name in ways if steps[1][name] > steps[0][name] * 1.2 + 50} == {}


def test_the_trash_is_listed_past_no_versions(metered: SessionManager, meter: SQLiteMeter) -> None:
    session = make_session(metered, 20)
    metered.truncate_messages(session.id, 15)
    steps = []
    for versions in (2, 200):
        for number in range(versions):
            metered.switch_version(session.id, session.history[14].id)
            metered.add_version(session.id, session.history[14].id, ChatMessage("user", f"version {number}"))
        steps.append(meter.steps_of(lambda: metered.trash(limit=1)))
    assert steps[1] <= steps[0] * 1.2


def test_a_clean_up_takes_little_memory_whatever_it_finds(metered: SessionManager) -> None:
    make_sessions(metered, [Conversation(f"s-{n}", f"Empty {n}") for n in range(6_000)])
    apsw.memory_high_water(reset=True)
    before = apsw.memory_used()
    assert metered.cleanup_empty_sessions(30, 0)["deleted_empty"] == 6_000
    assert apsw.memory_high_water() - before < 3_000_000


def test_a_long_history_streams_in_constant_memory(metered: SessionManager) -> None:
    message = "x" * 2_000
    session = make_session(metered, [ChatMessage("user", message) for _ in range(5_000)])
    tracemalloc.start()
    try:
        assert sum(1 for _ in metered.iter_messages(session.id)) == 5_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000 < 5_000 * len(message)
