"""Sessions: made, read, changed, deleted."""

import pickle
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from uuid import UUID

import pytest

from ithaca import (
    ChatMessage,
    Conversation,
    InvalidArgument,
    InvalidSession,
    RevisionConflict,
    Session,
    SessionExists,
    SessionManager,
    SessionNotFound,
)
from tests.support.factories import history, make_session, numbers, said, texts
from tests.support.managers import FakeClock

ENDPOINT = "http://localhost:11434/v1"

#: Texts that quoting, searching, counting bytes or comparing letters might stumble over.
HOSTILE = [
    "'; DROP TABLE sessions; --",
    '"quoted" \\ %s :name {field} $1 ? %(x)s',
    "100% _wild_ !bang",
    "Ἰθάκη — 伊萨卡 — إيثاكا — 🏛️👩‍👩‍👧",
    "e\u0301 is not \u00e9",
    "\u202eright to left\u202c",
    "line\nbreak\ttab\r\x1b[31m",
    "\ufdd0 \uffff \U0010ffff",
    " leading and trailing ",
    "x" * 2_000,
]


def test_a_new_session_has_what_it_was_given_and_nothing_else(timed: SessionManager, clock: FakeClock) -> None:
    session = timed.create_session("id-1", "Trip to Pylos", ENDPOINT, "qwen3", True, "telemachus")
    assert session.to_dict() == {
        "owner": "telemachus",
        "id": "id-1",
        "name": "Trip to Pylos",
        "endpoint_url": ENDPOINT,
        "model": "qwen3",
        "rag": True,
        "archived": False,
        "is_important": False,
        "folder": None,
        "mode": None,
        "extra": {},
        "message_count": 0,
        "total_input_tokens": 0,
        "total_output_tokens": 0,
        "revision": 1,
        "created_at": "2026-03-01T05:00:00.000000Z",
        "updated_at": "2026-03-01T05:00:00.000000Z",
        "last_accessed": "2026-03-01T05:00:00.000000Z",
        "last_message_at": None,
        "forked_from": None,
        "forked_at": None,
        "incognito": False,
    }
    assert session.history == []
    assert session.headers == {}
    assert timed.get_session("id-1") == session


def test_a_session_without_an_id_gets_a_uuid7(manager: SessionManager) -> None:
    ids = [manager.create_session().id for _ in range(5)]
    assert [UUID(id).version for id in ids] == [7] * 5
    assert sorted(ids) == ids


def test_folder_mode_extra_and_headers_are_kept(manager: SessionManager) -> None:
    extra = {"pinned": [1, 1.0, True, None], "ναί": {"nested": "{}"}}
    headers = {"Authorization": "Bearer oar"}
    session = manager.create_session(folder="voyages", mode="agent", extra=extra, headers=headers)
    again = manager.get_session(session.id)
    assert ("voyages", "agent", repr(extra), headers) == (again.folder, again.mode, repr(again.extra), again.headers)


def test_an_empty_folder_is_none(manager: SessionManager) -> None:
    session = manager.create_session(folder="", mode="")
    assert (session.folder, session.mode) == (None, None)
    assert manager.update_session(session.id, folder="").folder is None


def test_any_text_makes_a_name_a_model_an_owner(manager: SessionManager) -> None:
    made = [
        manager.create_session(None, text, text, text, owner=text[:60], folder=text, mode=text, extra={text: text})
        for text in HOSTILE
    ]
    stored = [manager.get_session(session.id) for session in made]
    assert [(t, t, t, t[:60], t, t, {t: t}) for t in HOSTILE] == [
        (s.name, s.endpoint_url, s.model, s.owner, s.folder, s.mode, s.extra) for s in stored
    ]


def test_any_text_makes_an_id(manager: SessionManager) -> None:
    for id in [text[:60] for text in HOSTILE] + ["..", "/", "0", "null", "é" * 100]:
        manager.create_session(id)
        manager.add_message(id, ChatMessage("user", "x", id=id))
        assert id == manager.get_session(id).id
        assert id == manager.get_message(id, id).id


def test_ids_that_merely_look_alike_are_different(manager: SessionManager) -> None:
    ids = ["a", "A", "a ", "é", "e\u0301", "ª"]
    for id in ids:
        manager.create_session(id, name=id)
    assert ids == [manager.get_session(id).name for id in ids]


