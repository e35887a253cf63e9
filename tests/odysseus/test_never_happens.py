"""What the old manager got wrong, by the numbers of the contract's second part."""

import datetime
import gc
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ithaca
from ithaca import InvalidMessage, RevisionConflict, StorageError
from ithaca.odysseus import ChatMessage, Session, SessionManager
from ithaca.odysseus.manager import KEPT
from tests.behaviour.meters import sqlite_meter

URL = "http://localhost:11434/v1"


def contents(session: Session) -> list[Any]:
    return [message.content for message in session.history]


def stored(manager: SessionManager, session_id: str = "s1") -> list[Any]:
    return [message.content for message in manager.core.get_session(session_id).history]


def in_threads(count: int, work: Any) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


BAD = [
    ChatMessage("user", 7),  # type: ignore[arg-type]
    ChatMessage("user", b"bytes"),  # type: ignore[arg-type]
    ChatMessage("user", "\ud800"),
    ChatMessage("user", "x", {"when": datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)}),
    ChatMessage("user", "x", ["no object"]),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("message", BAD, ids=lambda message: repr(message.content))
def test_2_and_12_bad_input_raises_and_nothing_is_stored_or_marked(
    manager: SessionManager, session: Session, message: ChatMessage
) -> None:
    with pytest.raises(InvalidMessage):
        session.add_message(message)
    with pytest.raises(InvalidMessage):
        manager.add_message("s1", message)
    assert (message.id, message.seq, message.timestamp) == (None, None, None)
    assert (stored(manager), contents(session), session.message_count) == (["1", "2", "3"], ["1", "2", "3"], 3)


def test_2_what_is_no_message_is_refused(manager: SessionManager, session: Session) -> None:
    with pytest.raises(InvalidMessage, match="message must be a ChatMessage"):
        session.add_message({"role": "user", "content": "hi"})  # type: ignore[arg-type]


def test_2_and_12_a_failed_write_raises_and_marks_nothing(tmp_path: Path) -> None:
    with SessionManager(tmp_path / "chats.db") as manager:
        session = manager.create_session("s1", "n", URL, "m")
        history = session.history
    message = ChatMessage("user", "lost")
    for call in (lambda: session.add_message(message), lambda: manager.delete_session("s1")):
        with pytest.raises(StorageError):
            call()
    assert (message.id, message.metadata, history) == (None, None, [])


def test_12_a_session_is_let_go_of_only_when_it_is_deleted(tmp_path: Path) -> None:
    core = Unable(tmp_path / "chats.db")
    with SessionManager(core) as manager:
        session = manager.create_session("s1", "n", URL, "m")
        with pytest.raises(ithaca.DatabaseBusy):
            manager.delete_session("s1")
        assert session is manager.get_session("s1")
        session.add_message(ChatMessage("user", "4"))
        assert (stored(manager), contents(session)) == (["4"], ["4"])


class Unable(ithaca.SessionManager):
    """Cannot delete anything just now."""

    def delete_session(self, session_id: str, *, expected_revision: int | None = None) -> ithaca.Removed:
        raise ithaca.DatabaseBusy("somebody else is writing")


def test_3_the_count_is_that_of_the_rows(manager: SessionManager, other: SessionManager, session: Session) -> None:
    del session
    for number in (4, 5):
        other.get_sessions_for_user()["s1"].add_message(ChatMessage("user", str(number)))
    manager.truncate_messages("s1", 100)
    assert (manager.get_session("s1").message_count, len(stored(manager))) == (5, 5)
    manager.cleanup_empty_sessions(min_age_hours=0)
    assert stored(manager) == ["1", "2", "3", "4", "5"]


