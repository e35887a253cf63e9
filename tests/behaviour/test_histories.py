"""Histories that are read again: as stored, whatever anybody did meanwhile, and at the cost of what is new."""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ithaca import ChatMessage, SessionManager, SessionNotFound
from ithaca.config import Settings
from tests.behaviour.meters import sqlite_meter
from tests.support.factories import history, make_session, said, store_session, texts
from tests.support.managers import Facade, LoopThread, Opener


def stored(open_manager: Opener, session_id: str) -> list[object]:
    """What is stored, for a manager that has never read it."""
    return history(open_manager(), session_id)


def test_a_history_is_never_older_than_what_is_stored(manager: SessionManager, open_manager: Opener) -> None:
    chance, other, id = random.Random(4), open_manager(), make_session(manager, 6).id
    changes: list[Callable[[SessionManager], object]] = [
        lambda m: m.add_messages(id, texts(3)),
        lambda m: m.truncate_messages(id, max(0, m.get_session(id, last=0).message_count - 2)),
        lambda m: m.edit_message(id, m.get_messages(id, limit=1)[0].id, "edited"),
        lambda m: m.edit_message(id, m.get_messages(id, limit=1)[0].id, "another", branch=True),
        lambda m: m.delete_messages(id, [m.get_messages(id, limit=1)[0].id]),
        lambda m: m.replace_messages(id, [*m.get_session(id).history[:2], ChatMessage("user", "anew")]),
        lambda m: m.undo(id),
        lambda m: m.rename_session(id, "renamed"),
        lambda m: (m.delete_session(id), m.undo(id)),
    ]
    for _ in range(18):
        manager.add_message(id, ChatMessage("user", "one that can be changed"))
        chance.choice(changes)(chance.choice([manager, other]))
        assert history(manager, id) == history(other, id) == stored(open_manager, id)
        assert manager.get_session(id).message_count == len(manager.get_session(id).history)
        for last in (3, 1, 7, 3):
            newest = said(manager.get_messages(id, limit=last))
            assert newest == said(other.get_messages(id, limit=last)) == history(manager, id)[-last:]


def test_a_session_made_anew_is_another(manager: SessionManager, open_manager: Opener) -> None:
    other = open_manager()
    id = make_session(manager, [ChatMessage("user", "before")], "same").id
    other.delete_session(id)
    with pytest.raises(SessionNotFound):
        manager.get_session(id)
    store_session(other, [ChatMessage("user", "after")], "same")
    assert history(manager, id) == ["after"]


def test_nobody_changes_what_another_reads(manager: SessionManager) -> None:
    blocks = [{"type": "text", "text": "ahoy"}]
    id = make_session(manager, [ChatMessage("user", blocks, {"n": [1]}, tool_calls=[{"id": "c"}])]).id
    message = manager.get_session(id).history[0]
    message.content.append("more")  # type: ignore[union-attr]
    message.metadata["n"].append(2)
    message.tool_calls.clear()  # type: ignore[union-attr]
    manager.get_session(id).history.clear()
    (again,) = manager.get_session(id).history
    assert (again.content, again.metadata, again.tool_calls) == (blocks, {"n": [1]}, [{"id": "c"}])


def test_owners_never_meet(open_manager: Opener) -> None:
    manager = open_manager()
    for owner in ("telemachus", "antinous"):
        store_session(manager.for_owner(owner), [ChatMessage("user", f"of {owner}")], "same")
    for owner in ("telemachus", "antinous", "telemachus"):
        assert history(manager.for_owner(owner), "same") == [f"of {owner}"]


def test_what_was_read_is_not_read_again(tmp_path: Path, facade: Facade, loop_thread: LoopThread) -> None:
    with sqlite_meter() as meter:
        opener = Opener(f"{tmp_path}/chats.db", facade, loop_thread)
        manager = opener()
        id = store_session(manager, 2_000)
        read = partial(manager.get_session, id)

        def rows() -> int:
            meter.reset()
            read()
            return meter.rows

        assert rows() > 2_000
        assert rows() <= 5
        manager.add_messages(id, texts(3))
        assert rows() <= 10
        assert said(read().history) == [*said(texts(2_000)), *said(texts(3))]
        opener.close()


def test_of_the_last_messages_only_the_new_ones_are_read(
    tmp_path: Path, facade: Facade, loop_thread: LoopThread
) -> None:
    with sqlite_meter() as meter:
        opener = Opener(f"{tmp_path}/chats.db", facade, loop_thread)
        manager = opener()
        id = store_session(manager, 2_000)
        for count in (1, 2, 50, 3, 200):
            manager.get_messages(id)
            manager.add_messages(id, texts(count))
            meter.reset()
            assert said(manager.get_messages(id)) == history(opener(), id)[-50:]
            manager.get_messages(id)
            assert meter.rows - 2 * 2_000 < count + 20
        opener.close()


def test_without_a_cache_all_is_read(tmp_path: Path) -> None:
    with sqlite_meter() as meter:
        settings = Settings(f"{tmp_path}/chats.db", cache_bytes=0)
        with SessionManager(settings=settings) as manager:
            id = make_session(manager, 500).id
            meter.reset()
            assert len(manager.get_session(id).history) == 500
            assert meter.rows > 500