def test_a_taken_id_is_refused_and_nothing_changes(manager: SessionManager) -> None:
    before = make_session(manager, 2, "id-1", name="first")
    with pytest.raises(SessionExists, match="There is a session 'id-1' already") as error:
        manager.create_session("id-1", name="second")
    assert error.value.session_id == "id-1"
    assert manager.get_session("id-1") == before
    assert manager.count_sessions() == 1


BAD_FIELDS: list[tuple[str, object]] = [
    ("name", None),
    ("name", 7),
    ("name", "half \ud800"),
    ("name", "nul \0"),
    ("endpoint_url", b"http://"),
    ("model", None),
    ("rag", "yes"),
    ("rag", 1),
    ("folder", "\udc00"),
    ("folder", 0),
    ("mode", []),
    ("extra", ["not", "an", "object"]),
    ("extra", {1: "key"}),
    ("extra", {"x": float("nan")}),
    ("extra", {"x": "\ud800"}),
    ("endpoint_url", "https://user:sk-planted@host/v1"),
    ("endpoint_url", "https://sk-planted@host"),
    ("endpoint_url", "https://host/v1?key=sk-planted"),
    ("endpoint_url", "https://host/v1#sk-planted"),
    ("headers", {"X-Key": 5}),
    ("headers", {"X-Key": "a\r\nX-Other: b"}),
    ("headers", ["X-Key"]),
]


def test_bad_fields_of_a_new_session_are_refused_by_name(manager: SessionManager) -> None:
    ids = [("session_id", id) for id in ("", 5, "nul \0", "\ud800", "x" * 201)]
    for field, value in BAD_FIELDS + ids:
        with pytest.raises(InvalidSession) as error:
            manager.create_session(**{field: value})
        assert field.removeprefix("session_") == error.value.field
        assert "sk-planted" not in str(error.value)
    assert manager.count_sessions() == 0


def test_bad_fields_of_an_update_are_refused_by_name(manager: SessionManager) -> None:
    session = manager.create_session("id-1", headers={"X-Key": "first"})
    for field, value in [*BAD_FIELDS, ("archived", 1)]:
        with pytest.raises(InvalidSession) as error:
            manager.update_session("id-1", is_important=True, **{field: value})
        assert field == error.value.field
    assert manager.get_session("id-1") == session


def test_any_stored_session_is_found_archived_empty_or_old(timed: SessionManager, clock: FakeClock) -> None:
    ids = [timed.create_session(name=name).id for name in ("archived", "empty", "old")]
    timed.archive_session(ids[0])
    timed.add_message(ids[2], ChatMessage("user", "long ago"))
    clock.move(days=4_000)
    assert [timed.get_session(id).name for id in ids] == ["archived", "empty", "old"]


def test_a_missing_session_is_a_key_error(manager: SessionManager) -> None:
    for missing in ("nope", "", "x" * 5_000, "nul \0", "\ud800", "'; --"):
        with pytest.raises(SessionNotFound) as error:
            manager.get_session(missing)
        assert isinstance(error.value, KeyError)
        assert error.value.session_id == missing
        assert str(error.value) == f"There is no session {missing!r}."


def test_a_session_comes_with_all_the_last_or_no_messages(manager: SessionManager) -> None:
    id = make_session(manager, 3).id
    asked = {None: ["1", "2", "3"], 0: [], 1: ["3"], 2: ["2", "3"], 3: ["1", "2", "3"], 99: ["1", "2", "3"]}
    assert asked == {last: said(manager.get_session(id, last=last).history) for last in asked}
    assert [3] * len(asked) == [manager.get_session(id, last=last).message_count for last in asked]


def test_a_bad_number_of_messages_is_a_value_error(manager: SessionManager) -> None:
    id = make_session(manager, 3).id
    for last in (-1, True, "1", 1.0):
        with pytest.raises(ValueError, match="last must be a whole number"):
            manager.get_session(id, last=last)