def test_4_compaction_refuses_to_overwrite_what_another_process_wrote(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    summary = [ChatMessage("system", "summary"), session.history[-1]]
    other.add_message("s1", ChatMessage("user", "arrived meanwhile"))
    with pytest.raises(RevisionConflict):
        manager.replace_messages("s1", summary)
    assert stored(manager) == ["1", "2", "3", "arrived meanwhile"]


def test_4_compaction_refuses_to_overwrite_what_arrived_meanwhile(manager: SessionManager, session: Session) -> None:
    seen = session.revision
    summary = [ChatMessage("system", "summary"), session.history[-1]]
    manager.get_session("s1").add_message(ChatMessage("user", "arrived meanwhile"))
    with pytest.raises(RevisionConflict):
        manager.replace_messages("s1", summary, expected_revision=seen)
    assert stored(manager) == ["1", "2", "3", "arrived meanwhile"]


def test_4_renaming_does_not_stand_in_the_way_of_compaction(manager: SessionManager, session: Session) -> None:
    summary = [ChatMessage("system", "summary"), session.history[-1]]
    manager.update_session_name("s1", "Sparta")
    manager.replace_messages("s1", summary)
    assert stored(manager) == ["summary", "3"]


def test_4_what_others_wrote_before_a_message_of_ones_own_is_not_overwritten_unseen(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    summary = [ChatMessage("system", "summary"), session.history[-1]]
    other.add_message("s1", ChatMessage("user", "arrived meanwhile"))
    session.add_message(ChatMessage("user", "mine"))
    manager.get_session("s1")
    manager.update_session_name("s1", "Sparta")
    with pytest.raises(RevisionConflict):
        manager.replace_messages("s1", summary)
    assert contents(session) == stored(manager) == ["1", "2", "3", "arrived meanwhile", "mine"]
    manager.replace_messages("s1", summary)
    assert stored(manager) == ["summary", "3"]


@pytest.mark.parametrize("seed", range(4))
def test_4_compaction_never_overwrites_what_its_caller_has_not_looked_at(
    manager: SessionManager, other: SessionManager, session: Session, seed: int
) -> None:
    chance, done = random.Random(seed), 0
    held = {manager: session, other: other.get_session("s1")}
    seen = {mine: set(contents(its)) for mine, its in held.items()}
    for number in range(40):
        mine, said = chance.choice([manager, other]), f"message {number}"
        match chance.choice(["add by id", "add", "look", "rename", "list", "get", "compact"]):
            case "add by id":
                mine.add_message("s1", ChatMessage("user", said))
                seen[mine].add(said)
            case "add":
                held[mine].add_message(ChatMessage("user", said))
                seen[mine].add(said)
            case "look":
                seen[mine] = set(contents(held[mine]))
            case "rename":
                mine.update_session_name("s1", said)
            case "list":
                assert held[mine] is mine.get_sessions_for_user()["s1"]
            case "get":
                assert held[mine] is mine.get_session("s1")
            case "compact":
                unseen = set(stored(manager)) - seen[mine]
                if compacted(mine, said):
                    assert unseen == set()
                    seen[mine], done = {said}, done + 1
    assert contents(manager.get_session("s1")) == contents(other.get_session("s1")) == stored(manager)
    assert done > 0


def compacted(manager: SessionManager, summary: str) -> bool:
    try:
        return manager.replace_messages("s1", [ChatMessage("system", summary)])
    except RevisionConflict:
        return False


class Slow(ithaca.SessionManager):
    """Has something else done before it tells what it has just read or replaced."""

    after_reading: Callable[[], object] | None = None
    after_replacing: Callable[[], object] | None = None

    def get_session(self, session_id: str, **options: Any) -> ithaca.Session:
        session = super().get_session(session_id, **options)
        todo, Slow.after_reading = Slow.after_reading, None
        if todo is not None:
            todo()
        return session

    def replace_messages(self, session_id: str, *args: Any, **options: Any) -> list[ithaca.ChatMessage]:
        messages = super().replace_messages(session_id, *args, **options)
        todo, Slow.after_replacing = Slow.after_replacing, None
        if todo is not None:
            todo()
        return messages


@pytest.mark.parametrize(("read", "looked_at"), [("one", True), ("one", False), ("all", True), ("history", False)])
def test_5_a_slow_read_never_replaces_what_came_after_it(database_url: str, read: str, looked_at: bool) -> None:
    with SessionManager(Slow(database_url)) as manager:
        session = manager.create_session("s1", "n", URL, "m")
        assert not looked_at or session.history == []
        adding = threading.Thread(target=lambda: session.add_message(ChatMessage("user", "came after")))

        def add() -> None:
            adding.start()
            adding.join(timeout=0.3)  # it may have to wait for the end of the reading

        Slow.after_reading = add
        calls = {
            "one": manager.get_session,
            "all": lambda _: manager.load_sessions(),
            "history": lambda _: session.history,
        }
        calls[read]("s1")
        adding.join()
        assert (session.message_count, contents(session)) == (1, ["came after"])


def test_4_what_arrives_while_messages_are_replaced_is_not_overwritten_unseen(database_url: str) -> None:
    with SessionManager(Slow(database_url)) as manager:
        session = manager.create_session("s1", "n", URL, "m")
        session.add_message(ChatMessage("user", "1"))
        arrived = ithaca.ChatMessage("user", "arrived meanwhile")
        Slow.after_replacing = lambda: manager.core.add_message("s1", arrived)
        manager.replace_messages("s1", [ChatMessage("system", "first")])
        with pytest.raises(RevisionConflict):
            manager.replace_messages("s1", [ChatMessage("system", "second")])
        assert contents(session) == stored(manager) == ["first", "arrived meanwhile"]


@pytest.mark.parametrize("managers", [1, 2])
@pytest.mark.on_disk
def test_10_threads_adding_at_once_see_the_stored_order(
    manager: SessionManager, other: SessionManager, session: Session, managers: int
) -> None:
    used = [manager, other][:managers]

    def add(number: int) -> None:
        for count in range(10):
            used[number % managers].get_session("s1").add_message(ChatMessage("user", f"{number}.{count}"))

    in_threads(4, add)
    expected = stored(manager)
    assert len(expected) == 43
    for each in used:
        assert expected == contents(each.get_session("s1"))
        assert list(range(1, 44)) == [message.seq for message in each.get_session("s1").history]


def test_11_another_process_is_seen_at_the_next_call(manager: SessionManager, other: SessionManager) -> None:
    other.create_session("s1", "new", URL, "m")
    assert {"s1"} == set(manager.get_sessions_for_user())
    held = manager.get_session("s1")
    other.update_session_name("s1", "newer")
    other.add_message("s1", ChatMessage("user", "hi"))
    assert manager.get_sessions_for_user()["s1"].name == "newer"
    assert contents(held) == ["hi"]
    other.delete_session("s1")
    assert (manager.get_sessions_for_user(), "s1" in manager.sessions) == ({}, False)


def test_11_every_write_on_a_held_session_meets_the_others(
    manager: SessionManager, other: SessionManager, session: Session
) -> None:
    theirs = other.get_session("s1")
    for number in range(4, 10):
        (session if number % 2 else theirs).add_message(ChatMessage("user", str(number)))
    assert [str(number) for number in range(1, 10)] == contents(session)
    assert contents(session) == contents(other.get_session("s1"))


def test_13_getting_a_session_again_and_again_writes_nothing(manager: SessionManager, session: Session) -> None:
    before = manager.core.get_session("s1")
    for _ in range(5):
        manager.get_session("s1")
    assert before == manager.core.get_session("s1")


def test_14_one_users_sessions_do_not_hide_anothers(manager: SessionManager) -> None:
    sessions = [ithaca.Conversation(f"p{n}", "n", owner="penelope") for n in range(1_200)]
    manager.core.import_conversations([ithaca.Conversation("t", "n", owner="telemachus"), *sessions])
    assert list(manager.get_sessions_for_user("telemachus")) == ["t"]
    assert (len(manager.get_sessions_for_user("penelope")), len(manager.sessions)) == (1_200, 1_201)


def test_15_transcripts_are_not_kept_for_ever(manager: SessionManager) -> None:
    def alive() -> int:
        gc.collect()
        return sum(isinstance(thing, Session) and thing.name == "kept?" for thing in gc.get_objects())

    for number in range(KEPT + 20):
        manager.create_session(f"s{number}", "kept?", URL, "m").add_message(ChatMessage("user", "x"))
    assert alive() == KEPT
    manager.get_sessions_for_user()
    assert alive() == KEPT


class Counting(ithaca.SessionManager):
    """Counts the messages that are fetched, also by the managers that `for_owner` makes of it."""

    def __init__(self, database: str) -> None:
        super().__init__(database)
        self._counts: list[int] = []

    @property
    def fetched(self) -> int:
        return sum(self._counts)

    def get_session(self, session_id: str, **options: Any) -> ithaca.Session:
        session = super().get_session(session_id, **options)
        self._counts.append(len(session.history))
        return session


def test_16_adding_fetches_no_history(database_url: str) -> None:
    with Counting(database_url) as core:
        core.import_conversations([conversation(1_000)])
        manager = SessionManager(core)
        manager.add_message("s1", ChatMessage("user", "by id"))
        manager.get_session("s1").add_message(ChatMessage("user", "by object"))
        assert (core.fetched, manager.get_session("s1").message_count) == (0, 1_002)


def test_16_what_came_since_is_all_that_is_read(tmp_path: Path) -> None:
    with sqlite_meter() as meter:
        core = ithaca.SessionManager(tmp_path / "chats.db")
    with SessionManager(core) as manager:
        core.import_conversations([conversation(1_000)])
        session = manager.get_session("s1")
        assert len(session.history) == 1_000
        for _ in range(3):
            core.add_messages("s1", [ithaca.ChatMessage("user", "elsewhere")] * 2)
            meter.reset()
            session.add_message(ChatMessage("user", "here"))
            assert [m.content for m in session.history[-3:]] == ["elsewhere", "elsewhere", "here"]
            assert meter.rows < 30
        assert len(session.history) == 1_009


def test_16_a_message_of_ones_own_is_shown_without_reading_anything(tmp_path: Path) -> None:
    with sqlite_meter() as meter:
        core = ithaca.SessionManager(tmp_path / "chats.db")
    with SessionManager(core) as manager:
        session = manager.create_session("s1", "n", URL, "m")
        assert session.history == []
        meter.reset()
        for number in range(5):
            session.add_message(ChatMessage("user", str(number)))
        assert contents(session) == ["0", "1", "2", "3", "4"]
        assert not [sql for sql in meter.statements if "FROM messages" in sql]


def test_16_a_change_that_is_no_append_is_never_missed(database_url: str) -> None:
    with Counting(database_url) as core:
        core.import_conversations([conversation(3)])
        manager = SessionManager(core)
        session = manager.get_session("s1")
        first = str(session.history[0].id)
        core.edit_message("s1", first, "edited")
        session.add_message(ChatMessage("user", "here"))
        assert contents(session) == ["edited", "1", "2", "here"]
        core.add_messages("s1", [ithaca.ChatMessage("user", "elsewhere")] * 2)
        core.edit_message("s1", first, "edited again")
        assert contents(manager.get_session("s1")) == ["edited again", "1", "2", "here", "elsewhere", "elsewhere"]


def conversation(count: int) -> ithaca.Conversation:
    return ithaca.Conversation("s1", "n", [ithaca.ChatMessage("user", str(n)) for n in range(count)])
