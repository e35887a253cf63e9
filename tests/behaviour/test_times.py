"""Times: UTC to the microsecond; reading is no change, and never waits for a writer."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import apsw
import psycopg
import pytest

from ithaca import ChatMessage, SessionManager
from ithaca.storage import is_postgres, sqlite_path
from tests.support.clocks import before_long
from tests.support.factories import history, make_session, store_session
from tests.support.managers import FakeClock, Opener, execute

EXTREMES = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 3, 29, 2, 30, 0, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]


def test_times_are_utc_and_exact_to_the_microsecond(manager: SessionManager) -> None:
    id = make_session(manager, [ChatMessage("user", "x", created_at=time) for time in EXTREMES]).id
    stored = [message.created_at for message in manager.get_session(id).history]
    assert stored == EXTREMES
    assert {time.tzinfo for time in stored} == {UTC}


def test_times_of_any_zone_are_the_same_moment_and_naive_ones_are_utc(manager: SessionManager) -> None:
    given = [
        datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(2026, 1, 1, 12),  # noqa: DTZ001
    ]
    id = make_session(manager, [ChatMessage("user", "x", created_at=time) for time in given]).id
    printed = [message.to_dict()["created_at"] for message in manager.get_session(id).history]
    assert printed == ["2026-01-01T06:15:00.000000Z", "2026-01-01T12:00:00.000000Z"]


def test_a_given_time_orders_nothing(timed: SessionManager, clock: FakeClock) -> None:
    later = clock.time + timedelta(days=1)
    given = [ChatMessage("user", "1", created_at=later), ChatMessage("user", "2", created_at=EXTREMES[0])]
    session = make_session(timed, given)
    assert history(timed, session.id) == ["1", "2"]
    assert session.last_message_at == later


def test_only_a_new_message_moves_the_time_of_the_last(timed: SessionManager, clock: FakeClock) -> None:
    session = make_session(timed, 3)
    said_at = clock.time
    clock.move(minutes=1)
    timed.rename_session(session.id, "renamed")
    timed.edit_message(session.id, session.history[0].id, "edited")
    timed.delete_messages(session.id, [session.history[2].id])
    timed.truncate_messages(session.id, 1)
    timed.archive_session(session.id)
    after = timed.get_session(session.id, last=0)
    assert (after.last_message_at, after.updated_at, after.last_accessed) == (said_at, clock.time, clock.time)
    clock.move(minutes=1)
    timed.add_message(session.id, ChatMessage("user", "x"))
    assert timed.get_session(session.id, last=0).last_message_at == clock.time


def row(url: str) -> tuple[Any, ...]:
    """What a session's row says of its times and its revision, in microseconds; asked past Ithaca."""
    return execute(url, "SELECT last_accessed, updated_at, last_message_at, revision FROM sessions")[0]


def test_reading_is_noted_at_most_once_an_hour_and_nothing_else_moves(
    open_manager: Opener, clock: FakeClock, database_url: str
) -> None:
    start = clock()
    store_session(open_manager(clock=clock), 1, "s-1")
    for minutes, noted in ((59, 0), (2, 61), (30, 61), (29, 61), (2, 122), (120, 242)):
        clock.move(minutes=minutes)
        reader = open_manager(clock=clock)
        reader.get_session("s-1")
        reader.get_messages("s-1")
        reader.close()
        expected = (start + noted * 60_000_000, start, start, 2)
        assert before_long(lambda: row(database_url), expected) == expected


def test_one_manager_notes_a_reading_an_hour_after_the_last_use(
    open_manager: Opener, clock: FakeClock, database_url: str
) -> None:
    start = clock()
    store_session(open_manager(clock=clock), 1, "s-1")
    reader = open_manager(clock=clock)
    for minutes, noted in ((59, 0), (2, 61), (59, 61), (2, 122)):
        clock.move(minutes=minutes)
        reader.get_messages("s-1")
        assert before_long(lambda: row(database_url)[0], start + noted * 60_000_000) == start + noted * 60_000_000


def test_each_way_of_reading_is_noted(open_manager: Opener, clock: FakeClock, database_url: str) -> None:
    store_session(open_manager(clock=clock), [ChatMessage("user", "x", id="m-1")], "s-1")
    reads = {
        "get_session": lambda m: m.get_session("s-1"),
        "last": lambda m: m.get_session("s-1", last=0),
        "get_messages": lambda m: m.get_messages("s-1"),
        "get_message": lambda m: m.get_message("s-1", "m-1"),
        "iter_messages": lambda m: list(m.iter_messages("s-1")),
    }
    for name, read in reads.items():
        clock.move(hours=2)
        reader = open_manager(clock=clock)
        read(reader)
        reader.close()
        assert (name, before_long(lambda: row(database_url)[0], clock())) == (name, clock())


@contextmanager
def somebody_writing(url: str) -> Iterator[None]:
    """Another program that has changed every session, and has not committed yet."""
    if is_postgres(url):
        with psycopg.connect(url) as writer:
            writer.execute("UPDATE sessions SET name = 'uncommitted'")
            yield
            writer.rollback()
        return
    file = apsw.Connection(sqlite_path(url))
    file.set_busy_timeout(10_000)
    file.execute("BEGIN IMMEDIATE; UPDATE sessions SET name = 'uncommitted'")
    try:
        yield
    finally:
        file.execute("ROLLBACK")
        file.close()


def test_a_reader_never_waits_for_a_writer(open_manager: Opener, clock: FakeClock, database_url: str) -> None:
    store_session(open_manager(), 3, "s-1", name="committed")
    clock.time = datetime.now(UTC) + timedelta(hours=2)  # so that each reading wants to be noted
    with somebody_writing(database_url):
        for _ in range(2):
            reader = open_manager(clock=clock)
            assert reader.get_session("s-1").name == "committed"
            assert history(reader, "s-1") == ["1", "2", "3"]
            assert len(reader.get_messages("s-1")) == len(list(reader.iter_messages("s-1"))) == 3
            assert [session.name for session in reader.list_sessions()] == ["committed"]
            assert reader.count_sessions() == 1


def test_times_print_with_a_z(timed: SessionManager) -> None:
    printed = make_session(timed, 1).to_dict()
    times = ("created_at", "updated_at", "last_accessed", "last_message_at")
    assert {printed[name] for name in times} == {"2026-03-01T05:00:00.000000Z"}


@pytest.mark.parametrize("seconds", [0.0, 0.000001])
def test_a_clock_that_stands_still_or_hardly_moves_is_no_trouble(
    timed: SessionManager, clock: FakeClock, seconds: float
) -> None:
    ids = []
    for _ in range(5):
        clock.move(seconds=seconds)
        ids.append(make_session(timed, 2).id)
    assert sorted(ids) == sorted(session.id for session in timed.list_sessions())
