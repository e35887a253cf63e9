"""What those who watch hear: everything, in order, once."""

import json
import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from ithaca import ChatMessage, InvalidArgument, SessionManager
from tests.support.managers import FakeClock, execute
from tests.support.processes import Worker

TOLD = 5.0  # seconds without news after which a watcher of these tests gives up


def heard(changes: Any, count: int) -> list[tuple[str, int]]:
    return [(change.kind, change.revision) for change in islice(changes, count)]


def test_each_kind_of_change_is_told(manager: Any) -> None:
    before = list(manager.watch(timeout=0))
    start = _here(manager)
    manager.create_session("s")
    message = manager.add_message("s", ChatMessage("user", "hello"))
    manager.edit_message("s", message.id, "hi")
    manager.rename_session("s", "Pylos")
    manager.delete_session("s")
    manager.undo("s")
    manager.fork_session("s", new_id="fork")
    told = [(c.session_id, c.kind, c.revision) for c in manager.watch(after=start, timeout=0.1)]
    assert before == []
    assert told == [
        ("s", "created", 1),
        ("s", "messages added", 2),
        ("s", "messages changed", 3),
        ("s", "updated", 4),
        ("s", "deleted", 5),
        ("s", "restored", 6),
        ("fork", "created", 1),
    ]


def test_a_task_session_is_told_though_it_is_the_first_that_a_manager_writes(database_url: str) -> None:
    with SessionManager(database_url) as manager:
        manager.ensure_task_session("t", "task", "", "")
        assert heard(manager.watch(session_id="t", after=0, timeout=TOLD), 1) == [("created", 1)]
        manager.ensure_task_session("t", "task", "", "")
        assert list(manager.watch(session_id="t", after=1, timeout=0.1)) == []


def test_a_watcher_that_comes_back_hears_the_rest_once(manager: Any) -> None:
    start = _here(manager)
    manager.create_session("s")
    for number in range(20):
        manager.add_message("s", ChatMessage("user", str(number)))
    told: list[int] = []
    while len(told) < 21:  # leaves after each change, and comes back after the last one that it heard
        change = next(iter(manager.watch(after=start, timeout=TOLD)))
        told.append(change.revision)
        start = change.cursor
    assert list(range(1, 22)) == told


def test_a_session_is_watched_from_a_revision(manager: Any) -> None:
    manager.create_session("other")
    manager.create_session("s")
    for number in range(3):
        manager.add_message("s", ChatMessage("user", str(number)))
        manager.add_message("other", ChatMessage("user", str(number)))
    told = heard(manager.watch(session_id="s", after=2, timeout=0.1), 10)
    assert told == [("messages added", 3), ("messages added", 4)]
    assert heard(manager.watch(session_id="s", after=4, timeout=0.1), 10) == []


def test_news_that_are_gone_are_told_as_missed(manager: Any, database_url: str) -> None:
    start = _here(manager)
    manager.create_session("s")
    for number in range(3):
        manager.add_message("s", ChatMessage("user", str(number)))
    execute(database_url, "DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - 1")
    assert heard(manager.watch(after=start, timeout=0.1), 10) == [("missed", 0), ("messages added", 4)]
    assert heard(manager.watch(session_id="s", after=1, timeout=0.1), 1) == [("missed", 4)]


def test_owners_hear_of_their_own_only(manager: Any) -> None:
    start = _here(manager)
    for owner in ("penelope", "eumaeus"):
        manager.create_session(f"of-{owner}", owner=owner)
    mine = manager.for_owner("penelope")
    assert [c.session_id for c in mine.watch(after=start, timeout=0.1)] == ["of-penelope"]
    assert list(mine.watch(owner="eumaeus", after=start, timeout=0.1)) == []
    assert [c.session_id for c in manager.watch(owner="eumaeus", after=start, timeout=0.1)] == ["of-eumaeus"]


def test_what_is_rolled_back_is_not_told(manager: Any) -> None:
    start = _here(manager)
    manager.create_session("s")
    with pytest.raises(InvalidArgument):
        manager.truncate_messages("s", -1)
    with pytest.raises(KeyError):
        manager.edit_message("s", "nobody", "x")
    assert heard(manager.watch(after=start, timeout=0.1), 10) == [("created", 1)]


@pytest.mark.on_disk
def test_other_processes_are_heard_in_order(database_url: str) -> None:
    with SessionManager(database_url) as manager:
        manager.create_session("s")
        news = manager.watch(session_id="s", after=1, timeout=30)
        writers = [Worker("add", database_url, "s", 40) for _ in range(2)]
        for writer in writers:
            writer.begin()
        revisions = [change.revision for change in islice(news, 80)]
        assert [writer.result() for writer in writers] == [["ready"], ["ready"]]
    assert list(range(2, 82)) == revisions


