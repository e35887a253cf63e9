"""What is removed can be listed, and comes back in order and in place, until it is purged."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ithaca import (
    AmbiguousId,
    ChatMessage,
    DocumentExists,
    InvalidArgument,
    NothingToUndo,
    Restored,
    RevisionConflict,
    SessionExists,
    SessionManager,
    SessionNotFound,
    Settings,
    TrashNotFound,
)
from tests.support.factories import history, make_session, numbers, said, texts
from tests.support.managers import FakeClock, Opener


def named(*ids: str) -> list[ChatMessage]:
    """Messages that say their ids."""
    return [ChatMessage("user", id, id=id) for id in ids]


def kinds(manager: SessionManager, **which: Any) -> list[str]:
    return [entry.kind for entry in manager.trash(**which)]


#: Every way to remove or change messages of the session s-1 with the messages a, b, c → what it leaves, and how many
#: it moves to the trash.
REMOVALS: dict[str, tuple[Callable[[SessionManager], object], list[Any], int]] = {
    "truncate messages": (lambda m: m.truncate_messages("s-1", 1), ["a"], 2),
    "delete messages": (lambda m: m.delete_messages("s-1", ["a", "c"]), ["b"], 2),
    "edit message": (lambda m: m.edit_message("s-1", "b", "B"), ["a", "B", "c"], 1),
    "replace messages": (lambda m: m.replace_messages("s-1", named("a", "x", "c")), ["a", "x", "c"], 2),
}


@pytest.mark.parametrize("kind", REMOVALS)
def test_undo_puts_messages_back_in_order_and_in_place(manager: SessionManager, kind: str) -> None:
    remove, left, count = REMOVALS[kind]
    before = make_session(manager, named("a", "b", "c"), "s-1")
    remove(manager)
    assert (history(manager, "s-1"), kinds(manager)) == (left, [kind])
    assert manager.undo("s-1") == Restored(messages=count)
    after = manager.get_session("s-1")
    assert [message.to_dict() for message in after.history] == [message.to_dict() for message in before.history]
    assert (after.message_count, after.revision) == (3, before.revision + 2)


@pytest.mark.parametrize("kind", REMOVALS)
def test_undo_works_after_later_messages_came(manager: SessionManager, kind: str) -> None:
    remove, left, _ = REMOVALS[kind]
    make_session(manager, named("a", "b", "c"), "s-1")
    remove(manager)
    manager.add_messages("s-1", named("y", "z"))
    assert history(manager, "s-1") == [*left, "y", "z"]
    manager.undo("s-1")
    session = manager.get_session("s-1")
    assert (said(session.history), numbers(session.history)[:3]) == (["a", "b", "c", "y", "z"], [1, 2, 3])


@pytest.mark.parametrize("kind", ["edit message", "replace messages"])
def test_what_an_undo_displaced_comes_back_too(manager: SessionManager, kind: str) -> None:
    remove, left, _ = REMOVALS[kind]
    make_session(manager, named("a", "b", "c"), "s-1")
    remove(manager)
    manager.undo("s-1")
    [entry] = manager.trash()
    assert entry.kind == "undo"
    for expected in (left, ["a", "b", "c"], left):
        manager.restore(manager.trash()[0].id)
        assert (history(manager, "s-1"), kinds(manager)) == (expected, ["undo"])


def test_operations_are_undone_from_the_last_to_the_first(manager: SessionManager) -> None:
    make_session(manager, named("a", "b", "c", "d"), "s-1")
    states = [history(manager, "s-1")]
    for change in (
        lambda: manager.edit_message("s-1", "b", "B"),
        lambda: manager.delete_messages("s-1", ["a"]),
        lambda: manager.replace_messages("s-1", [*named("x"), ChatMessage("user", "B", id="b")]),
        lambda: manager.edit_message("s-1", "b", "bb"),
        lambda: manager.truncate_messages("s-1", 0),
    ):
        change()
        states.append(history(manager, "s-1"))
    for expected in reversed(states[:-1]):
        manager.undo("s-1")
        assert (history(manager, "s-1"), manager.verify()) == (expected, [])
    with pytest.raises(NothingToUndo):
        manager.undo("s-1")
    assert set(kinds(manager)) == {"undo"}


def test_an_old_entry_is_restored_after_newer_operations(manager: SessionManager) -> None:
    make_session(manager, named("a", "b", "c", "d"), "s-1")
    first = manager.delete_messages("s-1", ["a"])
    manager.edit_message("s-1", "b", "B")
    manager.truncate_messages("s-1", 2)
    assert manager.restore(str(first.trash_id)) == Restored(messages=1)
    assert (history(manager, "s-1"), kinds(manager)) == (["a", "B", "c"], ["truncate messages", "edit message"])
    manager.undo("s-1")
    manager.undo("s-1")
    assert history(manager, "s-1") == ["a", "b", "c", "d"]


def test_a_change_that_is_older_than_the_removal_of_its_message(manager: SessionManager) -> None:
    """Nothing is lost: what the message said last stays in the trash while its id is in use."""
    make_session(manager, named("a", "b"), "s-1")
    manager.edit_message("s-1", "b", "B")
    edit = manager.trash()[0]
    removal = manager.delete_messages("s-1", ["b"])
    manager.restore(edit.id)
    assert history(manager, "s-1") == ["a", "b"]
    assert manager.restore(str(removal.trash_id)) == Restored()
    assert (history(manager, "s-1"), said(manager.trashed_messages(str(removal.trash_id)))) == (["a", "b"], ["B"])
    manager.delete_messages("s-1", ["b"])
    manager.restore(str(removal.trash_id))
    assert history(manager, "s-1") == ["a", "B"]


def test_an_id_that_is_in_use_again_stays_in_the_trash(manager: SessionManager) -> None:
    make_session(manager, named("a", "b", "c"), "s-1")
    manager.edit_message("s-1", "a", "A")
    removed = manager.truncate_messages("s-1", 1)
    manager.add_message("s-1", ChatMessage("user", "another b", id="b"))
    assert manager.undo("s-1") == Restored(messages=1)
    assert history(manager, "s-1") == ["A", "c", "another b"]
    left = next(entry for entry in manager.trash() if entry.id == removed.trash_id)
    assert (left.messages, said(manager.trashed_messages(left.id))) == (1, ["b"])
    # It doesn't stand in the way of undoing what was before.
    assert (manager.undo("s-1"), history(manager, "s-1")) == (Restored(messages=1), ["a", "c", "another b"])
    manager.delete_messages("s-1", ["b"])
    manager.restore(left.id)
    assert history(manager, "s-1") == ["a", "b", "c"]


def test_undo_brings_a_deleted_session_back_with_everything(manager: SessionManager) -> None:
    before = make_session(
        manager, named("a", "b", "c"), "s-1", name="Trip", model="qwen3", folder="sea", headers={"x-key": "secret"},
        extra={"a": 1},
    )  # fmt: skip
    document = manager.create_document("Map", "here", session_id="s-1")
    manager.mark_important("s-1")
    manager.truncate_messages("s-1", 2)
    manager.delete_session("s-1")
    assert (kinds(manager), manager.get_document(document.id).session_id) == (["delete session"], None)
    assert manager.undo("s-1") == Restored(sessions=1, messages=2)
    after = manager.get_session("s-1")
    assert (after.name, after.model, after.folder, after.headers, after.extra, after.is_important) == (
        "Trip", "qwen3", "sea", {"x-key": "secret"}, {"a": 1}, True,
    )  # fmt: skip
    assert (after.revision, after.created_at) == (before.revision + 4, before.created_at)
    assert manager.get_document(document.id).session_id == "s-1"
    # What was removed from it before can be undone still, and only then nothing more.
    manager.undo("s-1")
    assert (history(manager, "s-1"), kinds(manager)) == (["a", "b", "c"], [])
    with pytest.raises(NothingToUndo):
        manager.undo("s-1")


def test_a_session_made_anew_has_nothing_of_the_deleted_one(manager: SessionManager) -> None:
    make_session(manager, named("a", "b"), "s-1")
    manager.truncate_messages("s-1", 1)
    first = manager.delete_session("s-1")
    make_session(manager, named("x", "y"), "s-1", name="another")
    with pytest.raises(NothingToUndo):
        manager.undo("s-1")
    with pytest.raises(SessionExists):
        manager.restore(str(first.trash_id))
    manager.truncate_messages("s-1", 1)
    second = manager.delete_session("s-1")
    # The last one comes back; the other one waits until its id is free.
    assert [entry.id for entry in manager.trash()] == [second.trash_id, first.trash_id]
    manager.undo("s-1")
    manager.undo("s-1")
    assert history(manager, "s-1") == ["x", "y"]
    manager.delete_session("s-1")
    manager.restore(str(first.trash_id))
    manager.undo("s-1")
    assert history(manager, "s-1") == ["a", "b"]


def test_a_session_that_was_never_there_is_not_found(manager: SessionManager) -> None:
    with pytest.raises(SessionNotFound):
        manager.undo("nowhere")


def test_several_sessions_come_back_together_or_one_by_one(manager: SessionManager) -> None:
    for id in ("s-1", "s-2", "s-3"):
        make_session(manager, 2, id)
    removed = manager.delete_sessions(["s-1", "s-2", "s-3"])
    [entry] = manager.trash()
    assert (entry.kind, entry.session_id, entry.sessions, entry.messages) == ("delete sessions", None, 3, 6)
    assert [listed.id for listed in manager.trash(session_id="s-2")] == [entry.id]
    assert manager.undo("s-2") == Restored(sessions=1, messages=2)
    [entry] = manager.trash()
    assert (entry.sessions, entry.messages, manager.trash(session_id="s-2").items) == (2, 4, [])
    assert manager.restore(str(removed.trash_id)) == Restored(sessions=2, messages=4)
    assert (manager.count_sessions(), manager.trash().items) == (3, [])


def test_none_of_several_sessions_comes_back_if_one_of_the_ids_is_taken(manager: SessionManager) -> None:
    for id in ("s-1", "s-2"):
        make_session(manager, 2, id)
    removed = manager.delete_sessions(["s-1", "s-2"])
    manager.create_session("s-2")
    with pytest.raises(SessionExists):
        manager.restore(str(removed.trash_id))
    assert manager.count_sessions() == 1
    assert manager.undo("s-1") == Restored(sessions=1, messages=2)


def test_what_clean_up_deleted_comes_back(timed: SessionManager, clock: FakeClock) -> None:
    for id in ("s-1", "s-2"):
        make_session(timed, 1, id)
        timed.truncate_messages(id, 0)
    clock.move(hours=2)
    assert timed.cleanup_empty_sessions()["deleted_empty"] == 2
    [entry] = timed.trash()
    assert (entry.kind, entry.sessions) == ("clean up", 2)
    assert timed.restore(entry.id) == Restored(sessions=2)
    timed.undo("s-1")
    assert (history(timed, "s-1"), timed.count_sessions()) == (["1"], 2)


def test_a_document_comes_back_with_its_versions_and_its_session(manager: SessionManager) -> None:
    make_session(manager, 1, "s-1")
    document = manager.create_document("Map", "one", session_id="s-1", document_id="d-1")
    manager.edit_document("d-1", "two")
    removed = manager.delete_document("d-1")
    [entry] = manager.trash()
    assert (entry.kind, entry.document_id, entry.documents, entry.name) == ("delete document", "d-1", 1, "Map")
    assert manager.restore(str(removed.trash_id)) == Restored(documents=1)
    back = manager.get_document("d-1")
    assert (back.content, back.version, back.session_id, back.revision) == ("two", 2, "s-1", document.revision + 2)
    assert [version.version for version in manager.list_document_versions("d-1")] == [2, 1]


@pytest.mark.parametrize("first_gone", ["document", "session"])
@pytest.mark.parametrize("first_back", ["document", "session"])
def test_a_document_finds_its_session_again(manager: SessionManager, first_gone: str, first_back: str) -> None:
    make_session(manager, 1, "s-1")
    manager.create_document("Map", "one", session_id="s-1", document_id="d-1")
    removals = {"document": lambda: manager.delete_document("d-1"), "session": lambda: manager.delete_session("s-1")}
    gone = {thing: removals[thing]() for thing in (first_gone, *(removals.keys() - {first_gone}))}
    for thing in (first_back, *(gone.keys() - {first_back})):
        manager.restore(str(gone[thing].trash_id))
    assert manager.get_document("d-1").session_id == "s-1"


def test_a_document_that_found_another_session_stays_there(manager: SessionManager) -> None:
    for id in ("s-1", "s-2"):
        manager.create_session(id)
    manager.create_document("Map", "one", session_id="s-1", document_id="d-1")
    manager.delete_session("s-1")
    manager.attach_document("d-1", "s-2")
    manager.undo("s-1")
    assert manager.get_document("d-1").session_id == "s-2"


def test_a_document_whose_id_is_taken_stays_in_the_trash(manager: SessionManager) -> None:
    manager.create_document("Map", "one", document_id="d-1")
    removed = manager.delete_document("d-1")
    manager.create_document("Other", "two", document_id="d-1")
    with pytest.raises(DocumentExists):
        manager.restore(str(removed.trash_id))
    assert (manager.get_document("d-1").title, kinds(manager)) == ("Other", ["delete document"])


def test_nothing_moves_at_another_revision(manager: SessionManager) -> None:
    session = make_session(manager, named("a", "b"), "s-1")
    removed = manager.truncate_messages("s-1", 1)
    for call in (
        lambda: manager.undo("s-1", expected_revision=session.revision),
        lambda: manager.restore(str(removed.trash_id), expected_revision=session.revision),
    ):
        with pytest.raises(RevisionConflict):
            call()
    manager.undo("s-1", expected_revision=session.revision + 1)
    deleted = manager.delete_session("s-1")
    for call in (
        lambda: manager.undo("s-1", expected_revision=1),
        lambda: manager.restore(str(deleted.trash_id), expected_revision=1),
    ):
        with pytest.raises(RevisionConflict):
            call()
    manager.undo("s-1", expected_revision=session.revision + 2)
    document = manager.create_document("Map", "one")
    removed = manager.delete_document(document.id)
    with pytest.raises(RevisionConflict):
        manager.restore(str(removed.trash_id), expected_revision=document.revision + 1)
    manager.restore(str(removed.trash_id), expected_revision=document.revision)
    assert history(manager, "s-1") == ["a", "b"]


def test_times_after_undo(timed: SessionManager, clock: FakeClock) -> None:
    before = make_session(timed, 3, "s-1")
    clock.move(days=1)
    timed.truncate_messages("s-1", 1)
    undone = clock.move(days=1)
    timed.undo("s-1")
    after = timed.get_session("s-1")
    assert (after.last_message_at, after.updated_at, after.last_accessed) == (before.last_message_at, undone, undone)
    timed.delete_session("s-1")
    undone = clock.move(days=20)
    timed.undo("s-1")
    after = timed.get_session("s-1", last=0)
    assert (after.last_message_at, after.updated_at, after.last_accessed) == (before.last_message_at, undone, undone)
    assert timed.cleanup_empty_sessions(10)["archived_old"] == 0


def test_numbers_of_what_was_removed_are_not_used_again(manager: SessionManager) -> None:
    make_session(manager, 3, "s-1")
    manager.truncate_messages("s-1", 1)
    manager.add_message("s-1", ChatMessage("user", "later"))
    manager.delete_session("s-1")
    manager.undo("s-1")
    manager.add_message("s-1", ChatMessage("user", "last"))
    manager.undo("s-1")
    assert numbers(manager.get_session("s-1").history) == [1, 2, 3, 4, 5]


def test_the_trash_tells_what_was_removed(timed: SessionManager, clock: FakeClock) -> None:
    make_session(timed, named("a", "b", "c"), "s-1", name="Trip", owner="ann")
    removed = timed.truncate_messages("s-1", 1)
    [entry] = timed.trash()
    assert entry.to_dict() == {
        "id": removed.trash_id, "owner": "ann", "kind": "truncate messages", "session_id": "s-1", "document_id": None,
        "name": "Trip", "sessions": 0, "messages": 2, "documents": 0, "created_at": "2026-03-01T05:00:00.000000Z",
        "expires_at": "2026-03-31T05:00:00.000000Z",
    }  # fmt: skip
    assert said(timed.trashed_messages(entry.id)) == ["b", "c"]
    assert said(timed.trashed_messages(entry.id, limit=1)) == ["b"]
    assert said(timed.trashed_messages(entry.id, after=2)) == ["c"]
    timed.delete_session("s-1")
    assert [entry.name for entry in timed.trash()] == ["Trip"]


def test_the_trash_is_read_in_pages_the_last_removed_first(timed: SessionManager, clock: FakeClock) -> None:
    make_session(timed, texts(9), "s-1")
    removed = []
    for keep in (7, 5, 3, 1):
        clock.move(minutes=1)
        removed.append(timed.truncate_messages("s-1", keep).trash_id)
    first = timed.trash(limit=3)
    rest = timed.trash(limit=3, cursor=first.cursor)
    assert [entry.id for entry in [*first, *rest]] == removed[::-1]
    assert (rest.cursor, [entry.id for entry in timed.trash(session_id="s-2")]) == (None, [])


def test_messages_of_several_sessions_are_asked_for_one_by_one(manager: SessionManager) -> None:
    make_session(manager, named("a"), "s-1")
    make_session(manager, named("b"), "s-2")
    removed = str(manager.delete_sessions(["s-1", "s-2"]).trash_id)
    assert said(manager.trashed_messages(removed, session_id="s-2")) == ["b"]
    with pytest.raises(InvalidArgument, match="session_id"):
        manager.trashed_messages(removed)


def test_owners_do_not_see_each_others_trash(manager: SessionManager) -> None:
    for owner in ("ann", "bob"):
        make_session(manager.for_owner(owner), named(owner), f"s-{owner}")
    removed = str(manager.delete_sessions(["s-ann", "s-bob"]).trash_id)
    ann, bob, eve = (manager.for_owner(owner) for owner in ("ann", "bob", "eve"))
    assert [(entry.id, entry.owner, entry.sessions) for entry in ann.trash()] == [(removed, "ann", 1)]
    assert {entry.owner for entry in manager.trash()} == {"ann", "bob"}
    assert [entry.owner for entry in manager.trash(owner="bob")] == ["bob"]
    assert (said(ann.trashed_messages(removed)), ann.trash(session_id="s-bob").items) == (["ann"], [])
    for call in (eve.restore, eve.purge, eve.trashed_messages):
        with pytest.raises(TrashNotFound):
            call(removed)
    with pytest.raises(SessionNotFound):
        eve.undo("s-ann")
    assert ann.restore(removed) == Restored(sessions=1, messages=1)
    with pytest.raises(TrashNotFound):
        ann.restore(removed)
    assert (ann.count_sessions(), bob.count_sessions()) == (1, 0)
    assert (manager.restore(removed), manager.count_sessions()) == (Restored(sessions=1, messages=1), 2)


def test_trusted_code_never_restores_an_id_that_somebody_else_uses_now(manager: SessionManager) -> None:
    manager.create_session("s-1", owner="ann")
    removed = str(manager.delete_session("s-1").trash_id)
    manager.create_session("s-1", owner="bob")
    with pytest.raises(SessionExists):
        manager.restore(removed)
    with pytest.raises(NothingToUndo):
        manager.undo("s-1")
    manager.delete_session("s-1")
    with pytest.raises(AmbiguousId):
        manager.undo("s-1")
    manager.for_owner("ann").undo("s-1")
    assert manager.get_session("s-1").owner == "ann"


def test_purging_one_entry(manager: SessionManager) -> None:
    make_session(manager, named("a", "b", "c"), "s-1")
    manager.truncate_messages("s-1", 2)
    [entry] = manager.trash()
    manager.delete_messages("s-1", ["a"])
    assert manager.purge(entry.id).counts == {"trashed_messages": 1, "trash": 1}
    for call in (manager.purge, manager.restore, manager.trashed_messages):
        with pytest.raises(TrashNotFound):
            call(entry.id)
    manager.undo("s-1")
    assert history(manager, "s-1") == ["a", "b"]


def test_purging_a_session_takes_what_hung_on_it(manager: SessionManager) -> None:
    for _ in range(2):  # under one id twice
        make_session(manager, 3, "s-1")
        manager.truncate_messages("s-1", 2)
        manager.delete_session("s-1")
    last, first = manager.trash()
    assert manager.purge(last.id).counts == {"trashed_messages": 3, "trashed_sessions": 1, "trash": 2}
    assert [entry.id for entry in manager.trash()] == [first.id]
    manager.undo("s-1")
    manager.undo("s-1")
    assert history(manager, "s-1") == ["1", "2", "3"]


def test_purging_by_age(timed: SessionManager, clock: FakeClock) -> None:
    make_session(timed, 3, "s-1")
    for keep in (2, 1, 0):
        timed.truncate_messages("s-1", keep)
        clock.move(days=10)
    assert timed.purge().total == 2  # it expires this very moment: a row and its entry
    assert timed.purge(older_than=timedelta(days=15)).counts == {"trashed_messages": 1, "trash": 1}
    assert timed.purge(older_than=timedelta(days=15)).counts == {}
    timed.undo("s-1")
    assert history(timed, "s-1") == ["1"]
    timed.truncate_messages("s-1", 0)
    assert (timed.purge(older_than=timedelta(0)).total, timed.trash().items) == (2, [])


def test_what_is_kept_for_ever_can_be_listed(open_manager: Opener) -> None:
    manager = open_manager(settings=Settings(open_manager.url, trash_days=1e11))
    manager.delete_session(make_session(manager, 1).id)
    assert [entry.expires_at.year > 4_000 for entry in manager.trash()] == [True]
    assert (manager.purge().total, manager.apply_retention().purged) == (0, 0)


def test_nothing_is_older_than_time(database_url: str) -> None:
    with SessionManager(database_url) as manager:
        manager.delete_session(make_session(manager, 1).id)
        assert manager.purge(older_than=timedelta.max).total == 0


def test_purging_in_batches_takes_everything(timed: SessionManager, clock: FakeClock) -> None:
    make_session(timed, 130, "s-1")
    for keep in range(129, -1, -1):
        timed.truncate_messages("s-1", keep)
    counts = dict(timed.purge(older_than=timedelta(0)).counts)
    counts.pop("search_entries", None)  # how many were made meanwhile, in the background, is a matter of time
    assert counts == {"trashed_messages": 130, "trash": 130}


def test_a_confined_manager_purges_its_own(manager: SessionManager) -> None:
    for owner in ("ann", "bob"):
        make_session(manager.for_owner(owner), 1, f"s-{owner}")
    manager.delete_sessions(["s-ann", "s-bob"])
    assert manager.for_owner("ann").purge(older_than=timedelta(0)).counts["trash"] == 1
    assert [entry.owner for entry in manager.trash()] == ["bob"]


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("trash_id", lambda m: m.restore(5)),
        ("trash_id", lambda m: m.purge(5)),
        ("trash_id", lambda m: m.trashed_messages(None)),
        ("older_than", lambda m: m.purge(older_than=3)),
        ("older_than", lambda m: m.purge(older_than=timedelta(seconds=-1))),
        ("limit", lambda m: m.trash(limit=0)),
        ("cursor", lambda m: m.trash(cursor="nonsense")),
        ("owner", lambda m: m.trash(owner=5)),
        ("session_id", lambda m: m.trash(session_id=5)),
        ("after", lambda m: m.trashed_messages("x", after=-1)),
        ("session_id", lambda m: m.undo(5)),
        ("expected_revision", lambda m: m.undo("s-1", expected_revision="1")),
    ],
)
def test_bad_input_is_named(manager: SessionManager, name: str, call: Callable[[Any], object]) -> None:
    with pytest.raises(InvalidArgument, match=name):
        call(manager)


@pytest.mark.parametrize("bad", ["", "nowhere", "x" * 500, "\0", "\ud800"])
def test_an_entry_that_is_not_there(manager: SessionManager, bad: str) -> None:
    for call in (manager.restore, manager.purge, manager.trashed_messages):
        with pytest.raises(TrashNotFound):
            call(bad)


@pytest.mark.parametrize("dry_run", [None, 1, 0, "yes"])
def test_a_dry_run_is_true_or_false(manager: SessionManager, dry_run: Any) -> None:
    for call in (manager.apply_retention, manager.collect_attachments, manager.cleanup_empty_sessions):
        with pytest.raises(InvalidArgument) as refused:
            call(dry_run=dry_run)
        assert refused.value.field == "dry_run"


def test_an_entry_is_purged_whatever_its_age_so_none_is_given(manager: SessionManager) -> None:
    make_session(manager, 3, "s-1")
    removed = manager.truncate_messages("s-1", 1)
    with pytest.raises(InvalidArgument) as refused:
        manager.purge(removed.trash_id, older_than=timedelta(0))
    assert (refused.value.field, len(manager.trash())) == ("older_than", 1)
