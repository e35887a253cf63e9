"""Retention: what nobody used for long is archived or goes, unless something keeps it; in batches, with a way back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ithaca import (
    ChatMessage,
    InvalidArgument,
    LegalHold,
    RetentionNotFound,
    SessionManager,
    TrashNotFound,
)
from tests.support.factories import history, store_session
from tests.support.managers import FakeClock, Opener, execute

DAY = timedelta(days=1)


def left(manager: SessionManager) -> dict[str, bool]:
    """The sessions that are there, and which are archived."""
    return {session.id: session.archived for session in manager.list_sessions()}


def fill(manager: SessionManager, *ids: str, messages: int = 1, **fields: Any) -> None:
    for id in ids:
        store_session(manager, messages, id, **fields)


def counts(report: Any) -> dict[str, int]:
    """The sums of a report that are not 0."""
    return {name: value for name, value in report.to_dict().items() if name != "outcomes" and value}


def test_a_policy_comes_back_as_it_was_set(timed: SessionManager, clock: FakeClock) -> None:
    policy = timed.set_retention(
        owner="ann", folder="work", archive_after=30, delete_after=timedelta(days=365), keep_newest=3
    )
    assert policy.to_dict() == {
        "owner": "ann",
        "folder": "work",
        "archive_after": 30.0,
        "delete_after": 365.0,
        "keep_starred": True,
        "keep_newest": 3,
        "legal_hold": False,
        "updated_at": "2026-03-01T05:00:00.000000Z",
    }
    clock.move(days=1)
    default = timed.set_retention(owner="ann", delete_after=0.5, keep_starred=False)
    assert (default.folder, default.archive_after, default.delete_after) == (None, None, timedelta(hours=12))
    assert timed.list_retention() == [default, policy]
    changed = timed.set_retention(owner="ann", folder="work")
    assert (changed.archive_after, changed.keep_newest, changed.updated_at) == (None, 0, clock.time)
    assert timed.list_retention(owner="bob") == []
    assert timed.list_retention(owner="ann") == [default, changed]


def test_a_policy_is_deleted_once(manager: SessionManager) -> None:
    manager.set_retention(folder="work", archive_after=1)
    manager.delete_retention(folder="work")
    with pytest.raises(RetentionNotFound) as error:
        manager.delete_retention(folder="work")
    assert (error.value.owner, error.value.folder) == ("", "work")
    assert manager.list_retention() == []


def test_what_is_not_used_is_archived_and_then_deleted(timed: SessionManager, clock: FakeClock) -> None:
    timed.set_retention(archive_after=30, delete_after=90)
    fill(timed, "s-1")
    clock.move(days=30)
    assert counts(timed.apply_retention()) == {}
    clock.move(microseconds=1)
    (before,) = timed.list_sessions()
    assert counts(timed.apply_retention()) == {"archived": 1}
    (after,) = timed.list_sessions()
    assert (after.archived, after.revision, after.updated_at) == (True, before.revision + 1, clock.time)
    clock.move(days=60)
    assert counts(timed.apply_retention()) == {"deleted": 1}


def test_using_is_changing_reading_and_writing(open_manager: Opener, clock: FakeClock) -> None:
    manager = open_manager(clock=clock)
    manager.set_retention(delete_after=30)
    fill(manager, "forgotten", "read", "renamed", "written")
    clock.move(days=20)
    manager.get_session("read")
    manager.rename_session("renamed", "x")
    manager.add_message("written", ChatMessage("user", "x"))
    manager.close()  # what reading left to do is done
    clock.move(days=20)
    again = open_manager(clock=clock)
    assert again.apply_retention().deleted == 1
    assert set(left(again)) == {"read", "renamed", "written"}


def test_a_folder_has_its_own_policy_or_its_owners(timed: SessionManager, clock: FakeClock) -> None:
    timed.set_retention(owner="ann", delete_after=10)
    timed.set_retention(owner="ann", folder="keep")
    timed.set_retention(owner="ann", folder="quick", archive_after=1)
    timed.set_retention(owner="bob", folder="quick", delete_after=1)
    fill(timed, "a-keep", folder="keep", owner="ann")
    fill(timed, "a-quick", folder="quick", owner="ann")
    fill(timed, "a-other", folder="other", owner="ann")
    fill(timed, "a-none", owner="ann")
    fill(timed, "b-none", owner="bob")
    fill(timed, "nobody's")
    clock.move(days=11)
    report = timed.apply_retention()
    assert left(timed) == {"a-keep": False, "a-quick": True, "b-none": False, "nobody's": False}
    told = {(o.policy.owner, o.policy.folder): (o.archived, o.deleted) for o in report.outcomes}
    assert told == {("ann", None): (0, 2), ("ann", "keep"): (0, 0), ("ann", "quick"): (1, 0), ("bob", "quick"): (0, 0)}


def test_starred_and_newest_sessions_are_kept(timed: SessionManager, clock: FakeClock) -> None:
    for number in range(6):
        fill(timed, f"s-{number}")
        clock.move(minutes=1)
    timed.mark_important("s-0")
    timed.mark_important("s-5")
    clock.move(days=2)
    timed.set_retention(delete_after=1, keep_newest=2)
    assert counts(timed.apply_retention()) == {"deleted": 3, "kept_starred": 2, "kept_newest": 1}
    assert set(left(timed)) == {"s-0", "s-4", "s-5"}
    timed.set_retention(delete_after=1, keep_starred=False, keep_newest=2)
    assert counts(timed.apply_retention()) == {"deleted": 1, "kept_newest": 2}
    timed.set_retention(delete_after=1, keep_starred=False, keep_newest=3)
    assert counts(timed.apply_retention()) == {"kept_newest": 2}
    timed.set_retention(delete_after=1, keep_starred=False)
    assert counts(timed.apply_retention()) == {"deleted": 2}


def test_a_dry_run_tells_what_would_be_done(timed: SessionManager, clock: FakeClock) -> None:
    timed.set_retention(archive_after=5, delete_after=10)
    fill(timed, "old")
    fill(timed, "gone")
    timed.delete_session("gone")
    clock.move(days=7)
    fill(timed, "new")
    clock.move(days=4)
    fill(timed, "newest")
    clock.move(days=20)
    before = timed.list_sessions().items, timed.trash().items
    told = timed.apply_retention(dry_run=True)
    assert (timed.list_sessions().items, timed.trash().items) == before
    assert told == timed.apply_retention()
    assert counts(told) == {"deleted": 3, "purged": 1}


def test_batches_are_transactions_of_their_own_and_come_back(timed: SessionManager, clock: FakeClock) -> None:
    timed.set_retention(owner="ann", delete_after=1)
    timed.set_retention(owner="bob", archive_after=1)
    fill(timed, *(f"a-{n}" for n in range(7)), messages=2, owner="ann")
    fill(timed, *(f"b-{n}" for n in range(4)), owner="bob")
    timed.create_document("Map", "sirens", session_id="a-0", document_id="d-1", owner="ann")
    clock.move(days=2)
    assert counts(timed.apply_retention(batch=3)) == {"archived": 4, "deleted": 7}
    entries = timed.trash(owner="ann").items
    assert sorted((entry.kind, entry.sessions, entry.messages) for entry in entries) == [
        ("retention", 1, 2),
        ("retention", 3, 6),
        ("retention", 3, 6),
    ]
    assert timed.get_document("d-1").session_id is None
    assert timed.undo("a-0").messages == 2
    assert timed.get_document("d-1").session_id == "a-0"
    for entry in timed.trash(owner="ann"):
        timed.restore(entry.id)
    assert {id: len(history(timed, id)) for id in left(timed.for_owner("ann"))} == {f"a-{n}": 2 for n in range(7)}


def test_it_all_goes_on_where_it_was_interrupted(timed: SessionManager, clock: FakeClock) -> None:
    timed.set_retention(delete_after=1)
    fill(timed, "s-1", "s-2")
    clock.move(days=2)
    assert timed.apply_retention(batch=1).deleted == 2
    assert timed.apply_retention(batch=1).deleted == 0


def test_the_trash_is_purged_when_its_time_is_up(timed: SessionManager, clock: FakeClock) -> None:
    fill(timed, "s-1", messages=2)
    timed.truncate_messages("s-1", 1)
    clock.move(days=29)
    assert counts(timed.apply_retention()) == {}
    clock.move(days=2)
    assert counts(timed.apply_retention()) == {"purged": 1}
    assert timed.trash().items == []
    assert left(timed) == {"s-1": False}


def test_an_owner_applies_only_what_is_that_owners(timed: SessionManager, clock: FakeClock) -> None:
    ann, bob = timed.for_owner("ann"), timed.for_owner("bob")
    for owned in (ann, bob):
        fill(owned, "s-1", "s-2")
        owned.delete_session("s-2")
        owned.set_retention(delete_after=10)
    clock.move(days=40)
    assert [policy.owner for policy in ann.list_retention()] == ["ann"]
    assert ann.list_retention(owner="bob") == []
    assert counts(ann.apply_retention()) == {"deleted": 1, "purged": 1}
    assert (left(ann), left(bob)) == ({}, {"s-1": False})
    assert [len(owned.trash().items) for owned in (ann, bob)] == [1, 1]
    with pytest.raises(InvalidArgument, match="owner"):
        ann.set_retention(owner="bob", delete_after=1)
    with pytest.raises(InvalidArgument, match="owner"):
        ann.delete_retention(owner="bob")
    assert len(timed.list_retention()) == 2


def test_a_policy_that_contradicts_itself_is_found(manager: SessionManager, database_url: str) -> None:
    manager.set_retention(folder="work", archive_after=0, delete_after=1)
    execute(database_url, "UPDATE retention_policies SET delete_after = archive_after")
    assert [(problem.name, problem.id) for problem in manager.verify()] == [("retention", "work")]
    execute(database_url, "UPDATE retention_policies SET delete_after = 1")


# Legal holds


@pytest.fixture
def held(timed: SessionManager, clock: FakeClock) -> SessionManager:
    """Ann's and Bob's old sessions, in a folder and not, empty and not; all that Ann has is on hold."""
    for owner in ("ann", "bob"):
        owned = timed.for_owner(owner)
        fill(owned, f"{owner}-1")
        fill(owned, f"{owner}-2", folder="work")
        fill(owned, f"{owner}-empty", messages=0)
        fill(owned, f"{owner}-deleted")
        owned.delete_session(f"{owner}-deleted")
        owned.set_retention(delete_after=50)
        owned.set_retention(folder="work", archive_after=50)
    timed.set_retention(owner="ann", delete_after=50, legal_hold=True)
    clock.move(days=60)
    return timed


def test_nothing_on_hold_is_archived_deleted_or_purged(held: SessionManager) -> None:
    before = everything_of(held, "ann")
    assert counts(held.apply_retention(dry_run=True)) == {
        "archived": 1, "deleted": 2, "held": 3, "purged": 1, "purged_not": 1,
    }  # fmt: skip
    assert held.cleanup_empty_sessions() == {"deleted_empty": 1, "archived_old": 2, "total_checked": 6}
    assert counts(held.apply_retention()) == {"deleted": 1, "held": 3, "purged": 1, "purged_not": 1}
    assert held.purge(older_than=0 * DAY).counts["trashed_sessions"] == 2
    assert everything_of(held, "ann") == before
    assert left(held.for_owner("bob")) == {"bob-2": True}


def everything_of(manager: SessionManager, owner: str) -> tuple[Any, Any]:
    return manager.list_sessions(owner=owner).items, manager.trash(owner=owner).items


REMOVALS: list[Callable[[SessionManager, str], object]] = [
    lambda m, id: m.purge(id),
    lambda m, _: m.erase_owner("ann"),
]
CONFINED_REMOVALS: list[Callable[[SessionManager, str], object]] = [
    *REMOVALS,
    lambda m, _: m.purge(),
    lambda m, _: m.purge(older_than=DAY),
]


def test_what_is_on_hold_cannot_be_erased(held: SessionManager) -> None:
    before = everything_of(held, "ann")
    entry = before[1][0].id
    for manager, removals in ((held, REMOVALS), (held.for_owner("ann"), CONFINED_REMOVALS)):
        for removal in removals:
            with pytest.raises(LegalHold) as error:
                removal(manager, entry)
            assert error.value.owner == "ann"
    assert everything_of(held, "ann") == before
    assert held.for_owner("bob").purge().counts
    with pytest.raises(TrashNotFound):
        held.for_owner("bob").purge(entry)
    held.set_retention(owner="ann", legal_hold=False)
    assert held.purge(entry).counts["trashed_sessions"] == 1
    assert held.erase_owner("ann").counts["sessions"] == 3


def test_a_hold_on_a_folder_keeps_its_sessions(timed: SessionManager, clock: FakeClock) -> None:
    fill(timed, "s-1", "s-2")
    fill(timed, "case", folder="case")
    fill(timed, "case empty", folder="case", messages=0)
    timed.set_retention(delete_after=1)
    timed.set_retention(folder="case", delete_after=1, legal_hold=True)
    clock.move(days=60)
    assert timed.cleanup_empty_sessions()["deleted_empty"] == 0
    assert counts(timed.apply_retention()) == {"deleted": 2, "held": 2}
    assert left(timed) == {"case": False, "case empty": False}
    clock.move(days=60)
    assert counts(timed.apply_retention()) == {"held": 2, "purged_not": 1}
    with pytest.raises(LegalHold):
        timed.erase_owner("")


def test_a_hold_is_only_lifted_in_so_many_words(held: SessionManager) -> None:
    held.set_retention(owner="ann", delete_after=1)
    assert held.list_retention(owner="ann")[0].legal_hold is True
    with pytest.raises(LegalHold):
        held.delete_retention(owner="ann")
    held.set_retention(owner="ann", legal_hold=False)
    held.delete_retention(owner="ann")
    assert [policy.folder for policy in held.list_retention(owner="ann")] == ["work"]


def test_an_owner_can_neither_put_nor_lift_a_hold(held: SessionManager) -> None:
    ann, bob = held.for_owner("ann"), held.for_owner("bob")
    for owned, hold in ((ann, False), (bob, True)):
        with pytest.raises(InvalidArgument, match="legal_hold"):
            owned.set_retention(delete_after=1, legal_hold=hold)
    ann.set_retention(delete_after=1)
    bob.set_retention(delete_after=1, legal_hold=False)
    assert [policy.legal_hold for policy in held.list_retention()] == [True, False, False, False]


def test_holds_do_not_keep_anybody_from_working(held: SessionManager) -> None:
    ann = held.for_owner("ann")
    ann.add_message("ann-1", ChatMessage("user", "x"))
    ann.truncate_messages("ann-1", 0)
    ann.delete_session("ann-1")
    assert ann.undo("ann-1").sessions == 1
    assert ann.undo("ann-1").messages == 2


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("archive_after", [-1, "1", True, float("nan"), float("inf"), -DAY, timedelta.max, 10**9]),
        ("delete_after", [-1, "1", True, float("nan"), float("inf"), -DAY, timedelta.max, 10**9]),
        ("keep_newest", [-1, 1.5, "1", None, True]),
        ("keep_starred", [None, 1, "yes"]),
        ("legal_hold", [None, 1, "yes"]),
        ("folder", [5, "\0", "x" * 5000]),
        ("owner", [5, "\0"]),
    ],
)
def test_a_bad_policy_is_refused(manager: SessionManager, field: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidArgument) as error:
            manager.set_retention(**{field: value})
        assert error.value.field == field
    assert manager.list_retention() == []


def test_what_would_be_deleted_before_it_is_archived_is_refused(manager: SessionManager) -> None:
    for delete_after in (1, DAY, 30):
        with pytest.raises(InvalidArgument, match="longer than archive_after"):
            manager.set_retention(archive_after=30, delete_after=delete_after)


def test_a_bad_batch_is_refused(manager: SessionManager) -> None:
    for batch in (0, -1, 1.5, "1", True, 10**6):
        with pytest.raises(InvalidArgument, match="batch"):
            manager.apply_retention(batch=batch)  # type: ignore[arg-type]


def test_very_long_ages_are_no_trouble(timed: SessionManager) -> None:
    fill(timed, "s-1")
    timed.set_retention(archive_after=900_000, delete_after=1_000_000, keep_newest=2**70)
    assert counts(timed.apply_retention()) == {}
