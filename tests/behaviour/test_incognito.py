"""Incognito sessions: every call works on them, no file ever sees them, and they are gone with their manager."""

import gc
import inspect
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ithaca import (
    AttachmentNotFound,
    ChatMessage,
    Conversation,
    InvalidArgument,
    InvalidDocument,
    InvalidMessage,
    ManagerClosed,
    Session,
    SessionExists,
    SessionManager,
    SessionNotFound,
    TrashNotFound,
)
from ithaca.storage import is_postgres
from tests.support.factories import history, make_session, said, texts
from tests.support.managers import Opener, execute

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 64
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64encode(PNG).decode()}"}}


def hidden(manager: SessionManager, messages: int = 0, session_id: str | None = None, **fields: Any) -> Session:
    """An incognito session with so many messages that say their own numbers."""
    return make_session(manager, messages, session_id, incognito=True, **fields)


def test_it_is_a_session_like_others(manager: SessionManager) -> None:
    session = hidden(manager, 3, "s-1", name="Secret", model="qwen3", headers={"x": "y"}, owner="ann", folder="f")
    assert (session.incognito, session.owner, session.message_count, session.folder) == (True, "ann", 3, "f")
    assert session.to_dict()["incognito"] is True
    assert said(session.history) == ["1", "2", "3"]
    assert session.headers == {"x": "y"}
    assert make_session(manager).incognito is False


def test_it_is_listed_apart(manager: SessionManager) -> None:
    make_session(manager, 1, "stored")
    hidden(manager, 1, "s-1", name="Trip")
    hidden(manager, 1, "s-2", owner="ann")
    assert [session.id for session in manager.list_sessions()] == ["stored"]
    assert manager.count_sessions() == 1
    listed = manager.list_sessions(incognito=True)
    assert [(session.id, session.incognito) for session in listed] == [("s-2", True), ("s-1", True)]
    assert manager.count_sessions(incognito=True) == 2
    assert manager.count_sessions(incognito=True, name="trip") == 1
    first = manager.list_sessions(incognito=True, limit=1)
    assert [s.id for s in manager.list_sessions(incognito=True, limit=1, cursor=first.cursor)] == ["s-1"]


def test_nothing_is_listed_where_nothing_is_incognito(manager: SessionManager) -> None:
    assert manager.list_sessions(incognito=True).items == []
    assert manager.count_sessions(incognito=True) == 0


#: A call about a session → what it comes to on one with the messages "1" to "4".
CALLS: dict[str, Callable[[SessionManager, Session], object]] = {
    "add_message": lambda m, s: m.add_message(s.id, ChatMessage("user", "5")),
    "add_messages": lambda m, s: m.add_messages(s.id, texts(2, start=5)),
    "add_version": lambda m, s: m.add_version(s.id, s.history[3].id, ChatMessage("assistant", "other")),
    "archive_session": lambda m, s: m.archive_session(s.id),
    "compact": lambda m, s: m.compact(s.id, "what was said", keep_last=2),
    "context": lambda m, s: m.context(s.id, max_tokens=1000),
    "context_info": lambda m, s: m.context_info(s.id, max_tokens=1000),
    "delete_messages": lambda m, s: m.delete_messages(s.id, [s.history[0].id]),
    "delete_session": lambda m, s: [m.delete_session(s.id), m.undo(s.id)],
    "delete_sessions": lambda m, s: [m.delete_sessions([s.id]), m.undo(s.id)],
    "edit_message": lambda m, s: m.edit_message(s.id, s.history[0].id, "edited"),
    "ensure_task_session": lambda m, s: m.ensure_task_session(s.id, "x", "", ""),
    "fork_session": lambda m, s: m.fork_session(s.id, at=s.history[1].id),
    "get_message": lambda m, s: m.get_message(s.id, s.history[0].id),
    "get_messages": lambda m, s: m.get_messages(s.id, after=1),
    "get_session": lambda m, s: m.get_session(s.id),
    "iter_messages": lambda m, s: list(m.iter_messages(s.id)),
    "list_attachments": lambda m, s: m.list_attachments(s.id),
    "list_compactions": lambda m, s: m.list_compactions(s.id),
    "list_versions": lambda m, s: m.list_versions(s.id, s.history[0].id),
    "mark_important": lambda m, s: m.mark_important(s.id),
    "record_usage": lambda m, s: m.record_usage(s.id, model="x", input_tokens=1, output_tokens=1),
    "rename_session": lambda m, s: m.rename_session(s.id, "renamed"),
    "replace_messages": lambda m, s: m.replace_messages(s.id, texts(2)),
    "search": lambda m, s: m.search("3", session_id=s.id),
    "switch_version": lambda m, s: m.switch_version(s.id, s.history[3].id),
    "trash": lambda m, s: m.trash(session_id=s.id),
    "trashed_messages": lambda m, s: m.trashed_messages(m.truncate_messages(s.id, 1).trash_id or "", session_id=s.id),
    "truncate_messages": lambda m, s: m.truncate_messages(s.id, 1),
    "unarchive_session": lambda m, s: m.unarchive_session(s.id),
    "undo": lambda m, s: [m.truncate_messages(s.id, 1), m.undo(s.id)],
    "update_session": lambda m, s: m.update_session(s.id, headers={"a": "b"}),
    "usage": lambda m, s: m.usage(session_id=s.id),
    "watch": lambda m, s: list(m.watch(session_id=s.id, after=0, timeout=0)),
}
# Calls about documents, which an incognito session doesn't have; and the one that makes it.
NAMES = {"session_id", "session", "session_ids"}
OTHERS = {"attach_document", "create_document", "list_documents", "create_session"}
#: Those that ask a model need one: see `tests/behaviour/replies`.
ASKING = {
    "continue_reply", "list_replies", "regenerate", "relay", "reply", "start_reply", "summarize", "title_session",
}  # fmt: skip