def test_numbers_beyond_any_database_are_answered_or_refused_like_others(manager: SessionManager) -> None:
    """One behaviour on every database: as large as any, or refused by name; never a driver's own error."""
    id = make_session(manager, 3).id
    absurd = 2**70
    calls: list[Callable[[], object]] = [
        lambda: manager.get_session(id, last=absurd),
        lambda: manager.get_messages(id, before=absurd),
        lambda: manager.get_messages(id, after=absurd),
        lambda: list(manager.iter_messages(id, after=absurd)),
        lambda: manager.add_message(id, ChatMessage("user", "x"), expected_revision=absurd),
        lambda: manager.rename_session(id, "x", expected_revision=absurd),
        lambda: manager.truncate_messages(id, absurd),
    ]
    for call in calls:
        with suppress(InvalidArgument, RevisionConflict):
            call()
    assert history(manager, id) == ["1", "2", "3"]


def test_every_reading_has_a_history_of_its_own(manager: SessionManager) -> None:
    id = make_session(manager, 2).id
    one, another = manager.get_session(id), manager.get_session(id)
    one.history.append(ChatMessage("user", "mine alone"))
    assert said(another.history) == ["1", "2"]
    assert history(manager, id) == ["1", "2"]


def test_a_session_cannot_be_changed_by_hand(manager: SessionManager) -> None:
    session = make_session(manager, 1)
    with pytest.raises(AttributeError, match="frozen"):
        session.name = "other"
    with pytest.raises(AttributeError, match="frozen"):
        del session.history[0].content
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        session.colour  # noqa: B018


def test_messages_and_errors_can_be_pickled(manager: SessionManager) -> None:
    [message] = make_session(manager, [ChatMessage("user", ["x", {"type": "text"}], {"a": 1})]).history
    assert pickle.loads(pickle.dumps(message)) == message
    with pytest.raises(SessionNotFound) as error:
        manager.get_session("nope")
    again = pickle.loads(pickle.dumps(error.value))
    assert (SessionNotFound, "nope", str(error.value)) == (type(again), again.session_id, str(again))


def test_an_update_changes_what_is_given_and_keeps_the_rest(timed: SessionManager, clock: FakeClock) -> None:
    before = make_session(
        timed, 1, name="old", endpoint_url=ENDPOINT, model="m", folder="f", mode="chat", extra={"a": 1}
    )
    now = clock.move(minutes=1)
    changes = {
        "name": "new",
        "endpoint_url": "http://elsewhere/v1",
        "model": "other",
        "folder": None,
        "mode": "research",
        "rag": True,
        "archived": True,
        "is_important": True,
        "extra": {"b": [2]},
    }
    for field, value in changes.items():
        session = timed.update_session(before.id, **{field: value})
        unchanged = set(before.to_dict()) - {field, "revision", "updated_at", "last_accessed"}
        assert {name: getattr(before, name) for name in unchanged} == {n: getattr(session, n) for n in unchanged}
        assert (value, before.revision + 1, now, now) == (
            getattr(session, field),
            session.revision,
            session.updated_at,
            session.last_accessed,
        )
        before = session
    assert timed.get_session(before.id, last=0) == before


CHANGES: dict[str, Callable[[SessionManager, str], Session]] = {
    "rename": lambda m, id: m.rename_session(id, "renamed"),
    "archive": lambda m, id: m.archive_session(id),
    "unarchive": lambda m, id: m.unarchive_session(id),
    "star": lambda m, id: m.mark_important(id),
    "unstar": lambda m, id: m.mark_important(id, False),
}


def test_changes_work_on_sessions_that_another_made(manager: SessionManager, other: SessionManager) -> None:
    changed = {}
    for change, call in CHANGES.items():
        id = make_session(other, 1).id
        session = call(manager, id)
        assert other.get_session(id, last=0) == session
        changed[change] = (session.name, session.archived, session.is_important)
        with pytest.raises(SessionNotFound):
            call(manager, "nope")
    assert changed == {
        "rename": ("renamed", False, False),
        "archive": ("New chat", True, False),
        "unarchive": ("New chat", False, False),
        "star": ("New chat", False, True),
        "unstar": ("New chat", False, False),
    }


def test_archiving_and_starring_can_be_undone(manager: SessionManager) -> None:
    id = make_session(manager).id
    manager.archive_session(id)
    manager.mark_important(id)
    manager.unarchive_session(id)
    session = manager.mark_important(id, False)
    assert (session.archived, session.is_important, session.revision) == (False, False, 5)


