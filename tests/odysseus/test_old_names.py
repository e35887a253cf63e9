"""What users of the old manager rely on, under its names and by its conventions."""

import logging
import pickle
import threading
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest

import ithaca
from ithaca import InvalidMessage, SessionExists, SessionNotFound
from ithaca.odysseus import (
    ChatMessage,
    Session,
    SessionManager,
    get_session_manager_instance,
    set_session_manager_instance,
)

URL = "http://localhost:11434/v1"


def contents(session: Session) -> list[Any]:
    return [message.content for message in session.history]


def stored(manager: SessionManager, session_id: str = "s1") -> list[Any]:
    """What the store holds, whatever session objects show."""
    return [message.content for message in manager.core.get_session(session_id).history]


# A session


def test_a_session_has_the_old_fields(manager: SessionManager) -> None:
    session = manager.create_session("id-1", "name", URL, "qwen3")
    fields = ("id", "name", "endpoint_url", "model", "rag", "archived", "headers", "history", "owner")
    assert [session[field] for field in fields] == ["id-1", "name", URL, "qwen3", False, False, {}, [], None]
    assert (session.is_important, session.message_count) == (False, 0)


def test_owner_is_none_where_there_is_none(manager: SessionManager) -> None:
    manager.create_session("s1", "n", URL, "m")
    manager.create_session("s2", "n", URL, "m", False, "penelope")
    assert [manager.get_session(id).owner for id in ("s1", "s2")] == [None, "penelope"]


def test_a_session_reads_like_a_dict(session: Session) -> None:
    assert (session["name"], session.get("name"), session.get("nothing", "none")) == ("Pylos", "Pylos", "none")
    assert ["name" in session, "history" in session, "nothing" in session, 5 in session] == [True, True, False, False]
    assert {"id": "s1", "name": "Pylos", "owner": "telemachus", "headers": {}}.items() <= dict(session).items()
    assert list(session) == list(dict(session))
    with pytest.raises(KeyError):
        session["nothing"]


def test_history_is_a_list_of_its_own_with_an_alias() -> None:
    one, two = Session("a"), Session("b", "name", URL, "m", False, False, {"X": "y"}, None, "penelope", True, 7)
    assert one.history is one._history
    assert one.history is not two.history
    assert (two.owner, two.is_important, two.message_count, two.headers) == ("penelope", True, 7, {"X": "y"})
    two._history = [ChatMessage("user", "hi")]
    assert [ChatMessage("user", "hi")] == two.history


def test_messages_and_sessions_take_what_is_set_on_them(session: Session) -> None:
    session.name, session.history[0].content = "Sparta", "changed"
    assert (session["name"], session.history[0].get("content")) == ("Sparta", "changed")


def test_a_message_as_a_dict_leaves_out_what_says_nothing() -> None:
    assert ChatMessage("user", "hi").to_dict() == {"role": "user", "content": "hi"}
    call = ChatMessage("assistant", None, {"a": 1}, tool_calls=[{"id": "c1"}])
    expected = {"role": "assistant", "content": None, "metadata": {"a": 1}, "tool_calls": [{"id": "c1"}]}
    assert expected == call.to_dict()


def test_the_context_leaves_out_slash_and_hidden_messages(session: Session) -> None:
    session.add_message(ChatMessage("user", "/setup", {"source": "slash"}))
    session.add_message(ChatMessage("user", "secret", {"hidden": True}))
    assert [message["content"] for message in session.get_context_messages()] == ["1", "2", "3"]
    assert contents(session) == ["1", "2", "3", "/setup", "secret"]


# Making and getting


def test_create_refuses_a_taken_id_and_changes_nothing(manager: SessionManager, session: Session) -> None:
    with pytest.raises(SessionExists):
        manager.create_session("s1", "other", URL, "m")
    assert (manager.get_session("s1").name, stored(manager)) == ("Pylos", ["1", "2", "3"])


def test_get_returns_one_object_an_id_and_a_key_error_for_none(manager: SessionManager, session: Session) -> None:
    assert session is manager.get_session("s1")
    with pytest.raises(KeyError):
        manager.get_session("nothing")


