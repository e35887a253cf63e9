"""Another text, another answer: each version of a message keeps the conversation that followed it."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ithaca import (
    ChatMessage,
    InvalidInput,
    MessageConflict,
    MessageNotFound,
    MessageVersion,
    Restored,
    RevisionConflict,
    SessionManager,
    SessionNotFound,
)
from tests.behaviour.meters import sqlite_meter
from tests.support.factories import history, make_session, numbers, said, store_session, texts
from tests.support.managers import FakeClock, execute


def named(*ids: str) -> list[ChatMessage]:
    """Messages that say their ids."""
    return [ChatMessage("user", id, id=id) for id in ids]


def one(id: str) -> ChatMessage:
    return named(id)[0]


def versions(manager: SessionManager, message: str) -> list[tuple[Any, bool, int]]:
    """What each version says, whether it is shown, and with how many messages."""
    return [(v.message.content, v.shown, v.messages) for v in manager.list_versions("s-1", message)]


@pytest.fixture
def answered(manager: SessionManager) -> SessionManager:
    """A manager with a session whose second message was answered twice: a b c d, then a B and what follows it."""
    make_session(manager, named("a", "b", "c", "d"), "s-1")
    manager.add_version("s-1", "b", one("B"))
    manager.add_message("s-1", one("C"))
    return manager


def test_another_version_stands_in_the_place_of_the_old_one(manager: SessionManager) -> None:
    before = make_session(manager, named("a", "b", "c"), "s-1")
    stored = manager.add_version("s-1", "b", one("B"))
    after = manager.get_session("s-1")
    assert (said(after.history), numbers(after.history)) == (["a", "B"], [1, 4])
    assert (stored.id, stored.seq, stored.content) == ("B", 4, "B")
    assert (after.message_count, after.revision) == (2, before.revision + 1)
    assert versions(manager, "B") == versions(manager, "b") == [("b", False, 2), ("B", True, 1)]
    assert manager.get_session("s-1", last=1).history[0].version_group == stored.version_group


def test_an_edit_that_branches_keeps_the_old_text(manager: SessionManager) -> None:
    make_session(manager, named("a", "b", "c"), "s-1")
    edited = manager.edit_message("s-1", "b", "B", branch=True)
    assert (edited.content, edited.role, edited.id != "b", edited.edited_at) == ("B", "user", True, None)
    assert (history(manager, "s-1"), versions(manager, "b")) == (["a", "B"], [("b", False, 2), ("B", True, 1)])


def test_a_branching_edit_keeps_what_it_does_not_change(manager: SessionManager) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": "{}"}}
    said_before = ChatMessage("assistant", "x", {"k": 1}, tool_calls=[call], name="Mentor", id="b")
    make_session(manager, [one("a"), said_before], "s-1")
    copy = manager.edit_message("s-1", "b", "y", branch=True)
    assert (copy.content, copy.metadata, copy.tool_calls, copy.name) == ("y", {"k": 1}, [call], "Mentor")
    in_place = manager.edit_message("s-1", str(copy.id), "y")
    assert copy.tokens == in_place.tokens


def test_switching_shows_a_version_with_what_followed_it(answered: SessionManager) -> None:
    revision = answered.get_session("s-1", last=0).revision
    assert said(answered.switch_version("s-1", "b")) == ["b", "c", "d"]
    assert (history(answered, "s-1"), versions(answered, "b")) == (
        ["a", "b", "c", "d"],
        [("b", True, 3), ("B", False, 2)],
    )
    assert said(answered.switch_version("s-1", "B")) == ["B", "C"]
    after = answered.get_session("s-1")
    assert (said(after.history), after.revision) == (["a", "B", "C"], revision + 2)


def test_switching_to_what_is_shown_changes_nothing(answered: SessionManager) -> None:
    before = answered.get_session("s-1")
    assert said(answered.switch_version("s-1", "B")) == ["B", "C"]
    assert said(answered.switch_version("s-1", "C")) == ["C"]
    assert answered.get_session("s-1").to_dict() == before.to_dict()


def test_switching_by_any_message_of_a_version(answered: SessionManager) -> None:
    assert said(answered.switch_version("s-1", "d")) == ["d"]
    assert history(answered, "s-1") == ["a", "b", "c", "d"]


def test_messages_keep_their_numbers_and_times(timed: SessionManager, clock: FakeClock) -> None:
    before = make_session(timed, named("a", "b", "c"), "s-1")
    clock.move(hours=1)
    timed.add_version("s-1", "b", one("B"))
    answered_at = clock.time
    clock.move(hours=1)
    timed.switch_version("s-1", "b")
    after = timed.get_session("s-1")
    kept = ("id", "seq", "content", "created_at", "edited_at")
    assert [[getattr(m, k) for k in kept] for m in after.history] == [
        [getattr(m, k) for k in kept] for m in before.history
    ]
    assert (after.last_message_at, after.updated_at, after.last_accessed) == (answered_at, clock.time, clock.time)


def test_messages_added_after_a_switch_stay_with_their_version(answered: SessionManager) -> None:
    answered.switch_version("s-1", "b")
    answered.add_message("s-1", one("e"))
    answered.switch_version("s-1", "B")
    answered.add_message("s-1", one("D"))
    answered.switch_version("s-1", "b")
    assert history(answered, "s-1") == ["a", "b", "c", "d", "e"]
    answered.switch_version("s-1", "B")
    assert history(answered, "s-1") == ["a", "B", "C", "D"]


def test_a_message_that_was_never_changed_is_its_only_version(manager: SessionManager) -> None:
    make_session(manager, named("a", "b"), "s-1")
    assert manager.list_versions("s-1", "a") == [MessageVersion(manager.get_message("s-1", "a"), True, 2)]
    assert said(manager.switch_version("s-1", "a")) == ["a", "b"]


def test_a_message_behind_a_version_that_is_not_shown(answered: SessionManager) -> None:
    assert versions(answered, "d") == [("d", False, 1)]


def test_a_version_that_is_not_found_by_its_messages_is_told_of(answered: SessionManager, database_url: str) -> None:
    execute(database_url, "UPDATE trashed_messages SET aside = FALSE WHERE id = 'c'")
    assert [problem.name for problem in answered.verify()] == ["trashed_aside"]
    execute(database_url, "UPDATE trashed_messages SET aside = TRUE WHERE id = 'c'")
    assert answered.verify() == []


def test_many_versions_in_their_order(manager: SessionManager) -> None:
    make_session(manager, named("a", "v0"), "s-1")
    for n in range(1, 6):
        manager.add_version("s-1", f"v{n - 1}", one(f"v{n}"))
    assert versions(manager, "v3") == [(f"v{n}", n == 5, 1) for n in range(6)]
    for n in (2, 0, 5, 3, 3, 1):
        manager.switch_version("s-1", f"v{n}")
        assert history(manager, "s-1") == ["a", f"v{n}"]
        assert versions(manager, "v4") == [(f"v{i}", i == n, 1) for i in range(6)]


def test_versions_within_a_version(answered: SessionManager) -> None:
    answered.add_version("s-1", "C", one("CC"))
    assert history(answered, "s-1") == ["a", "B", "CC"]
    answered.switch_version("s-1", "b")
    answered.add_version("s-1", "d", one("D"))
    assert history(answered, "s-1") == ["a", "b", "c", "D"]
    assert versions(answered, "C") == [("C", False, 1), ("CC", False, 1)]
    assert versions(answered, "b") == [("b", True, 3), ("B", False, 2)]
    # Each leads to its place, through the version that it is in.
    for message, expected in (
        ("C", ["a", "B", "C"]),
        ("d", ["a", "b", "c", "d"]),
        ("CC", ["a", "B", "CC"]),
        ("C", ["a", "B", "C"]),
        ("D", ["a", "b", "c", "D"]),
        ("B", ["a", "B", "C"]),
    ):
        answered.switch_version("s-1", message)
        assert (history(answered, "s-1"), answered.verify()) == (expected, [])


def test_a_tree_of_versions_is_walked_at_random(manager: SessionManager) -> None:
    """Each message was said after one other; whatever is shown is the way from the first to some message."""
    chance = random.Random(4)
    before: dict[str, str | None] = {"m0": None}
    make_session(manager, named("m0"), "s-1")
    shown = ["m0"]
    for step in range(60):
        new = f"m{len(before)}"
        if step % 3 == 0 or len(shown) < 2:
            manager.add_message("s-1", one(new))
            before[new], shown = shown[-1], [*shown, new]
        elif step % 3 == 1:
            place = chance.randrange(1, len(shown))
            manager.add_version("s-1", shown[place], one(new))
            before[new], shown = shown[place - 1], [*shown[:place], new]
        else:
            chosen = chance.choice(list(before))
            manager.switch_version("s-1", chosen)
            shown = [str(m.id) for m in manager.get_session("s-1").history]
            assert chosen in shown
        assert history(manager, "s-1") == shown
        assert [before[id] for id in shown] == [None, *shown[:-1]]
    assert manager.verify() == []


def test_hidden_versions_are_neither_listed_in_the_trash_nor_purged(timed: SessionManager, clock: FakeClock) -> None:
    make_session(timed, named("a", "b"), "s-1")
    timed.add_version("s-1", "b", one("B"))
    assert timed.trash().items == []
    clock.move(days=400)
    assert timed.purge().counts == {}
    timed.switch_version("s-1", "b")
    assert history(timed, "s-1") == ["a", "b"]


def test_versions_go_and_come_with_their_session(answered: SessionManager) -> None:
    removed = answered.delete_session("s-1")
    with pytest.raises(SessionNotFound):
        answered.switch_version("s-1", "b")
    answered.undo("s-1")
    answered.switch_version("s-1", "b")
    assert history(answered, "s-1") == ["a", "b", "c", "d"]
    removed = answered.delete_session("s-1")
    answered.purge(str(removed.trash_id))
    make_session(answered, named("a", "b"), "s-1")
    assert versions(answered, "b") == [("b", True, 1)]
    with pytest.raises(MessageNotFound):
        answered.switch_version("s-1", "B")


def test_a_session_made_anew_has_no_versions_of_the_deleted_one(answered: SessionManager) -> None:
    answered.delete_session("s-1")
    make_session(answered, named("a", "B"), "s-1")
    assert versions(answered, "B") == [("B", True, 1)]
    with pytest.raises(MessageNotFound):
        answered.list_versions("s-1", "b")


def test_truncating_behind_the_versions(answered: SessionManager) -> None:
    answered.truncate_messages("s-1", 2)
    answered.switch_version("s-1", "b")
    assert history(answered, "s-1") == ["a", "b", "c", "d"]
    # What was removed from a version comes back in that version.
    assert answered.undo("s-1") == Restored(messages=1)
    assert (history(answered, "s-1"), versions(answered, "b")) == (
        ["a", "B", "C"],
        [("b", False, 3), ("B", True, 2)],
    )


def test_truncating_before_the_versions(answered: SessionManager) -> None:
    answered.truncate_messages("s-1", 1)
    assert versions(answered, "b") == [("b", False, 3)]
    assert said(answered.switch_version("s-1", "b")) == ["b", "c", "d"]
    answered.undo("s-1")
    assert (history(answered, "s-1"), versions(answered, "b")) == (
        ["a", "B", "C"],
        [("b", False, 3), ("B", True, 2)],
    )


def test_the_shown_version_is_deleted_and_another_one_shown(manager: SessionManager) -> None:
    make_session(manager, named("a", "b"), "s-1")
    manager.add_version("s-1", "b", one("B"))
    manager.delete_messages("s-1", ["B"])
    manager.switch_version("s-1", "b")
    assert (history(manager, "s-1"), versions(manager, "b")) == (["a", "b"], [("b", True, 1)])
    manager.undo("s-1")
    assert (history(manager, "s-1"), versions(manager, "b")) == (["a", "B"], [("b", False, 1), ("B", True, 1)])


def test_undo_of_what_all_versions_share_stays_with_the_shown_one(answered: SessionManager) -> None:
    answered.edit_message("s-1", "a", "A")
    answered.switch_version("s-1", "b")
    answered.undo("s-1")
    assert history(answered, "s-1") == ["a", "b", "c", "d"]


def test_undo_of_an_edit_in_another_version_shows_that_one(answered: SessionManager) -> None:
    answered.edit_message("s-1", "C", "changed")
    answered.switch_version("s-1", "b")
    answered.undo("s-1")
    assert history(answered, "s-1") == ["a", "B", "C"]


def test_replacing_keeps_the_versions_of_what_stays(answered: SessionManager) -> None:
    answered.replace_messages("s-1", named("x", "B", "y"))
    assert versions(answered, "B") == [("b", False, 3), ("B", True, 2)]
    answered.switch_version("s-1", "b")
    assert history(answered, "s-1") == ["x", "b", "c", "d"]
    answered.switch_version("s-1", "B")
    assert history(answered, "s-1") == ["x", "B", "y"]
    answered.undo("s-1")
    assert history(answered, "s-1") == ["a", "B", "C"]


def test_adding_a_version_again_after_no_answer_came(answered: SessionManager) -> None:
    before = answered.get_session("s-1")
    for old in ("b", "B"):
        with pytest.raises(MessageConflict):
            answered.add_version("s-1", old, one("a"))
    assert answered.add_version("s-1", "b", one("B")).seq == 5
    assert answered.add_version("s-1", "b", one("B"), expected_revision=1).seq == 5
    answered.switch_version("s-1", "b")
    assert answered.add_version("s-1", "b", one("B")).content == "B"
    assert (history(answered, "s-1"), answered.get_session("s-1").revision) == (
        ["a", "b", "c", "d"],
        before.revision + 1,
    )


@pytest.mark.parametrize("id", ["a", "b", "B", "C", "c"])
def test_a_version_never_takes_an_id_that_is_in_use(answered: SessionManager, id: str) -> None:
    with pytest.raises(MessageConflict):
        answered.add_version("s-1", "C", ChatMessage("user", "something else", id=id))
    assert history(answered, "s-1") == ["a", "B", "C"]


def test_a_version_with_an_id_that_was_used_again_stays_where_it_is(answered: SessionManager) -> None:
    answered.replace_messages("s-1", named("c", "B"))
    with pytest.raises(MessageConflict):
        answered.switch_version("s-1", "b")
    assert history(answered, "s-1") == ["c", "B"]
    answered.delete_messages("s-1", ["c"])
    answered.switch_version("s-1", "b")
    assert history(answered, "s-1") == ["b", "c", "d"]


def test_nothing_changes_at_another_revision(answered: SessionManager) -> None:
    before = answered.get_session("s-1")
    for call in (
        lambda: answered.add_version("s-1", "B", one("x"), expected_revision=1),
        lambda: answered.switch_version("s-1", "b", expected_revision=1),
        lambda: answered.edit_message("s-1", "B", "x", branch=True, expected_revision=1),
    ):
        with pytest.raises(RevisionConflict):
            call()
    assert answered.get_session("s-1").to_dict() == before.to_dict()
    answered.switch_version("s-1", "b", expected_revision=before.revision)
    assert answered.get_session("s-1").revision == before.revision + 1


def test_what_is_not_there(answered: SessionManager) -> None:
    for call in (
        answered.list_versions,
        lambda session, message: answered.add_version(session, message, one("x")),
        answered.switch_version,
        lambda session, message: answered.edit_message(session, message, "x", branch=True),
    ):
        with pytest.raises(MessageNotFound):
            call("s-1", "nothing")
        with pytest.raises(SessionNotFound):
            call("s-2", "b")
    with pytest.raises(MessageNotFound):  # it isn't shown
        answered.add_version("s-1", "b", one("x"))


def steps_with_versions(directory: Path, hidden: int) -> dict[str, int]:
    """What calls cost on a session of fifty messages, with so many in versions of the last one that are not shown."""
    with sqlite_meter() as meter, SessionManager(directory / f"{hidden}.db") as manager:
        store_session(manager, [*texts(49), one("last")], "s-1")
        manager.add_messages("s-1", texts(hidden))
        manager.add_version("s-1", "last", one("answer"))
        calls: dict[str, Callable[[], object]] = {
            "read": lambda: manager.get_messages("s-1"),
            "add": lambda: manager.add_message("s-1", one("new")),
            "list sessions": manager.list_sessions,
            "list versions": lambda: manager.list_versions("s-1", "last"),
            "list the trash": lambda: manager.trash(session_id="s-1"),
            "edit": lambda: manager.edit_message("s-1", "new", "newer"),
            "cut": lambda: manager.truncate_messages("s-1", 48),
            "undo": lambda: manager.undo("s-1"),
        }
        return {name: meter.steps_of(call) for name, call in calls.items()}


def test_versions_that_are_not_shown_cost_the_shown_one_nothing(tmp_path: Path) -> None:
    few, many = steps_with_versions(tmp_path, 10), steps_with_versions(tmp_path, 5_000)
    assert {name: many[name] for name in many if many[name] > few[name] * 1.5 + 100} == {}


def test_another_owners_versions_do_not_exist(manager: SessionManager) -> None:
    theirs, mine = manager.for_owner("ann"), manager.for_owner("bob")
    for owned in (theirs, mine):
        make_session(owned, named("a", "b"), "s-1")
    theirs.add_version("s-1", "b", one("B"))
    assert versions(mine, "b") == [("b", True, 1)]
    for call in (mine.switch_version, mine.list_versions):
        with pytest.raises(MessageNotFound):
            call("s-1", "B")
    mine.delete_session("s-1")
    with pytest.raises(SessionNotFound):
        mine.switch_version("s-1", "b")
    assert versions(theirs, "B") == [("b", False, 1), ("B", True, 1)]


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.add_version("s-1", "b", "text"),
        lambda m: m.add_version("s-1", "b", ChatMessage("", "x")),
        lambda m: m.add_version("s-1", 5, ChatMessage("user", "x")),
        lambda m: m.switch_version("s-1", None),
        lambda m: m.list_versions(5, "b"),
        lambda m: m.edit_message("s-1", "b", "x", branch="yes"),
        lambda m: m.edit_message("s-1", "b", branch=True),
    ],
)
def test_bad_input_changes_nothing(answered: SessionManager, call: Callable[[Any], object]) -> None:
    before = answered.get_session("s-1")
    with pytest.raises(InvalidInput):
        call(answered)
    assert answered.get_session("s-1").to_dict() == before.to_dict()