def test_deleting_takes_the_messages_and_leaves_the_documents(manager: SessionManager) -> None:
    id = make_session(manager, 3).id
    document = manager.create_document("Map", "here be sirens", session_id=id)
    removed = manager.delete_session(id)
    assert (removed.sessions, removed.messages, removed.documents) == (1, 3, 0)
    assert removed.trash_id
    for call in (manager.get_session, manager.get_messages, manager.delete_session):
        with pytest.raises(SessionNotFound):
            call(id)
    kept = manager.get_document(document.id)
    assert (kept.session_id, kept.content, kept.revision) == (None, "here be sirens", 2)


def test_a_message_for_a_session_that_was_deleted_meanwhile_is_not_stored(
    manager: SessionManager, other: SessionManager
) -> None:
    held = make_session(manager, 1)
    other.delete_session(held.id)
    for late in ([ChatMessage("assistant", "late")], texts(3)):
        with pytest.raises(SessionNotFound):
            manager.add_messages(held.id, late)
    manager.create_session(held.id)
    assert history(manager, held.id) == []


def test_an_id_can_be_used_again_after_deleting(manager: SessionManager) -> None:
    first = make_session(manager, 3, "id-1", name="first")
    manager.delete_session("id-1")
    again = make_session(manager, 1, "id-1", name="second")
    assert (again.name, said(again.history), numbers(again.history)) == ("second", ["1"], [1])
    assert again.history[0].id != first.history[0].id


def test_deleting_many_counts_those_that_were_there_and_keeps_starred_ones(manager: SessionManager) -> None:
    ids = [make_session(manager, n).id for n in range(4)]
    manager.mark_important(ids[3])
    removed = manager.delete_sessions([*ids, ids[0], "nope"])
    assert (removed.sessions, removed.messages) == (3, 0 + 1 + 2)
    assert [ids[3]] == [session.id for session in manager.list_sessions()]
    assert manager.delete_sessions(iter(ids), important=True).sessions == 1
    assert manager.delete_sessions(ids) == manager.delete_sessions([])


def test_deleting_many_wants_a_list_of_ids(manager: SessionManager) -> None:
    manager.create_session("id-1")
    for ids in ("id-1", None, ["id-1", 1], ["id-1", ""], 5):
        with pytest.raises(InvalidArgument, match="session_ids"):
            manager.delete_sessions(ids)
    assert manager.count_sessions() == 1


def test_a_task_session_is_made_once(manager: SessionManager, other: SessionManager) -> None:
    task, later, elsewhere = SimpleNamespace(session_id=None), SimpleNamespace(), SimpleNamespace()
    made = manager.ensure_task_session("task-1", "Task", ENDPOINT, "qwen3", "telemachus", task)
    assert (
        made.id, made.name, made.endpoint_url, made.model, made.owner,
    ) == ("task-1", "Task", ENDPOINT, "qwen3", "telemachus")  # fmt: skip
    again = manager.ensure_task_session("task-1", "Other", "", "other", "telemachus", task=later)
    only_stored = other.ensure_task_session("task-1", "Other", "", "other", "telemachus", elsewhere)
    assert [made, made] == [again, only_stored]
    assert [t.session_id for t in (task, later, elsewhere)] == ["task-1"] * 3
    assert manager.ensure_task_session("task-2", "Task", ENDPOINT, "qwen3").owner == ""


def test_another_managers_changes_are_seen_at_the_next_call(manager: SessionManager, other: SessionManager) -> None:
    id = make_session(manager, 1).id
    other.rename_session(id, "renamed")
    other.add_message(id, ChatMessage("user", "2"))
    session = manager.get_session(id)
    assert (session.name, said(session.history)) == ("renamed", ["1", "2"])
    other.delete_session(id)
    assert manager.list_sessions().items == []


def test_an_update_of_nothing_is_refused(manager: SessionManager) -> None:
    session = make_session(manager)
    with pytest.raises(InvalidArgument, match="nothing"):
        manager.update_session(session.id)
    assert manager.get_session(session.id).revision == session.revision


def test_an_import_leaves_out_what_could_be_a_secret_in_a_url(manager: SessionManager) -> None:
    for url, kept in (
        ("https://u:sk-planted@host/v1?key=sk-planted", "https://host/v1"),
        ("http://h:1/v1", "http://h:1/v1"),
        ("local@home?", "local@home?"),
    ):
        manager.import_conversations([Conversation(kept, "x", [], endpoint_url=url)])
        assert manager.get_session(kept).endpoint_url == kept