def test_get_finds_archived_and_empty_sessions(manager: SessionManager, other: SessionManager) -> None:
    manager.create_session("s1", "n", URL, "m")
    manager.archive_session("s1")
    assert (other.get_session("s1").archived, other.get_session("s1").history) == (True, [])


def test_history_is_fetched_whole_and_alike(other: SessionManager, session: Session) -> None:
    assert session.history == other.get_session("s1").history
    assert [m.id for m in session.history] == [m.id for m in other.get_session("s1").history]


def test_get_shows_what_another_process_did(manager: SessionManager, other: SessionManager, session: Session) -> None:
    first = session.history[0]
    theirs = other.get_session("s1")
    theirs.add_message(ChatMessage("user", "4"))
    other.update_session_name("s1", "Sparta")
    other.core.edit_message("s1", str(first.id), "one")
    assert contents(session) == ["1", "2", "3"]
    assert (session, "Sparta", 4) == (manager.get_session("s1"), session.name, session.message_count)
    assert contents(session) == ["one", "2", "3", "4"]
    assert first is session.history[0]


def test_get_shows_one_append_of_another_process(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    first = session.history[0]
    other.core.add_messages("s1", [ithaca.ChatMessage("user", "4"), ithaca.ChatMessage("user", "5")])
    assert contents(manager.get_session("s1")) == ["1", "2", "3", "4", "5"]
    assert first is session.history[0]


def test_get_undoes_what_was_set_and_not_saved(manager: SessionManager, session: Session) -> None:
    session.name = "Sparta"
    session.headers["X"] = "y"
    session.history.pop()
    manager.get_session("s1")
    assert (session.name, session.headers, contents(session)) == ("Pylos", {}, ["1", "2", "3"])


def test_a_session_made_again_under_an_old_id_is_another(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    manager.update_session_name("s1", "a later revision than the new one has")
    other.delete_session("s1")
    other.create_session("s1", "new", URL, "m", owner="telemachus").add_message(ChatMessage("user", "new"))
    assert session is manager.get_session("s1")
    assert (session.name, contents(session), session.message_count) == ("new", ["new"], 1)


# Listing


def test_sessions_of_a_user_are_those_of_exactly_that_owner(manager: SessionManager) -> None:
    for id, owner in [("a", "penelope"), ("b", "Penelope"), ("c", None), ("d", "penelope")]:
        manager.create_session(id, "n", URL, "m", owner=owner)
    assert {"a", "d"} == set(manager.get_sessions_for_user("penelope"))
    assert {"c"} == set(manager.get_sessions_for_user(""))
    assert set() == set(manager.get_sessions_for_user("PENELOPE"))
    assert {"a", "b", "c", "d"} == set(manager.get_sessions_for_user(None))


def test_listed_sessions_are_the_ones_that_are_held_and_fetch_their_history(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    assert session is manager.get_sessions_for_user("telemachus")["s1"]
    assert contents(other.get_sessions_for_user()["s1"]) == ["1", "2", "3"]


def test_the_last_active_comes_first(manager: SessionManager, session: Session) -> None:
    manager.create_session("s2", "n", URL, "m")
    manager.create_session("s3", "n", URL, "m")
    manager.add_message("s1", ChatMessage("user", "4"))
    assert list(manager.get_sessions_for_user()) == ["s1", "s3", "s2"]


def test_a_list_is_safe_to_go_through_while_others_add_and_delete(manager: SessionManager, session: Session) -> None:
    for count, id in enumerate(manager.get_sessions_for_user()):
        manager.create_session(f"new {count}", "n", URL, "m")
        manager.delete_session(id)
    assert list(manager.sessions) == ["new 0"]


def test_sessions_is_a_mapping_over_the_database(manager: SessionManager, other: SessionManager) -> None:
    assert (len(manager.sessions), list(manager.sessions)) == (0, [])
    session = other.create_session("s1", "n", URL, "m")
    assert ("s1" in manager.sessions, "s2" in manager.sessions, None in manager.sessions) == (True, False, False)
    assert (len(manager.sessions), list(manager.sessions)) == (1, ["s1"])
    assert session is other.sessions["s1"]
    assert session is other.sessions.get("s1")
    assert other.sessions.get("s2", "none") == "none"
    assert [("s1", session)] == list(other.sessions.items())
    assert [session] == list(other.sessions.values())
    with pytest.raises(KeyError):
        other.sessions["s2"]


# Changing and deleting


def test_rename_archive_and_star_work_on_any_stored_session(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    other.update_session_name("s1", "Sparta")
    other.archive_session("s1")
    other.mark_important("s1")
    assert session is manager.get_session("s1")
    assert (session.name, session.archived, session.is_important) == ("Sparta", True, True)
    manager.unarchive_session("s1")
    manager.mark_important("s1", False)
    assert (session.archived, session.is_important) == (False, False)


@pytest.mark.parametrize("call", ["update_session_name", "archive_session", "unarchive_session", "mark_important"])
def test_changing_a_missing_session_raises(manager: SessionManager, call: str) -> None:
    with pytest.raises(SessionNotFound):
        getattr(manager, call)("nothing", *["name"] * (call == "update_session_name"))


def test_delete_is_true_once(manager: SessionManager, session: Session) -> None:
    document = manager.core.create_document("Plan", session_id="s1")
    assert [manager.delete_session("s1"), manager.delete_session("s1")] == [True, False]
    assert None is manager.core.get_document(document.id).session_id
    with pytest.raises(SessionNotFound):
        manager.get_session("s1")


def test_a_task_gets_the_stored_session_or_a_new_one(manager: SessionManager, other: SessionManager) -> None:
    task, again = SimpleNamespace(session_id=None), SimpleNamespace(session_id=None)
    made = manager.ensure_task_session("t1", "task", URL, "m", "penelope", task)
    found = other.ensure_task_session("t1", "another name", "", "", None, again)
    assert (task.session_id, again.session_id, found.name, found.owner) == ("t1", "t1", "task", "penelope")
    assert made is manager.ensure_task_session("t1", "x", "", "")


def test_clean_up_counts_what_it_did(manager: SessionManager, session: Session) -> None:
    manager.create_session("empty", "n", URL, "m")
    expected = {"deleted_empty": 1, "archived_old": 0, "total_checked": 2}
    assert expected == manager.cleanup_empty_sessions(auto_archive_days=30, min_age_hours=0)


# Messages


def test_a_message_gets_its_id_number_and_time(manager: SessionManager, session: Session) -> None:
    message = ChatMessage("user", "4", {"own": 1})
    manager.add_message("s1", message)
    found = manager.core.get_session("s1", last=1).history[0]
    assert (found.id, 4, found.created_at) == (message.id, message.seq, message.timestamp)
    printed = ithaca.columns.iso(message.timestamp)  # type: ignore[arg-type]
    assert {"own": 1, "_db_id": found.id, "timestamp": printed} == message.metadata
    assert found.metadata == {"own": 1}
    assert message is session.history[-1]


def test_a_callers_own_timestamp_is_kept(manager: SessionManager, session: Session) -> None:
    message = ChatMessage("user", "4", {"timestamp": "yesterday"})
    session.add_message(message)
    assert message.metadata["timestamp"] == "yesterday"  # type: ignore[index]
    assert manager.core.get_session("s1", last=1).history[0].metadata == {"timestamp": "yesterday"}


def test_two_messages_never_share_metadata(session: Session) -> None:
    shared: dict[str, Any] = {"tags": []}
    for number in (4, 5):
        session.add_message(ChatMessage("user", str(number), shared))
    four, five = (message.metadata or {} for message in session.history[3:])
    four["tags"].append("x")
    assert (five["tags"], shared["tags"]) == ([], [])
    assert four["_db_id"] != five["_db_id"]


@pytest.mark.parametrize("content", ["", '[{"type": "text"}]', [], ["plain", {"type": "new"}], None])
def test_content_comes_back_as_it_went_in(manager: SessionManager, other: SessionManager, content: Any) -> None:
    manager.create_session("s1", "n", URL, "m").add_message(ChatMessage("assistant", content))
    assert [content] == contents(other.get_session("s1"))


def test_adding_by_id_needs_no_object(other: SessionManager, session: Session) -> None:
    message = ChatMessage("user", "4")
    other.add_message("s1", message)
    assert (message.seq, stored(other)) == (4, ["1", "2", "3", "4"])


def test_adding_to_a_missing_session_raises(manager: SessionManager) -> None:
    with pytest.raises(SessionNotFound):
        manager.add_message("nothing", ChatMessage("user", "x"))


@pytest.mark.parametrize("by", ["session", "manager"])
def test_a_message_for_a_session_deleted_meanwhile_is_dropped_with_a_warning(
    manager: SessionManager, other: SessionManager, session: Session, caplog: pytest.LogCaptureFixture, by: str
) -> None:
    other.delete_session("s1")
    message = ChatMessage("assistant", "late")
    with caplog.at_level(logging.WARNING, "ithaca"):
        session.add_message(message) if by == "session" else manager.add_message("s1", message)
    assert caplog.messages == ["session s1 was deleted: a message for it was dropped"]
    assert (message.id, contents(session)) == (None, ["1", "2", "3"])
    with pytest.raises(SessionNotFound):
        manager.get_session("s1")
    with pytest.raises(SessionNotFound):
        manager.add_message("s1", message)


def test_a_held_session_that_this_manager_deleted_takes_no_more(manager: SessionManager, session: Session) -> None:
    manager.delete_session("s1")
    session.add_message(ChatMessage("assistant", "late"))
    assert contents(session) == ["1", "2", "3"]
    assert manager.core.count_sessions() == 0


def test_an_archived_session_stays_archived(manager: SessionManager, session: Session) -> None:
    manager.archive_session("s1")
    session.add_message(ChatMessage("user", "4"))
    assert manager.get_session("s1").archived


@pytest.mark.parametrize(("keep", "left"), [(0, []), (2, ["1", "2"]), (3, ["1", "2", "3"]), (10, ["1", "2", "3"])])
def test_truncate_keeps_the_first(manager: SessionManager, session: Session, keep: int, left: list[str]) -> None:
    assert manager.truncate_messages("s1", keep) is True
    assert (left, left, len(left)) == (stored(manager), contents(session), session.message_count)


def test_truncate_by_a_negative_number_is_false_and_changes_nothing(manager: SessionManager, session: Session) -> None:
    assert manager.truncate_messages("s1", -1) is False
    assert stored(manager) == ["1", "2", "3"]


def test_replace_keeps_the_ids_and_times_of_what_stays(manager: SessionManager, session: Session) -> None:
    three = session.history[2]
    known = [(three.id, three.timestamp)]
    new = [ChatMessage("system", "summary"), three]
    assert manager.replace_messages("s1", new) is True
    assert new == session.history
    assert new[0] is session.history[0]
    assert known == [(m.id, m.created_at) for m in manager.core.get_session("s1").history[1:]]


def test_replace_knows_messages_that_were_made_anew_from_their_metadata(
    manager: SessionManager, session: Session
) -> None:
    copies = [ChatMessage(m.role, m.content, dict(m.metadata or {})) for m in session.history[:2]]
    ids = [m.id for m in session.history[:2]]
    manager.replace_messages("s1", copies)
    assert ids == [m.id for m in manager.core.get_session("s1").history]


def test_replace_by_the_same_touches_nothing(manager: SessionManager, session: Session) -> None:
    before = manager.core.get_session("s1")
    manager.replace_messages("s1", session.history)
    assert before == manager.core.get_session("s1")


def test_replace_refuses_to_overwrite_what_arrived_since_the_session_was_obtained(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    theirs = other.get_session("s1")  # and nobody looks at its history
    session.add_message(ChatMessage("user", "arrived meanwhile"))
    with pytest.raises(ithaca.RevisionConflict):
        other.replace_messages("s1", [ChatMessage("system", "summary")])
    assert stored(manager) == ["1", "2", "3", "arrived meanwhile"]
    assert theirs is other.get_session("s1")
    other.replace_messages("s1", [ChatMessage("system", "summary")])
    assert stored(manager) == ["summary"]


@pytest.mark.parametrize("looked_at", [True, False])
def test_changes_of_ones_own_do_not_stand_in_the_way_of_replacing(
    other: SessionManager, session: Session, looked_at: bool
) -> None:
    mine = other.get_session("s1")
    if looked_at:
        assert contents(mine) == ["1", "2", "3"]
    mine.add_message(ChatMessage("user", "4"))
    other.truncate_messages("s1", 2)
    other.update_session_name("s1", "Sparta")
    for number in (1, 2, 3):
        other.replace_messages("s1", [ChatMessage("system", f"summary {number}")])
        other.truncate_messages("s1", 5)
    kept = list(mine.history)
    kept[0].content = "said otherwise"
    other.replace_messages("s1", kept)
    other.replace_messages("s1", [*kept, ChatMessage("user", "last")])
    assert ["said otherwise", "last"] == stored(other) == contents(mine)


def test_replace_by_nothing_empties(manager: SessionManager, session: Session) -> None:
    manager.replace_messages("s1", [])
    assert (stored(manager), session.history, session.message_count) == ([], [], 0)


def test_replace_is_all_or_nothing(manager: SessionManager, session: Session) -> None:
    with pytest.raises(InvalidMessage):
        manager.replace_messages("s1", [ChatMessage("user", "new"), ChatMessage("user", object())])  # type: ignore[arg-type]
    assert (stored(manager), contents(session)) == (["1", "2", "3"], ["1", "2", "3"])


def test_messages_of_one_session_can_be_added_to_another(manager: SessionManager, session: Session) -> None:
    fork = manager.create_session("fork", "n", URL, "m")
    for message in session.history:
        fork.add_message(message)
    assert contents(session) == contents(manager.get_session("fork"))
    assert not set(map(id, session.history)) & set(map(id, fork.history))


@pytest.mark.parametrize("looked_at", [True, False])
@pytest.mark.parametrize("by", ["session", "manager"])
def test_a_message_object_that_is_added_again_is_another_message(
    manager: SessionManager, other: SessionManager, by: str, looked_at: bool
) -> None:
    using = manager if looked_at else other
    manager.create_session("s1", "n", URL, "m")
    session = using.get_session("s1")
    assert not looked_at or session.history == []
    add = session.add_message if by == "session" else lambda message: using.add_message("s1", message)
    message = ChatMessage("user", [{"type": "text", "text": "1"}], {"own": True})
    for _ in range(3):
        add(message)
        first = message.id, message.seq, message.timestamp
    found = manager.core.get_session("s1").history
    assert first == (found[0].id, 1, found[0].created_at)
    assert message is session.history[0]
    assert [m.id for m in found] == [m.id for m in session.history]
    assert [m.id for m in found] == [(m.metadata or {})["_db_id"] for m in session.history]
    assert [{"own": True}] * 3 == [m.metadata for m in found]
    assert found[0].created_at < found[2].created_at  # type: ignore[operator]
    message.content[0]["text"] = "changed"  # type: ignore[index]
    assert [content[0]["text"] for content in contents(session)] == ["changed", "1", "1"]
    using.save_sessions()
    assert [content[0]["text"] for content in stored(manager)] == ["changed", "1", "1"]


def test_a_message_object_that_goes_to_another_session_goes_on_standing_for_the_first(
    manager: SessionManager, session: Session
) -> None:
    target, message = manager.create_session("s2", "n", URL, "m"), session.history[1]
    target.add_message(message)
    assert message is session.history[1]
    message.content = "changed"
    manager.save_sessions()
    assert (["1", "changed", "3"], ["2"]) == (stored(manager), stored(manager, "s2"))
    assert (["1", "changed", "3"], ["2"]) == (contents(session), contents(target))


def test_a_history_put_into_another_session_stays_in_its_own(manager: SessionManager, session: Session) -> None:
    fork = manager.create_session("fork", "n", URL, "m")
    manager.replace_messages("fork", session.history[1:])
    session.add_message(ChatMessage("user", "4"))
    manager.core.add_message("s1", ithaca.ChatMessage("user", "5"))
    assert ["1", "2", "3", "4", "5"] == contents(manager.get_session("s1"))
    assert (["2", "3"], [1, 2]) == (contents(fork), [m.seq for m in fork.history])
    assert [1, 2, 3, 4, 5] == [m.seq for m in session.history]


def test_messages_and_histories_can_be_pickled_and_copied(session: Session) -> None:
    for twin in (pickle.loads(pickle.dumps(session.history)), deepcopy(session.history)):
        assert session.history == twin


# Loading and saving


def test_save_writes_what_was_set_on_sessions(manager: SessionManager, other: SessionManager, session: Session) -> None:
    session.name, session.folder, session.extra = "Sparta", "Journeys", {"a": 1}
    session.headers["Authorization"] = "Bearer k"
    manager.save_sessions()
    found = other.get_session("s1")
    assert (found.name, found.folder, found.extra) == ("Sparta", "Journeys", {"a": 1})
    assert found.headers == {"Authorization": "Bearer k"}
    assert session.name == "Sparta"


def test_save_never_sends_old_headers_to_a_new_endpoint(manager: SessionManager, session: Session) -> None:
    manager.core.update_session("s1", headers={"Authorization": "Bearer k"})
    manager.get_session("s1")
    assert session.headers == {"Authorization": "Bearer k"}
    session.endpoint_url = "https://elsewhere.example/v1"
    manager.save_sessions()
    assert manager.core.get_session("s1").headers == {}


def test_save_writes_messages_that_were_put_taken_and_changed(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    session.history.append(ChatMessage("user", "4"))
    session.history[1].content = "two"
    del session.history[0]
    manager.save_sessions()
    assert (stored(other), contents(session)) == (["two", "3", "4"], ["two", "3", "4"])
    assert session.message_count == 3


def test_save_without_changes_writes_nothing(manager: SessionManager, session: Session) -> None:
    before = manager.core.get_session("s1")
    manager.save_sessions()
    assert before == manager.core.get_session("s1")


def test_save_refuses_to_overwrite_what_was_not_seen(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    session.history.pop()
    other.add_message("s1", ChatMessage("user", "4"))
    with pytest.raises(ithaca.RevisionConflict):
        manager.save_sessions()
    assert stored(manager) == ["1", "2", "3", "4"]


def test_save_writes_fields_and_messages_together(manager: SessionManager, session: Session) -> None:
    session.name = "Sparta"
    session.history.append(ChatMessage("user", "4"))
    manager.save_sessions()
    assert ("Sparta", ["1", "2", "3", "4"]) == (manager.core.get_session("s1").name, stored(manager))
    assert (session.name, contents(session)) == ("Sparta", ["1", "2", "3", "4"])


def test_what_was_set_outlasts_changes_from_here_until_it_is_saved(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    session = other.get_session("s1")
    session.folder, session.headers = "Journeys", {"X": "y"}
    other.update_session_name("s1", "Sparta")
    session.add_message(ChatMessage("user", "4"))
    assert contents(session) == ["1", "2", "3", "4"]
    session.history.append(ChatMessage("user", "5"))
    other.mark_important("s1")
    other.add_message("s1", ChatMessage("user", "6"))
    other.save_sessions()
    found = manager.get_session("s1")
    assert (found.name, found.folder, found.headers, found.is_important) == ("Sparta", "Journeys", {"X": "y"}, True)
    assert stored(manager) == contents(session) == ["1", "2", "3", "4", "5", "6"]


def test_save_writes_a_history_that_was_set(manager: SessionManager, other: SessionManager, session: Session) -> None:
    theirs = other.get_session("s1")
    theirs.history = [ChatMessage("user", "anew")]
    assert contents(theirs) == ["anew"]
    other.save_sessions()
    assert stored(manager) == ["anew"]
    other.get_session("s1").history = []
    other.save_sessions()
    assert stored(manager) == []


def test_save_writes_a_history_that_was_set_over_nothing_unseen(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    theirs = other.get_session("s1")
    session.add_message(ChatMessage("user", "4"))
    theirs.history = [ChatMessage("user", "anew")]
    with pytest.raises(ithaca.RevisionConflict):
        other.save_sessions()
    assert (stored(manager), contents(theirs)) == (["1", "2", "3", "4"], ["anew"])


def test_save_writes_a_changed_message_whose_history_nobody_looked_at(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    theirs, message = other.get_session("s1"), ChatMessage("assistant", "beginning …")
    theirs.add_message(message)
    message.content = "all of it"
    other.save_sessions()
    assert stored(manager) == contents(theirs) == ["1", "2", "3", "all of it"]
    assert message is theirs.history[3]


def test_a_changed_message_waits_until_what_others_wrote_was_looked_at(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    session.history[0].content = "changed"
    other.add_message("s1", ChatMessage("user", "4"))
    manager.get_session("s1")
    with pytest.raises(ithaca.RevisionConflict):
        manager.save_sessions()
    assert contents(session) == ["changed", "2", "3", "4"]
    manager.save_sessions()
    assert stored(manager) == ["changed", "2", "3", "4"]


def test_a_session_that_cannot_be_saved_keeps_no_other_from_being_saved(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    gone, last = (manager.create_session(id, "n", URL, "m") for id in ("s2", "s3"))
    session.history.pop()
    gone.name = last.name = "set"
    other.add_message("s1", ChatMessage("user", "4"))
    other.delete_session("s2")
    for _ in range(2):
        with pytest.raises(ithaca.RevisionConflict):
            manager.save_sessions()
    assert (other.get_session("s3").name, stored(other)) == ("set", ["1", "2", "3", "4"])
    manager.get_session("s1")
    manager.save_sessions()


def test_save_cannot_give_a_session_away(manager: SessionManager, session: Session) -> None:
    session.owner = "eumaeus"
    with pytest.raises(ithaca.InvalidSession):
        manager.save_sessions()


def test_load_and_sync_bring_held_objects_up_to_date(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    other.update_session_name("s1", "Sparta")
    assert manager.sync_session_metadata("s1") is True
    assert session.name == "Sparta"
    other.update_session_name("s1", "Ithaca")
    manager.load_sessions()
    assert session.name == "Ithaca"
    other.delete_session("s1")
    assert manager.sync_session_metadata("s1") is False


def test_the_instance_is_what_was_set(manager: SessionManager) -> None:
    assert None is get_session_manager_instance()
    set_session_manager_instance(manager)
    assert manager is get_session_manager_instance()


def test_a_session_made_by_hand_stores_through_the_instance(
    manager: SessionManager, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    by_hand, lost = Session("s1"), Session("nothing")
    by_hand.add_message(ChatMessage("user", "kept to itself"))
    set_session_manager_instance(manager)
    by_hand.add_message(ChatMessage("user", "4"))
    lost.add_message(ChatMessage("user", "5"))
    assert stored(manager) == ["1", "2", "3", "4"]
    assert (contents(by_hand), contents(lost)) == (["kept to itself", "4"], [])
    assert len(caplog.messages) == 1


def test_a_manager_of_the_clean_interface_can_be_shared(manager: SessionManager, session: Session) -> None:
    theirs = SessionManager(manager.core.for_owner("penelope"))
    assert theirs.get_sessions_for_user() == {}
    with pytest.raises(SessionNotFound):
        theirs.get_session("s1")


@pytest.mark.on_disk
def test_threads_may_use_one_object_an_id(manager: SessionManager, session: Session) -> None:
    found: list[Session] = []
    threads = [threading.Thread(target=lambda: found.append(manager.get_session("s1"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [session] * 8 == found
