"""What is purged or erased is nowhere any more: not in a query, not in a file, not in a dump."""

import base64
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from ithaca import (
    ChatMessage,
    DatabaseBusy,
    InvalidArgument,
    NotSignedIn,
    SessionManager,
    SessionNotFound,
    Settings,
)
from tests.support.factories import history, make_session
from tests.support.managers import FakeClock, Opener
from tests.support.raw import places_with

#: Words that nothing else has. The search index keeps words folded, and their beginnings only once.
MARKER, TAIL = "Annsmarker7341", "marker7341"
OTHERS, OTHERS_TAIL = "Bobsmarker2956", "marker2956"


def everywhere(manager: SessionManager, owner: str, marker: str) -> None:
    """Plants a marker wherever an owner's data can be."""
    mine = manager.for_owner(owner)
    id = f"s-{owner}"
    call = {"id": "c1", "type": "function", "function": {"name": marker, "arguments": "{}"}}
    mine.create_session(id, marker, model=marker, folder=marker, extra={marker: marker}, headers={"x-key": marker})
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + f"{marker} in a picture ".encode() * 5000).decode()
    mine.add_messages(
        id,
        [
            ChatMessage("user", f"{marker} in a text", id="m-1"),
            ChatMessage("assistant", None, tool_calls=[call], id="m-2"),
            ChatMessage("tool", [{"type": "text", "text": marker}], tool_call_id="c1", name=marker, id="m-3"),
            ChatMessage("user", "metadata", {marker: [marker]}, id="m-4"),
            ChatMessage("user", f"{marker} that is long, " * 3000, id="m-5"),
            ChatMessage(
                "user",
                [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}],
                id="m-6",
            ),
        ],
    )
    mine.create_document(marker, f"{marker} in a document", session_id=id, document_id=f"d-{owner}")
    mine.edit_document(f"d-{owner}", f"{marker} in a version", summary=marker)
    mine.compact(id, f"{marker} in a summary", keep_last=1)
    mine.fork_session(id, name=f"{marker} forked", new_id=f"f-{owner}")
    mine.edit_message(id, "m-1", f"{marker} edited")
    mine.edit_message(id, "m-4", f"{marker} branched", branch=True)
    mine.add_message(id, ChatMessage("assistant", f"{marker} in a version"))
    mine.truncate_messages(id, 2)
    assert len(mine.search(marker)) > 0
    mine.create_session(f"t-{owner}", marker)
    mine.add_message(f"t-{owner}", ChatMessage("user", f"{marker} in the trash"))
    mine.create_document(marker, marker, session_id=f"t-{owner}", document_id=f"t-{owner}")
    mine.delete_document(f"t-{owner}")
    mine.delete_session(f"t-{owner}")


@pytest.mark.usefixtures("quick_passwords")
def test_an_owner_is_erased_completely_and_nobody_else(manager: SessionManager, open_manager: Opener) -> None:
    everywhere(manager, "ann", MARKER)
    everywhere(manager, "bob", OTHERS)
    manager.create_key(MARKER, owner="ann")
    manager.create_user(MARKER, "a long password", owner="ann")
    logged_in = manager.log_in(MARKER, "a long password", address="10.0.0.1").token
    assert places_with(open_manager.url, MARKER) != []
    before = [session.to_dict() for session in manager.for_owner("bob").list_sessions()]

    receipt = manager.erase_owner("ann")

    assert places_with(open_manager.url, MARKER, TAIL, "s-ann", "f-ann", "t-ann", "d-ann") == []
    assert {table for table, count in receipt.counts.items() if count} >= {
        "sessions", "messages", "documents", "document_versions", "compactions", "attachments", "trash",
        "trashed_messages", "trashed_sessions", "trashed_documents", "search_entries", "changes",
        "access_keys", "users", "logins",
    }  # fmt: skip
    assert (receipt.counts["sessions"], receipt.counts["documents"]) == (2, 1)
    assert manager.erase_owner("ann").counts == {}
    with pytest.raises(NotSignedIn):
        manager.identify_login(logged_in)
    bob = manager.for_owner("bob")
    assert [session.to_dict() for session in bob.list_sessions()] == before
    assert (history(bob, "s-bob")[0], len(bob.trash()), bob.get_document("d-bob").version) == (
        f"{OTHERS} edited", 6, 2,
    )  # fmt: skip
    bob.undo("s-bob")
    bob.undo("t-bob")
    assert history(bob, "t-bob") == [f"{OTHERS} in the trash"]