def test_every_call_that_names_a_session_is_tried() -> None:
    naming = {
        name
        for name, call in inspect.getmembers(SessionManager, inspect.isfunction)
        if not name.startswith("_")
        and {"session_id", "session", "session_ids"} & set(inspect.signature(call).parameters)
    }
    assert naming - OTHERS - ASKING == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_every_call_finds_it(manager: SessionManager, name: str) -> None:
    session = hidden(manager, 4)
    expected = make_session(manager, 4)
    assert shape(CALLS[name](manager, session)) == shape(CALLS[name](manager, expected))
    assert manager.list_sessions(incognito=True)[-1].id == session.id
    before = manager.get_session(expected.id, last=0).revision, manager.get_session(session.id, last=0).revision
    assert before[0] == before[1]


def shape(value: Any) -> Any:
    """What an answer says, without what differs from session to session."""
    if isinstance(value, list):
        return [shape(item) for item in value]
    return getattr(value, "content", None) or getattr(value, "message_count", None) or type(value)


def test_only_its_manager_knows_it(manager: SessionManager, other: SessionManager) -> None:
    session = hidden(manager, 1, owner="ann")
    assert history(manager.for_owner("ann"), session.id) == ["1"]
    for stranger in (other, manager.for_owner("bob"), manager.for_owner("")):
        with pytest.raises(SessionNotFound):
            stranger.get_session(session.id)
        assert stranger.list_sessions(incognito=True).items == []
    made_by_owner = hidden(manager.for_owner("ann"), 2)
    assert history(manager, made_by_owner.id) == ["1", "2"]
    assert manager.count_sessions(incognito=True, owner="ann") == 2


def test_it_is_gone_with_its_manager(open_manager: Opener) -> None:
    manager = open_manager()
    session = hidden(manager, 1)
    manager.close()
    for call in (lambda: manager.get_session(session.id), lambda: manager.list_sessions(incognito=True)):
        with pytest.raises(ManagerClosed):
            call()
    with pytest.raises(SessionNotFound):
        open_manager().get_session(session.id)


def test_closing_a_manager_that_never_had_any_is_fine(open_manager: Opener) -> None:
    manager = open_manager()
    manager.close()
    with pytest.raises(ManagerClosed):
        manager.create_session(incognito=True)


def test_its_id_is_its_own(manager: SessionManager) -> None:
    make_session(manager, 1, "stored")
    hidden(manager, 1, "hidden")
    for id, incognito in (("stored", True), ("hidden", False), ("hidden", True), ("stored", False)):
        with pytest.raises(SessionExists):
            manager.create_session(id, incognito=incognito)
    for source, new_id in (("stored", "hidden"), ("hidden", "stored"), ("hidden", "hidden"), ("stored", "stored")):
        with pytest.raises(SessionExists):
            manager.fork_session(source, new_id=new_id)
    assert (manager.count_sessions(), manager.count_sessions(incognito=True)) == (1, 1)


