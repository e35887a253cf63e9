"""Clean-up: empty sessions go, forgotten ones are archived, nothing that anybody wrote or starred is lost."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest

from ithaca import ChatMessage, Conversation, InvalidArgument, SessionManager
from ithaca.operations import changes
from tests.support.factories import make_sessions, store_session, texts
from tests.support.managers import FakeClock, Opener, execute


def left(manager: SessionManager) -> dict[str, bool]:
    """The sessions that are there, and which are archived."""
    return {session.id: session.archived for session in manager.list_sessions()}


def test_empty_sessions_go_when_they_are_old_enough(timed: SessionManager, clock: FakeClock) -> None:
    timed.create_session("old")
    timed.mark_important(timed.create_session("starred").id)
    timed.archive_session(timed.create_session("archived").id)
    store_session(timed, 1, "with a message")
    clock.move(hours=1)
    timed.create_session("exactly young")
    clock.move(microseconds=1)
    assert timed.cleanup_empty_sessions() == {"deleted_empty": 2, "archived_old": 0, "total_checked": 5}
    assert set(left(timed)) == {"starred", "with a message", "exactly young"}
    assert timed.cleanup_empty_sessions() == {"deleted_empty": 0, "archived_old": 0, "total_checked": 3}


def test_reading_and_changing_keep_a_session_from_being_archived(open_manager: Opener, clock: FakeClock) -> None:
    manager = open_manager(clock=clock)
    for id in ("forgotten", "starred", "changed", "read", "paged", "streamed"):
        store_session(manager, 1, id)
    manager.mark_important("starred")
    clock.move(days=29)
    manager.rename_session("changed", "renamed")
    manager.get_session("read", last=0)
    manager.get_messages("paged")
    list(manager.iter_messages("streamed"))
    manager.list_sessions()
    manager.close()  # what reading left to do is done
    clock.move(days=2)
    again = open_manager(clock=clock)
    assert again.cleanup_empty_sessions() == {"deleted_empty": 0, "archived_old": 1, "total_checked": 6}
    assert [id for id, archived in left(again).items() if archived] == ["forgotten"]
    assert again.get_session("forgotten").message_count == 1


def test_ages_can_be_chosen(timed: SessionManager, clock: FakeClock) -> None:
    store_session(timed, 0, "empty")
    store_session(timed, 1, "used")
    clock.move(minutes=10)
    assert timed.cleanup_empty_sessions(auto_archive_days=0.5, min_age_hours=0.5)["total_checked"] == 2
    assert left(timed) == {"empty": False, "used": False}
    assert timed.cleanup_empty_sessions(0.001, 0.1) == {"deleted_empty": 1, "archived_old": 1, "total_checked": 2}
    assert left(timed) == {"used": True}


def test_bad_ages_are_refused(manager: SessionManager) -> None:
    store_session(manager)
    for age in (-1, float("nan"), float("inf"), "1", None, True):
        for field in ("auto_archive_days", "min_age_hours"):
            with pytest.raises(InvalidArgument, match=field):
                manager.cleanup_empty_sessions(**{field: age})
    assert manager.count_sessions() == 1


def test_a_dry_run_counts_and_changes_nothing(timed: SessionManager, clock: FakeClock) -> None:
    store_session(timed, 0, "empty")
    store_session(timed, 1, "used")
    clock.move(days=31)
    before = timed.list_sessions().items
    told = timed.cleanup_empty_sessions(dry_run=True)
    assert timed.list_sessions().items == before
    assert told == timed.cleanup_empty_sessions() == {"deleted_empty": 1, "archived_old": 1, "total_checked": 2}


NAIVE = datetime(2026, 1, 1, 12)  # noqa: DTZ001
AWARE = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=-5)))


def test_naive_aware_and_missing_times_are_all_looked_at(timed: SessionManager) -> None:
    times = {"naive": NAIVE, "aware": AWARE, "missing": None}
    make_sessions(
        timed,
        [
            Conversation(
                f"{kind} {what}",
                "x",
                texts(count),
                created_at=time,
                updated_at=time,
                last_accessed=time,
                last_message_at=time if count else None,
            )
            for kind, time in times.items()
            for what, count in (("empty", 0), ("used", 1))
        ],
    )
    stored = {session.id: session for session in timed.list_sessions()}
    assert (stored["aware used"].created_at, stored["aware used"].last_message_at) == (AWARE, AWARE)
    assert stored["naive used"].last_accessed == NAIVE.replace(tzinfo=UTC)
    told = timed.cleanup_empty_sessions()
    assert (told["deleted_empty"], told["archived_old"], told["total_checked"]) == (2, 2, 6)
    assert left(timed) == {
        "naive used": True,
        "aware used": True,
        "missing empty": False,
        "missing used": False,
    }


def test_a_session_with_messages_is_never_deleted_whatever_its_count_says(
    timed: SessionManager, clock: FakeClock, database_url: str
) -> None:
    store_session(timed, 3, "s-1")
    execute(database_url, "UPDATE sessions SET message_count = 0")
    clock.move(days=1)
    assert timed.cleanup_empty_sessions()["deleted_empty"] == 0
    assert [problem.name for problem in timed.verify()] == ["message_count"]
    execute(database_url, "UPDATE sessions SET message_count = 3")


def test_a_document_outlives_an_empty_session(timed: SessionManager, clock: FakeClock) -> None:
    for owner in ("a", "b"):
        owned = timed.for_owner(owner)
        owned.create_session("empty")
        owned.create_document("Map", "sirens", session_id="empty", document_id="d-1")
    clock.move(hours=2)
    assert timed.cleanup_empty_sessions()["deleted_empty"] == 2
    documents = [timed.for_owner(owner).get_document("d-1") for owner in ("a", "b")]
    assert [(document.session_id, document.content) for document in documents] == [(None, "sirens")] * 2


def test_a_session_that_got_a_message_meanwhile_stays(
    timed: SessionManager, other: SessionManager, clock: FakeClock
) -> None:
    id = store_session(timed)
    clock.move(hours=2)
    assert timed.cleanup_empty_sessions(dry_run=True)["deleted_empty"] == 1
    other.add_message(id, ChatMessage("user", "x"))
    assert timed.cleanup_empty_sessions()["deleted_empty"] == 0


def test_what_changes_while_clean_up_waits_for_it_stays_and_nothing_is_told_of_it(postgres_url: str) -> None:
    clock = FakeClock()
    with SessionManager(postgres_url, clock=clock) as manager, psycopg.connect(postgres_url) as changing:
        for id, messages in (("written to", 0), ("empty", 0), ("read", 1), ("forgotten", 1)):
            store_session(manager, messages, id)
        clock.move(days=40)
        start = manager.latest_cursor()
        changing.execute("UPDATE sessions SET message_count = 1, last_accessed = 9e15 WHERE id = 'written to'")
        changing.execute("UPDATE sessions SET last_accessed = 9e15 WHERE id = 'read'")
        done: list[dict[str, int]] = []
        cleaning = threading.Thread(target=lambda: done.append(manager.cleanup_empty_sessions()))
        cleaning.start()
        while not execute(postgres_url, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            cleaning.join(0.01)
        changing.commit()
        cleaning.join()
        assert done == [{"deleted_empty": 1, "archived_old": 1, "total_checked": 4}]
        told = [(change.session_id, change.kind) for change in manager.watch(after=start, timeout=0)]
        assert sorted(told) == [("empty", "deleted"), ("forgotten", "archived")]
        assert left(manager) == {"written to": False, "read": False, "forgotten": True}


def test_any_number_of_sessions_of_many_owners_is_cleaned_up_as_one(timed: SessionManager, clock: FakeClock) -> None:
    """More than are taken care of at a time."""
    owners, each = ("a", "b", "c"), 3 * changes.STEP // 4
    chats = [(owner, count, n) for owner in owners for count in (0, 1) for n in range(each)]
    make_sessions(timed, [Conversation(f"{count}-{n}", "x", texts(count), owner=owner) for owner, count, n in chats])
    clock.move(days=40)
    timed.create_session("young", owner="c")
    start = timed.latest_cursor()
    told = timed.cleanup_empty_sessions()
    assert told == {"deleted_empty": 3 * each, "archived_old": 3 * each, "total_checked": len(chats) + 1}
    assert [(entry.owner, entry.sessions) for entry in timed.trash()] == [(owner, each) for owner in reversed(owners)]
    assert Counter(change.kind for change in timed.watch(after=start, timeout=0)) == {
        "deleted": 3 * each,
        "archived": 3 * each,
    }
    assert timed.count_sessions(archived=True) == 3 * each
    assert timed.count_sessions(archived=False) == 1