@pytest.mark.on_disk
def test_many_threads_are_heard_in_order(database_url: str) -> None:
    with SessionManager(database_url) as manager:
        manager.create_session("s")
        news = manager.watch(session_id="s", after=1, timeout=30)
        threads = [threading.Thread(target=_add, args=(manager, 25)) for _ in range(4)]
        for thread in threads:
            thread.start()
        revisions = [change.revision for change in islice(news, 100)]
        for thread in threads:
            thread.join()
    assert list(range(2, 102)) == revisions


def test_closing_ends_the_watch(database_url: str) -> None:
    manager = SessionManager(database_url)
    manager.create_session("s")
    news = manager.watch(session_id="s", after=0)
    assert next(news).kind == "created"
    told: list[Any] = []
    watcher = threading.Thread(target=lambda: told.extend(news))
    watcher.start()
    manager.close()
    watcher.join(timeout=10)
    assert (watcher.is_alive(), told) == (False, [])


def test_nobody_who_watches_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.enumerate()
    with SessionManager(tmp_path / "chats.db") as manager:
        manager.create_session("s")
        threads = [thread for thread in threading.enumerate() if thread not in before]
        assert not [thread for thread in threads if thread.name == "ithaca-bell"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"after": "nonsense"}, "after"),
        ({"after": "1-"}, "after"),
        ({"after": 3}, "after"),
        ({"after": -1, "session_id": "s"}, "after"),
        ({"timeout": -1}, "timeout"),
        ({"session_id": 5}, "session_id"),
        ({"owner": 5}, "owner"),
    ],
)
def test_bad_arguments_are_named(manager: Any, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        list(manager.watch(**wrong))
    assert field == refused.value.field


def test_changes_of_a_json_client_survive(manager: Any) -> None:
    start = _here(manager)
    manager.create_session("s")
    change = next(iter(manager.watch(after=json.loads(json.dumps(start)), timeout=TOLD)))
    assert (change.kind, change.revision) == ("created", 1)


DELETIONS: dict[str, Callable[[Any], object]] = {
    "delete_session": lambda m: m.delete_session("s"),
    "delete_sessions": lambda m: m.delete_sessions(["s"]),
    "apply_retention": lambda m: m.set_retention(owner="penelope", delete_after=0) and m.apply_retention(),
    "cleanup_empty_sessions": lambda m: m.cleanup_empty_sessions(min_age_hours=0),
}


@pytest.mark.parametrize("way", DELETIONS)
def test_a_deletion_is_told_to_who_knows_a_revision(way: str, timed: Any, clock: FakeClock) -> None:
    timed.create_session("s", owner="penelope")
    timed.rename_session("s", "Pylos")
    clock.move(hours=1)
    DELETIONS[way](timed)
    assert heard(timed.watch(session_id="s", after=1, timeout=0), 10) == [("updated", 2), ("deleted", 3)]
    assert heard(timed.watch(session_id="s", after=2, timeout=0), 10) == [("deleted", 3)]


def test_the_revisions_of_a_session_never_repeat(manager: Any) -> None:
    manager.create_session("s")
    for delete in (manager.delete_session, lambda id: manager.delete_sessions([id])):
        delete("s")
        manager.undo("s")
    told = heard(manager.watch(session_id="s", after=0, timeout=0), 10)
    assert told == [("created", 1), ("deleted", 2), ("restored", 3), ("deleted", 4), ("restored", 5)]
    assert manager.get_session("s").revision == 5
    assert heard(manager.watch(session_id="s", after=5, timeout=0), 10) == []
    assert heard(manager.watch(session_id="s", after=1, timeout=0), 1) == [("deleted", 2)]


def test_an_id_that_is_used_again_is_told_from_where_it_ended(manager: Any) -> None:
    for _ in range(2):
        manager.create_session("s")
        manager.rename_session("s", "Pylos")
        if not manager.trash(session_id="s").items:
            manager.delete_session("s")
    told = heard(manager.watch(session_id="s", after=2, timeout=0), 10)
    assert told == [("deleted", 3), ("created", 1), ("updated", 2)]


def test_who_knows_a_session_that_is_gone_without_news_has_missed_something(manager: Any, database_url: str) -> None:
    manager.create_session("s")
    manager.delete_session("s")
    manager.create_session("other")
    execute(database_url, "DELETE FROM changes WHERE session_id = 's'")
    assert heard(manager.watch(session_id="s", after=1, timeout=0), 10) == [("missed", 0)]
    assert heard(manager.watch(session_id="s", after=0, timeout=0), 10) == []
    manager.create_session("s")
    execute(database_url, "DELETE FROM changes WHERE session_id = 's'")
    assert heard(manager.watch(session_id="s", after=5, timeout=0), 10) == [("missed", 1)]


def test_an_erased_owner_is_told_to_whom_it_concerns(manager: Any, database_url: str) -> None:
    manager.create_session("hers", owner="penelope")
    manager.create_session("his", owner="eumaeus")
    start = manager.latest_cursor()
    watchers = {
        "all": (manager, {}), "hers": (manager, {"owner": "penelope"}), "his": (manager, {"owner": "eumaeus"}),
        "nobody's": (manager, {"owner": ""}), "her session": (manager, {"session_id": "hers"}),
        "his session": (manager, {"session_id": "his"}), "confined": (manager.for_owner("penelope"), {}),
        "confined, other": (manager.for_owner("eumaeus"), {"session_id": "his"}),
        "confined, her session": (manager.for_owner("penelope"), {"session_id": "hers"}),
    }  # fmt: skip
    live = {name: iter(m.watch(**which, after=start, timeout=0.05)) for name, (m, which) in watchers.items()}
    manager.rename_session("hers", "Loom")
    begun = {name: next(changes, None) for name, changes in live.items()}
    assert {name for name, change in begun.items() if change} >= {"her session", "confined, her session"}
    manager.erase_owner("penelope")
    told = {name: [(c.kind, c.owner, c.session_id) for c in changes] for name, changes in live.items() if begun[name]}
    hers, unnamed = [("erased", "penelope", "")], [("erased", "", "")]
    assert told == {
        "all": unnamed, "hers": hers, "her session": hers, "confined": hers, "confined, her session": hers,
    }  # fmt: skip
    assert [list(live[name]) for name in live if begun[name] is None] == [[], [], [], []]
    assert [c.kind for c in manager.watch(session_id="hers", after=2, timeout=0)] == ["missed"]
    assert [c.kind for c in manager.watch(session_id="his", after=1, timeout=0)] == []
    assert "penelope" not in str(execute(database_url, "SELECT * FROM changes"))


def test_who_has_heard_all_misses_nothing_by_an_erasure(manager: Any) -> None:
    manager.create_session("s", owner="penelope")
    heard_last = list(manager.watch(session_id="s", after=0, timeout=0.1))[-1].cursor
    manager.erase_owner("penelope")
    assert [change.kind for change in manager.watch(after=heard_last, timeout=0.1)] == ["erased"]


def test_nobodys_data_is_erased_with_word_of_it(manager: Any) -> None:
    manager.create_session("s")
    manager.create_session("t", owner="penelope")
    manager.erase_owner("penelope")
    start = manager.latest_cursor()
    manager.erase_owner("")
    assert [(c.kind, c.owner) for c in manager.watch(owner="", after=start, timeout=0.1)] == [("erased", "")]
    assert "erased" in [c.kind for c in manager.watch(owner="penelope", after="0-0", timeout=0.1)]


def test_an_owner_who_comes_back_after_an_erasure_is_told_of_it(manager: Any) -> None:
    manager.create_session("s", owner="penelope")
    manager.erase_owner("penelope")
    manager.create_session("s", owner="penelope")
    told = [(c.kind, c.revision) for c in manager.watch(session_id="s", after=1, timeout=0)]
    assert told == [("erased", 0), ("created", 1)]


def test_a_watch_begins_when_it_is_asked_for_the_first_change(manager: Any) -> None:
    manager.create_session("s")
    cursor = manager.latest_cursor()
    now, from_cursor = manager.watch(timeout=0.1), manager.watch(after=cursor, timeout=0.1)
    manager.rename_session("s", "Pylos")
    assert list(now) == []
    assert ("updated", 2) in heard(from_cursor, 10)


REMOVALS: dict[str, Callable[[Any], object]] = {
    "edit_message, branch": lambda m: m.edit_message("s", "1", "one", branch=True),
    "add_version": lambda m: m.add_version("s", "2", ChatMessage("assistant", "two")),
    "replace_messages": lambda m: m.replace_messages("s", [ChatMessage("user", "new")]),
    "truncate_messages": lambda m: m.truncate_messages("s", 1),
}


@pytest.mark.parametrize("way", REMOVALS)
def test_what_removes_something_is_no_mere_addition(way: str, manager: Any) -> None:
    manager.create_session("s")
    manager.add_messages("s", [ChatMessage("user", "1", id="1"), ChatMessage("assistant", "2", id="2")])
    REMOVALS[way](manager)
    assert heard(manager.watch(session_id="s", after=2, timeout=0), 10) == [("messages changed", 3)]


def test_replacing_what_only_grows_adds(manager: Any) -> None:
    manager.create_session("s")
    first = manager.add_message("s", ChatMessage("user", "1", id="1"))
    manager.replace_messages("s", [first, ChatMessage("assistant", "2")])
    assert heard(manager.watch(session_id="s", after=2, timeout=0), 10) == [("messages added", 3)]


def _here(manager: Any) -> str:
    """The cursor of a change that was just made: the place from which the test listens."""
    manager.create_session("beginning")
    cursor = ""
    for change in manager.watch(session_id="beginning", after=0, timeout=0.1):
        cursor = change.cursor
    return cursor


def _add(manager: SessionManager, count: int) -> None:
    for number in range(count):
        manager.add_message("s", ChatMessage("user", str(number)))