def test_ids_of_two_owners_do_not_collide(manager: SessionManager) -> None:
    ann, bob = manager.for_owner("ann"), manager.for_owner("bob")
    hidden(ann, 1, "s-1")
    make_session(bob, 2, "s-1")
    assert (history(ann, "s-1"), history(bob, "s-1")) == (["1"], ["1", "2"])
    hidden(bob, 3, "s-2")
    hidden(ann, 4, "s-2")
    bob.delete_session("s-2")
    bob.create_session("s-2")
    assert (len(history(ann, "s-2")), len(history(bob, "s-2"))) == (4, 0)


def test_an_id_that_was_deleted_may_be_used_again(manager: SessionManager) -> None:
    hidden(manager, 1, "s-1")
    manager.delete_session("s-1")
    assert manager.ensure_task_session("s-1", "task", "", "").incognito is False
    assert [session.id for session in manager.list_sessions()] == ["s-1"]


def test_a_fork_of_it_is_incognito(manager: SessionManager) -> None:
    session = hidden(manager, 3)
    fork = manager.fork_session(session.id, at=session.history[1].id)
    assert (fork.incognito, fork.forked_from, history(manager, fork.id)) == (True, session.id, ["1", "2"])
    assert manager.count_sessions() == 0


def test_what_is_removed_of_it_comes_back_and_is_purged(manager: SessionManager) -> None:
    session = hidden(manager, 3)
    trash_id = manager.truncate_messages(session.id, 1).trash_id or ""
    assert (len(manager.trash().items), len(manager.trash(session_id=session.id).items)) == (0, 1)
    assert said(manager.trashed_messages(trash_id)) == ["2", "3"]
    assert manager.restore(trash_id).messages == 2
    trash_id = manager.delete_session(session.id).trash_id or ""
    assert manager.purge(trash_id).counts["trashed_messages"] == 3
    for call in (manager.purge, manager.restore, manager.trashed_messages):
        with pytest.raises(TrashNotFound):
            call(trash_id)
    with pytest.raises(SessionNotFound):
        manager.undo(session.id)


def test_deleting_several_is_one_transaction(manager: SessionManager) -> None:
    ids = [hidden(manager, 1).id for _ in range(3)]
    stored = make_session(manager).id
    with pytest.raises(InvalidArgument, match="either all incognito, or none"):
        manager.delete_sessions([*ids, stored])
    assert manager.delete_sessions(ids).sessions == 3
    assert (manager.count_sessions(incognito=True), manager.count_sessions()) == (0, 1)


def test_documents_stay_away(manager: SessionManager) -> None:
    session = hidden(manager)
    document = manager.create_document("Map")
    with pytest.raises(InvalidDocument, match="not incognito"):
        manager.create_document("Map", session_id=session.id)
    with pytest.raises(InvalidArgument, match="not incognito"):
        manager.attach_document(document.id, session.id)
    assert manager.list_documents(session_id=session.id).items == []


def test_images_stay_with_it(manager: SessionManager, other: SessionManager) -> None:
    session = hidden(manager)
    manager.add_message(session.id, ChatMessage("user", [IMAGE]))
    assert history(manager, session.id) == [[IMAGE]]
    (attachment,) = manager.list_attachments(session.id)
    assert b"".join(manager.read_attachment(attachment.digest)) == PNG
    assert manager.get_attachment(attachment.digest) == attachment
    assert manager.list_attachments().items == []
    with pytest.raises(AttachmentNotFound):
        other.get_attachment(attachment.digest)
    stored = manager.put_attachment(PNG + b"more", "image/png")
    assert b"".join(manager.read_attachment(stored.digest)) == PNG + b"more"
    with pytest.raises(InvalidMessage, match="references"):
        manager.add_message(session.id, ChatMessage("user", [stored.reference]))


def test_search_and_usage_tell_of_it_only_where_it_is_named(manager: SessionManager) -> None:
    session = hidden(manager, [ChatMessage("user", "the sirens sing")])  # type: ignore[arg-type]
    manager.record_usage(session.id, model="qwen3", input_tokens=5, output_tokens=1)
    assert list(manager.search("sirens")) == []
    assert [hit.session_id for hit in manager.search("sirens", session_id=session.id)] == [session.id]
    assert manager.usage() == []
    assert manager.usage(session_id=session.id, by=())[0].input_tokens == 5
    assert manager.get_session(session.id).total_input_tokens == 5


