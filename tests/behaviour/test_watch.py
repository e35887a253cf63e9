"""What those who watch hear: everything, in order, once."""

import json
import subprocess
import sys
import threading
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from ithaca import ChatMessage, InvalidArgument, SessionManager
from tests.support.managers import execute

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
        ("s", "deleted", 4),
        ("s", "restored", 5),
        ("fork", "created", 1),
    ]


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
    told = heard(manager.watch(session="s", after=2, timeout=0.1), 10)
    assert told == [("messages added", 3), ("messages added", 4)]
    assert heard(manager.watch(session="s", after=4, timeout=0.1), 10) == []


def test_news_that_are_gone_are_told_as_missed(manager: Any, database_url: str) -> None:
    start = _here(manager)
    manager.create_session("s")
    for number in range(3):
        manager.add_message("s", ChatMessage("user", str(number)))
    execute(database_url, "DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - 1")
    assert heard(manager.watch(after=start, timeout=0.1), 10) == [("missed", 0), ("messages added", 4)]
    assert heard(manager.watch(session="s", after=1, timeout=0.1), 1) == [("missed", 4)]


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


WRITER = """
import sys
from ithaca import ChatMessage, SessionManager
with SessionManager(sys.argv[1]) as manager:
    for number in range(int(sys.argv[3])):
        manager.add_message(sys.argv[2], ChatMessage("user", str(number)))
"""


def test_other_processes_are_heard_in_order(database_url: str) -> None:
    with SessionManager(database_url) as manager:
        manager.create_session("s")
        news = manager.watch(session="s", timeout=30)
        writers = [subprocess.Popen([sys.executable, "-c", WRITER, database_url, "s", "40"]) for _ in range(2)]
        revisions = [change.revision for change in islice(news, 80)]
        assert [writer.wait() for writer in writers] == [0, 0]
    assert list(range(2, 82)) == revisions


def test_many_threads_are_heard_in_order(database_url: str) -> None:
    with SessionManager(database_url) as manager:
        manager.create_session("s")
        news = manager.watch(session="s", timeout=30)
        threads = [threading.Thread(target=_add, args=(manager, 25)) for _ in range(4)]
        for thread in threads:
            thread.start()
        revisions = [change.revision for change in islice(news, 100)]
        for thread in threads:
            thread.join()
    assert list(range(2, 102)) == revisions


def test_closing_ends_the_watch(database_url: str) -> None:
    manager = SessionManager(database_url)
    news = manager.watch()
    told: list[Any] = []
    watcher = threading.Thread(target=lambda: told.extend(news))
    watcher.start()
    manager.close()
    watcher.join(timeout=10)
    assert (watcher.is_alive(), told) == (False, [])


def test_nobody_who_watches_leaves_no_thread(tmp_path: Path) -> None:
    with SessionManager(tmp_path / "chats.db") as manager:
        manager.create_session("s")
        assert not [thread for thread in threading.enumerate() if thread.name == "ithaca-bell"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"after": "nonsense"}, "after"),
        ({"after": "1-"}, "after"),
        ({"after": 3}, "after"),
        ({"after": -1, "session": "s"}, "after"),
        ({"timeout": -1}, "timeout"),
        ({"session": 5}, "session"),
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


def _here(manager: Any) -> str:
    """The cursor of a change that was just made: the place from which the test listens."""
    manager.create_session("beginning")
    cursor = ""
    for change in manager.watch(session="beginning", after=0, timeout=0.1):
        cursor = change.cursor
    return cursor


def _add(manager: SessionManager, count: int) -> None:
    for number in range(count):
        manager.add_message("s", ChatMessage("user", str(number)))