def test_what_is_deleted_and_purged_is_gone(manager: SessionManager, open_manager: Opener) -> None:
    everywhere(manager, "ann", MARKER)
    everywhere(manager, "bob", OTHERS)
    ann = manager.for_owner("ann")
    ann.delete_sessions(["s-ann", "f-ann"])
    ann.delete_document("d-ann")
    for entry in ann.trash():
        ann.purge(entry.id)
    assert places_with(open_manager.url, MARKER, TAIL) == []
    assert places_with(open_manager.url, OTHERS) != []
    assert (ann.trash().items, ann.verify()) == ([], [])


def test_purging_by_age_leaves_nothing_either(timed: SessionManager, open_manager: Opener, clock: FakeClock) -> None:
    everywhere(timed, "ann", MARKER)
    timed.for_owner("ann").delete_sessions(["s-ann", "f-ann"])
    timed.for_owner("ann").delete_document("d-ann")
    clock.move(days=30)
    counts = timed.purge().counts
    assert (counts["trashed_sessions"], counts["attachments"], counts["trashed_documents"]) == (3, 1, 2)
    assert places_with(open_manager.url, MARKER, TAIL) == []


def test_purging_messages_takes_their_summaries_and_search_entries(
    manager: SessionManager, open_manager: Opener
) -> None:
    make_session(manager, [ChatMessage("user", f"{MARKER} {n}") for n in range(4)], "s-1")
    manager.add_message("s-1", ChatMessage("user", "harmless"))
    manager.search(MARKER)
    manager.compact("s-1", f"{MARKER} in a summary", keep_last=1)
    ids = [str(message.id) for message in manager.get_session("s-1").history[:4]]
    removed = manager.delete_messages("s-1", ids)
    counts = manager.purge(str(removed.trash_id)).counts
    assert (counts["trashed_messages"], counts["compactions"], counts["search_entries"]) == (4, 1, 4)
    assert (places_with(open_manager.url, MARKER, TAIL), history(manager, "s-1")) == ([], ["harmless"])


def test_a_summary_of_what_is_still_there_stays(manager: SessionManager) -> None:
    make_session(manager, 4, "s-1")
    manager.compact("s-1", "What was said", keep_last=1)
    ids = [str(message.id) for message in manager.get_session("s-1").history]
    manager.purge(str(manager.delete_messages("s-1", ids[:2]).trash_id))
    assert [compaction.summary for compaction in manager.list_compactions("s-1")] == ["What was said"]


@pytest.mark.parametrize("kept", ["truncated", "a version", "of a session before"])
def test_a_summary_of_what_can_come_back_stays(manager: SessionManager, kept: str) -> None:
    ids = [str(message.id) for message in make_session(manager, 4, "s-1").history]
    if kept == "of a session before":
        manager.delete_sessions(["s-1"])
        make_session(manager, 4, "s-1")
    manager.compact("s-1", "What was said", keep_last=1)
    if kept == "a version":
        manager.edit_message("s-1", ids[2], "edited", branch=True)
        manager.truncate_messages("s-1", 2)
    else:
        manager.truncate_messages("s-1", 2)
    manager.purge(str(manager.delete_messages("s-1", [str(manager.get_session("s-1").history[0].id)]).trash_id))
    assert [compaction.summary for compaction in manager.list_compactions("s-1")] == ["What was said"]