def test_all_of_them_are_searched_together_and_apart_from_others(manager: SessionManager) -> None:
    assert list(manager.search("sirens", incognito=True)) == []
    make_session(manager, [ChatMessage("user", "the sirens, stored")], owner="ann")
    for owner in ("ann", "bob"):
        hidden(manager, [ChatMessage("user", "the sirens sing")], owner, owner=owner)  # type: ignore[arg-type]
    assert {hit.session_id for hit in manager.search("sirens", incognito=True)} == {"ann", "bob"}
    found = manager.for_owner("ann").search("sirens", incognito=True)
    assert [(hit.session_id, hit.snippet) for hit in found] == [("ann", "the sirens sing")]
    with pytest.raises(InvalidArgument, match="incognito must be"):
        manager.search("sirens", incognito=1)  # type: ignore[arg-type]


def test_clean_up_and_retention_leave_it_alone(manager: SessionManager) -> None:
    hidden(manager)
    manager.set_retention(delete_after=0)
    assert manager.cleanup_empty_sessions(0, 0)["total_checked"] == 0
    assert manager.apply_retention().deleted == 0
    assert manager.count_sessions(incognito=True) == 1


def test_erasing_its_owner_erases_it(manager: SessionManager) -> None:
    session = hidden(manager, 3, "s-1", owner="ann")
    erased = manager.erase_owner("ann")
    assert (erased.counts["sessions"], erased.counts["messages"]) == (1, 3)
    with pytest.raises(SessionNotFound):
        manager.get_session(session.id)
    assert manager.create_session("s-1", owner="ann").incognito is False


def test_incognito_is_a_flag(manager: SessionManager) -> None:
    for value in (None, 1, "yes"):
        for call in (manager.create_session, manager.list_sessions, manager.count_sessions):
            with pytest.raises(InvalidArgument, match="incognito"):
                call(incognito=value)
    assert manager.count_sessions() == 0


MARKER = "Nobody-writes-this-down-7f3a"


def test_no_file_and_no_table_ever_sees_it(manager: SessionManager, database_url: str, tmp_path: Path) -> None:
    session = hidden(
        manager, 0, f"id-{MARKER}", name=f"name {MARKER}", extra={"x": MARKER}, headers={"Authorization": MARKER}
    )
    for _ in range(20):
        manager.add_messages(session.id, [ChatMessage("user", f"{MARKER} " * 2000) for _ in range(5)])
    assert list(manager.search(MARKER, session_id=session.id)) != []
    manager.add_message(session.id, ChatMessage("user", [{**IMAGE, "said": MARKER}]))
    manager.compact(session.id, f"summary {MARKER}", keep_last=1)
    manager.truncate_messages(session.id, 50)
    manager.fork_session(session.id, name=f"fork {MARKER}")
    list(manager.iter_messages(session.id))
    manager.record_usage(session.id, model=MARKER, input_tokens=1, output_tokens=1)
    assert files_with(MARKER.encode(), tmp_path) == []
    if is_postgres(database_url):
        assert tables_with_rows(database_url) == []
    manager.delete_session(session.id)
    assert files_with(MARKER.encode(), tmp_path) == []


def files_with(marker: bytes, folder: Path) -> list[str]:
    """The files in a folder, and those that this process has open, deleted ones too, that hold some bytes."""
    gc.collect()
    opened = Path("/proc/self/fd").iterdir()
    files = [path for path in [*folder.rglob("*"), *opened] if path.is_file()]
    return [str(path) for path in files if marker in contents(path)]


def contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # opened for writing only, or closed meanwhile
        return b""


def tables_with_rows(url: str) -> list[str]:
    tables = execute(url, "SELECT relname FROM pg_stat_user_tables WHERE relname <> 'ithaca_schema' ORDER BY 1")
    return [table for (table,) in tables if execute(url, f"SELECT 1 FROM {table} LIMIT 1")]


def test_nothing_that_is_stored_comes_under_the_id_of_an_incognito_session(manager: SessionManager) -> None:
    manager.create_session("s", name="Stored")
    deleted = manager.delete_session("s")
    manager.create_session("s", name="Hidden", incognito=True)
    for bring in (
        lambda: manager.restore(str(deleted.trash_id)),
        lambda: manager.import_conversations([Conversation("s", "Imported")]),
    ):
        with pytest.raises(SessionExists):
            bring()
    assert (manager.get_session("s").name, manager.count_sessions()) == ("Hidden", 0)
    hidden = manager.delete_session("s")
    manager.restore(str(deleted.trash_id))
    assert manager.get_session("s").name == "Stored"
    with pytest.raises(SessionExists):
        manager.restore(str(hidden.trash_id))
    manager.delete_session("s")
    manager.restore(str(hidden.trash_id))
    assert manager.get_session("s").name == "Hidden"
