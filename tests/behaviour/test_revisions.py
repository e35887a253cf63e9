"""`expected_revision=`: a change is refused unless the session is as the caller has seen it."""

from collections.abc import Callable

import pytest

from ithaca import ChatMessage, InvalidArgument, RevisionConflict, Session, SessionManager
from tests.support.factories import make_session, texts

CHANGES: dict[str, Callable[[SessionManager, Session, int | None], object]] = {
    "update_session": lambda m, s, r: m.update_session(s.id, folder="f", expected_revision=r),
    "rename_session": lambda m, s, r: m.rename_session(s.id, "renamed", expected_revision=r),
    "archive_session": lambda m, s, r: m.archive_session(s.id, expected_revision=r),
    "unarchive_session": lambda m, s, r: m.unarchive_session(s.id, expected_revision=r),
    "mark_important": lambda m, s, r: m.mark_important(s.id, expected_revision=r),
    "add_message": lambda m, s, r: m.add_message(s.id, ChatMessage("user", "new"), expected_revision=r),
    "add_messages": lambda m, s, r: m.add_messages(s.id, texts(3), expected_revision=r),
    "edit_message": lambda m, s, r: m.edit_message(s.id, s.history[0].id, "edited", expected_revision=r),
    "delete_messages": lambda m, s, r: m.delete_messages(s.id, [s.history[0].id], expected_revision=r),
    "truncate_messages": lambda m, s, r: m.truncate_messages(s.id, 1, expected_revision=r),
    "replace_messages": lambda m, s, r: m.replace_messages(s.id, texts(1), expected_revision=r),
    "compact": lambda m, s, r: m.compact(s.id, "summary", keep_last=1, expected_revision=r),
    "delete_session": lambda m, s, r: m.delete_session(s.id, expected_revision=r),
}


def test_every_change_refuses_to_overwrite_what_it_has_not_seen(manager: SessionManager, other: SessionManager) -> None:
    for name, change in CHANGES.items():
        seen = make_session(manager, 3)
        other.add_message(seen.id, ChatMessage("user", "unseen"))
        now = other.get_session(seen.id)
        for expected in (seen.revision, 1, now.revision + 1):
            with pytest.raises(RevisionConflict) as error:
                change(manager, seen, expected)
            assert (error.value.thing, error.value.found, error.value.expected) == (seen.id, 3, expected), name
        assert manager.get_session(seen.id) == now, name
        change(manager, seen, now.revision)


def test_every_change_raises_the_revision_by_one(manager: SessionManager) -> None:
    for name, change in CHANGES.items():
        session = make_session(manager, 3)
        change(manager, session, None)
        if name != "delete_session":
            assert manager.get_session(session.id).revision == session.revision + 1, name


def test_reading_is_no_change(manager: SessionManager) -> None:
    before = make_session(manager, 3)
    for _ in range(2):
        manager.get_session(before.id, last=1)
        manager.get_messages(before.id)
        manager.get_message(before.id, before.history[0].id)
        list(manager.iter_messages(before.id))
        manager.list_sessions()
        manager.count_sessions()
        manager.context(before.id, max_tokens=1_000)
        manager.context_info(before.id, max_tokens=1_000)
        manager.list_compactions(before.id)
    assert manager.get_session(before.id) == before


def test_an_expected_revision_is_a_positive_number(manager: SessionManager) -> None:
    session = make_session(manager, 3)
    for expected in (0, -1, True, "1", 1.0):
        for change in CHANGES.values():
            with pytest.raises(InvalidArgument, match="expected_revision"):
                change(manager, session, expected)
    assert manager.get_session(session.id) == session
