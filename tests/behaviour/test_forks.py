"""A fork is an independent copy of a session up to a message."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ithaca import (
    ChatMessage,
    InvalidArgument,
    InvalidInput,
    MessageNotFound,
    SessionExists,
    SessionManager,
    SessionNotFound,
    read_settings,
)
from tests.behaviour.meters import sqlite_meter
from tests.support.factories import history, make_session, numbers, store_session, texts
from tests.support.managers import FakeClock, Opener


def named(*ids: str) -> list[ChatMessage]:
    """Messages that say their ids."""
    return [ChatMessage("user", id, id=id) for id in ids]


def test_a_fork_of_the_whole(timed: SessionManager, clock: FakeClock) -> None:
    blocks = ChatMessage("assistant", [{"type": "text", "text": "x"}], {"k": 1}, tool_calls=[{"id": "c"}], id="b")
    source = make_session(
        timed, [*named("a"), blocks], "s-1", name="Trip", owner="ann", model="qwen3", endpoint_url="http://one/v1",
        rag=True, folder="sea", mode="agent", headers={"x-key": "secret"}, extra={"a": 1},
    )  # fmt: skip
    clock.move(hours=1)
    fork = timed.fork_session("s-1")
    copy = timed.get_session(fork.id)
    same = ("owner", "name", "model", "endpoint_url", "rag", "folder", "mode", "headers", "extra", "message_count")
    assert [getattr(copy, name) for name in same] == [getattr(source, name) for name in same]
    assert [message.to_dict() for message in copy.history] == [message.to_dict() for message in source.history]
    assert (copy.forked_from, copy.forked_at, copy.revision) == ("s-1", 2, 1)
    assert (copy.created_at, copy.last_message_at) == (clock.time, clock.time)
    assert (fork.to_dict(), fork.history) == (copy.to_dict(), [])
    assert (source.forked_from, timed.get_session("s-1").revision) == (None, source.revision)


def test_a_fork_at_a_message(manager: SessionManager) -> None:
    make_session(manager, named("a", "b", "c"), "s-1", name="Trip")
    manager.delete_messages("s-1", ["a"])
    fork = manager.fork_session("s-1", at="b", name="Another Trip", new_id="s-2")
    assert (fork.id, fork.name, fork.message_count, fork.forked_at) == ("s-2", "Another Trip", 1, 2)
    manager.add_messages("s-2", named("x"))
    assert numbers(manager.get_session("s-2").history) == [2, 3]
    assert [session.id for session in manager.list_sessions(name="another")] == ["s-2"]


def test_an_empty_session_can_be_forked(manager: SessionManager) -> None:
    manager.create_session("s-1")
    fork = manager.fork_session("s-1")
    assert (fork.message_count, fork.last_message_at, fork.forked_from) == (0, None, "s-1")


def test_neither_touches_the_other(manager: SessionManager) -> None:
    make_session(manager, named("a", "b", "c"), "s-1")
    manager.fork_session("s-1", new_id="s-2")
    manager.edit_message("s-1", "a", "A")
    manager.truncate_messages("s-2", 2)
    manager.add_message("s-2", ChatMessage("user", "x", id="c"))
    assert (history(manager, "s-1"), history(manager, "s-2")) == (["A", "b", "c"], ["a", "b", "x"])
    manager.undo("s-1")
    manager.delete_session("s-1")
    assert (history(manager, "s-2"), manager.get_session("s-2").forked_from) == (["a", "b", "x"], "s-1")
    manager.delete_session("s-2")
    manager.undo("s-2")
    assert (manager.get_session("s-2").forked_from, manager.get_session("s-2").forked_at) == ("s-1", 3)


def test_stars_archive_and_documents_stay_with_the_original(manager: SessionManager) -> None:
    make_session(manager, 1, "s-1")
    document = manager.create_document("Map", session_id="s-1")
    manager.mark_important("s-1")
    manager.archive_session("s-1")
    fork = manager.fork_session("s-1")
    assert (fork.is_important, fork.archived, manager.get_document(document.id).session_id) == (False, False, "s-1")


def test_a_fork_has_the_shown_versions_only(manager: SessionManager) -> None:
    make_session(manager, named("a", "b", "c"), "s-1")
    manager.add_version("s-1", "b", ChatMessage("user", "B", id="B"))
    manager.fork_session("s-1", new_id="s-2")
    assert [(v.message.content, v.shown) for v in manager.list_versions("s-2", "B")] == [("B", True)]
    with pytest.raises(MessageNotFound):
        manager.switch_version("s-2", "b")
    with pytest.raises(MessageNotFound):
        manager.fork_session("s-1", at="c")
    manager.add_version("s-2", "B", ChatMessage("user", "BB"))
    manager.switch_version("s-1", "b")
    assert (history(manager, "s-1"), history(manager, "s-2")) == (["a", "b", "c"], ["a", "BB"])


def test_a_fork_of_a_fork(manager: SessionManager) -> None:
    make_session(manager, named("a", "b"), "s-1")
    manager.fork_session("s-1", new_id="s-2")
    manager.add_messages("s-2", named("c"))
    fork = manager.fork_session("s-2", new_id="s-3")
    assert (history(manager, "s-3"), fork.forked_from, fork.forked_at) == (["a", "b", "c"], "s-2", 3)


def test_a_summary_goes_with_the_fork_that_reaches_so_far(manager: SessionManager) -> None:
    make_session(manager, named("a", "b", "c", "d"), "s-1")
    manager.compact("s-1", "What a and b said", keep_last=2)
    assert [c.summary for c in manager.list_compactions(manager.fork_session("s-1", at="c").id)] == [
        "What a and b said"
    ]
    assert manager.list_compactions(manager.fork_session("s-1", at="a").id) == []


def test_a_taken_id_changes_nothing(manager: SessionManager) -> None:
    make_session(manager, named("a"), "s-1", owner="ann")
    manager.create_session("s-2", owner="bob")
    for id in ("s-1", "s-2"):
        with pytest.raises(SessionExists):
            manager.fork_session("s-1", new_id=id)
    assert (manager.count_sessions(), manager.for_owner("ann").fork_session("s-1", new_id="s-2").owner) == (2, "ann")


def test_what_is_not_there(manager: SessionManager) -> None:
    make_session(manager, named("a"), "s-1", owner="ann")
    with pytest.raises(MessageNotFound):
        manager.fork_session("s-1", at="b")
    for confined in (manager, manager.for_owner("bob")):
        with pytest.raises(SessionNotFound):
            confined.fork_session("s-2")
    with pytest.raises(SessionNotFound):
        manager.for_owner("bob").fork_session("s-1")
    assert manager.count_sessions() == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.fork_session(5),
        lambda m: m.fork_session("s-1", at=5),
        lambda m: m.fork_session("s-1", name=5),
        lambda m: m.fork_session("s-1", new_id=""),
        lambda m: m.fork_session("s-1", new_id="\0"),
    ],
)
def test_bad_input_changes_nothing(manager: SessionManager, call: Callable[[Any], object]) -> None:
    make_session(manager, named("a"), "s-1")
    with pytest.raises(InvalidInput):
        call(manager)
    assert manager.count_sessions() == 1


def test_headers_that_cannot_be_read_stay_behind(
    manager: SessionManager, open_manager: Opener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_session(manager, named("a"), "s-1", headers={"x-key": "secret"})
    monkeypatch.setenv("ITHACA_SECRET_KEY_FILE", str(tmp_path / "another"))
    without_key = open_manager(settings=read_settings(open_manager.url))
    fork = without_key.fork_session("s-1")
    assert (without_key.get_session(fork.id).headers, manager.get_session("s-1").headers) == ({}, {"x-key": "secret"})


def test_a_fork_takes_as_many_statements_however_long_the_session(tmp_path: Path) -> None:
    def statements(count: int) -> int:
        with sqlite_meter() as meter, SessionManager(tmp_path / f"{count}.db") as manager:
            store_session(manager, texts(count), "s-1")
            meter.reset()
            manager.fork_session("s-1")
            return sum(meter.statements.values())

    assert statements(2) == statements(2_000)


def test_the_message_is_named_by_its_id(manager: SessionManager) -> None:
    session = make_session(manager, 3)
    with pytest.raises(InvalidArgument) as refused:
        manager.fork_session(session.id, at=1)  # type: ignore[arg-type]
    assert refused.value.field == "at"


def test_a_copied_summary_can_be_undone_in_the_copy(manager: SessionManager) -> None:
    session = make_session(manager, 6)
    for through in (2, 4):
        manager.compact(session.id, f"through {through}", through=through)
    fork = manager.fork_session(session.id)
    manager.undo(fork.id)
    assert [made.through for made in manager.list_compactions(fork.id)] == [2]
    manager.restore(manager.list_compactions(fork.id)[0].id)
    assert manager.list_compactions(fork.id) == []
    assert [made.through for made in manager.list_compactions(session.id)] == [4, 2]
