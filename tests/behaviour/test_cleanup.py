"""Clean-up: empty sessions go, forgotten ones are archived, nothing that anybody wrote or starred is lost."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ithaca import ChatMessage, Conversation, InvalidArgument, SessionManager
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
