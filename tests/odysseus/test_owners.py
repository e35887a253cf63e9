"""Two owners with one id: what one has never shows in what the other holds."""

import logging
from typing import Any

import pytest

import ithaca
from ithaca import AmbiguousId, SessionNotFound
from ithaca.odysseus import ChatMessage, Session, SessionManager, set_session_manager_instance

URL = "http://localhost:11434/v1"


@pytest.fixture(autouse=True)
def _two_owners(manager: SessionManager) -> None:
    """Both "a" and "b" have a session "same", "a" alone has "other"."""
    for owner in ("a", "b"):
        manager.core.for_owner(owner).create_session("same", f"of {owner}", URL, headers={"Key": owner})
    manager.create_session("other", "n", URL, "m", owner="a")


def held(manager: SessionManager) -> tuple[Session, Session]:
    return manager.get_sessions_for_user("a")["same"], manager.get_sessions_for_user("b")["same"]


def stored(manager: SessionManager, owner: str) -> list[Any]:
    return [message.content for message in manager.core.for_owner(owner).get_session("same").history]


def test_each_owner_has_an_object(manager: SessionManager) -> None:
    for _ in range(2):
        found = [(one.owner, one.name, one.headers) for one in held(manager)]
        assert [("a", "of a", {"Key": "a"}), ("b", "of b", {"Key": "b"})] == found
    assert held(manager)[0] is held(manager)[0]


def test_an_object_reaches_its_own_session_only(manager: SessionManager, other: SessionManager) -> None:
    mine, theirs = held(manager)
    for session in (mine, theirs):
        session.add_message(ChatMessage("user", f"to {session.owner}"))
    manager.core.for_owner("a").add_message("same", ithaca.ChatMessage("user", "elsewhere"))
    manager.load_sessions()
    assert (["to a", "elsewhere"], ["to b"]) == (stored(manager, "a"), stored(manager, "b"))
    assert (["to a", "elsewhere"], ["to b"]) == tuple([m.content for m in s.history] for s in (mine, theirs))
    theirs.name, theirs.history[0].content = "Sparta", "changed"
    manager.save_sessions()
    assert (["to a", "elsewhere"], ["changed"]) == (stored(manager, "a"), stored(manager, "b"))
    assert {("a", "of a"), ("b", "Sparta")} == {(s.owner, s.name) for s in other.core.list_sessions() if s.id == "same"}


def test_an_id_of_several_names_none_of_them(manager: SessionManager) -> None:
    calls = {
        "get": lambda: manager.get_session("same"),
        "look up": lambda: manager.sessions["same"],
        "rename": lambda: manager.update_session_name("same", "x"),
        "delete": lambda: manager.delete_session("same"),
        "sync": lambda: manager.sync_session_metadata("same"),
        "add": lambda: manager.add_message("same", ChatMessage("user", "x")),
        "truncate": lambda: manager.truncate_messages("same", 0),
        "replace": lambda: manager.replace_messages("same", []),
        "make sure": lambda: manager.ensure_task_session("same", "n", URL, "m"),
    }
    for _ in range(2):
        for call in calls.values():
            with pytest.raises(AmbiguousId):
                call()
        kept = held(manager)
    assert [[], []] == [one.history for one in kept]


def test_everybodys_sessions_are_those_that_an_id_names(
    manager: SessionManager, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ithaca"):
        assert {"other"} == set(manager.get_sessions_for_user())
    assert caplog.messages == ["session id same belongs to several owners: left out of everybody's sessions"]
    sessions = manager.sessions
    assert (["other"], 1, {"other"}) == (list(sessions), len(sessions), set(dict(sessions)))
    assert [False, True] == ["same" in sessions, "other" in sessions]
    assert ["other"] == [session.id for session in sessions.values()] == [id for id, _ in sessions.items()]
    assert {"same", "other"} == set(manager.get_sessions_for_user("a"))


def test_what_is_left_of_two_is_found_again(manager: SessionManager) -> None:
    mine, theirs = held(manager)
    manager.core.for_owner("a").delete_session("same")
    assert theirs is manager.get_session("same")
    manager.add_message("same", ChatMessage("user", "to b"))
    assert (["to b"], "of b") == ([m.content for m in theirs.history], theirs.name)
    mine.add_message(ChatMessage("assistant", "late"))
    assert (["to b"], [], "of a") == (stored(manager, "b"), mine.history, mine.name)
    with pytest.raises(SessionNotFound):
        manager.core.for_owner("a").get_session("same")


def test_a_session_made_by_hand_for_an_owner_stores_with_that_owner(manager: SessionManager) -> None:
    set_session_manager_instance(manager)
    Session("same", owner="b").add_message(ChatMessage("user", "to b"))
    Session("other", owner="b").add_message(ChatMessage("user", "b has none"))
    with pytest.raises(AmbiguousId):
        Session("same").add_message(ChatMessage("user", "to whom?"))
    assert ([], ["to b"]) == (stored(manager, "a"), stored(manager, "b"))
    assert manager.get_session("other").history == []