def test_an_attachment_that_something_else_refers_to_stays(manager: SessionManager) -> None:
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 100_000).decode()
    picture = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}]
    make_session(manager, [ChatMessage("user", picture, id="m-1")], "s-1")
    manager.fork_session("s-1", new_id="s-2")
    assert "attachments" not in manager.purge(str(manager.delete_session("s-1").trash_id)).counts
    assert history(manager, "s-2") == [picture]
    assert manager.purge(str(manager.delete_session("s-2").trash_id)).counts["attachments"] == 1


def test_erasing_while_confined(manager: SessionManager) -> None:
    for owner in ("ann", "bob", ""):
        make_session(manager.for_owner(owner), 1, f"s-{owner}x")
    assert manager.for_owner("ann").erase_owner().counts["sessions"] == 1
    with pytest.raises(InvalidArgument, match="owner"):
        manager.for_owner("bob").erase_owner("ann")
    assert manager.erase_owner("").counts["messages"] == 1
    assert [session.owner for session in manager.list_sessions()] == ["bob"]


@pytest.mark.parametrize(("given", "said"), [((), "nothing"), ((None,), "None"), ((5,), "5")])
def test_nobody_erases_everybody(manager: SessionManager, given: tuple[Any, ...], said: str) -> None:
    make_session(manager, 1)
    with pytest.raises(InvalidArgument, match=f"owner must be a text, .*, not {said}"):
        manager.erase_owner(*given)
    assert manager.count_sessions() == 1


def test_a_session_that_is_erased_is_gone_for_everybody(manager: SessionManager, other: SessionManager) -> None:
    make_session(manager, 2, "s-1", owner="ann")
    other.get_session("s-1")
    manager.erase_owner("ann")
    for call in (lambda: other.get_session("s-1"), lambda: other.add_message("s-1", ChatMessage("user", "x"))):
        with pytest.raises(SessionNotFound):
            call()
    assert make_session(other, 1, "s-1", owner="ann").message_count == 1


@pytest.mark.parametrize("seed", range(12))
def test_pages_that_were_split_and_joined_keep_nothing(tmp_path: Path, seed: int) -> None:
    """Rows of random sizes, put between others and changed: what SQLite moves about leaves copies behind."""
    chance = random.Random(seed)
    url = f"sqlite:///{tmp_path}/chats.db"
    with SessionManager(url, durability="relaxed") as manager:
        for _ in range(chance.randint(3, 30)):
            messages = [_of_any_size(chance) for _ in range(chance.choice([1, 1, 5, 30]))]
            id = f"s-{chance.randrange(4)}"
            manager.ensure_task_session(id, "x", "", "")
            manager.add_messages(id, messages)
            gone = chance.choice(messages)
            kept = manager.get_session(id).history
            manager.edit_message(id, str(chance.choice(kept).id), "c" * chance.randint(0, 3000))
            if gone.id is not None:
                manager.delete_messages(id, [gone.id])
        for session in manager.list_sessions():
            marked = [str(m.id) for m in manager.get_session(session.id).history if MARKER in str(m.content)]
            manager.delete_messages(session.id, marked)
        manager.purge(older_than=timedelta(0))
        assert places_with(url, MARKER, TAIL) == []
        assert manager.verify() == []


def _of_any_size(chance: random.Random) -> ChatMessage:
    size = int(10 ** chance.uniform(0, 5))
    return ChatMessage("user", "k" * size if chance.random() < 0.5 else f"{MARKER} " * (size // 15 + 1))


def test_a_reader_who_keeps_the_log_is_told_of(tmp_path: Path) -> None:
    """The rows are erased all the same, and the next call removes what is left in the files."""
    url = f"sqlite:///{tmp_path}/chats.db"
    with SessionManager(settings=Settings(database=url, busy_timeout=0.1)) as manager:
        make_session(manager, [ChatMessage("user", MARKER)], "s-1")
        removed = str(manager.delete_session("s-1").trash_id)
        reader = apsw.Connection(f"{tmp_path}/chats.db")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sessions").fetchall()
        with pytest.raises(DatabaseBusy):
            manager.purge(removed)
        assert manager.trash().items == []
        reader.close()
        assert manager.purge().counts == {}
        assert places_with(url, MARKER, TAIL) == []
