"""A writer that is killed at any moment: what it acknowledged is there, and at most what it was doing then."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ithaca import SessionManager
from ithaca.storage import is_postgres
from tests.processes.operations import contents, operate
from tests.support.managers import execute
from tests.support.processes import Worker, rounds

#: Seconds that a writer lives once it is ready.
LIVES = (0.0, 0.15)


def kill_again_and_again(url: str, kills: int) -> None:
    """Starts writers on one database and kills each; the next goes on where the one before was cut off."""
    with SessionManager(url) as manager, SessionManager("sqlite:///:memory:") as replica:
        number = killed = 0
        while killed < kills or number <= kills:  # on a machine that has much else to do, many live for nothing
            number = go_on_until_killed(url, manager, replica, number)
            killed += 1


def let_servers_finish(url: str) -> None:
    """PostgreSQL runs the statement to its end of a client that has died, and may commit it."""
    if is_postgres(url):
        while execute(url, UNDER_WAY):
            time.sleep(0.005)


UNDER_WAY = """
    SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
      AND state <> 'idle' AND pid <> pg_backend_pid()
"""


def go_on_until_killed(url: str, manager: SessionManager, replica: SessionManager, number: int) -> int:
    """The number of the first operation that wasn't done."""
    writer = Worker("operate", url, number)
    writer.wait_until_ready()
    writer.begin()
    for line in writer.kill_after(random.uniform(*LIVES)):
        assert int(line) == number
        operate(replica, number)
        number += 1
    let_servers_finish(url)
    assert manager.verify() == []
    stored = contents(manager)
    if stored != contents(replica):  # then what it was doing was done whole
        operate(replica, number)
        number += 1
    assert stored == contents(replica)
    return number


def test_all_operations_on_sqlite(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        urls = [f"sqlite:///{tmp_path}/{number}.db" for number in (1, 2)]
        list(pool.map(kill_again_and_again, urls, [rounds(20)] * 2))


@pytest.mark.parametrize(
    ("database_url", "kills"), [("postgres-newest", 12), ("postgres-15", 6)], indirect=["database_url"]
)
def test_all_operations_on_postgres(database_url: str, kills: int) -> None:
    kill_again_and_again(database_url, rounds(kills))


@pytest.mark.parametrize("function", ["append_until_killed", "append_async_until_killed"])
def test_threads_and_tasks(function: str, database_url: str) -> None:
    """Several were at work in the killed process: what each acknowledged is there, and at most one more of each."""
    acknowledged: set[str] = set()
    with SessionManager(database_url) as manager:
        manager.create_session("shared")
        for life in range(rounds(5)):
            writer = Worker(function, database_url, f"life{life}")
            writer.wait_until_ready()
            writer.begin()
            new = set(writer.kill_after(random.uniform(*LIVES)))
            let_servers_finish(database_url)
            assert manager.verify() == []
            history = manager.get_session("shared").history
            assert [message.seq for message in history] == list(range(1, len(history) + 1))
            stored = {str(message.id) for message in history}
            assert acknowledged | new <= stored
            assert len(stored - acknowledged - new) <= 3
            acknowledged = stored


def test_while_it_makes_the_tables(tmp_path: Path) -> None:
    for number in range(rounds(6)):
        url = f"sqlite:///{tmp_path}/{number}.db"
        worker = Worker("open_new", url, "p0")
        worker.wait_until_ready()
        worker.begin()
        printed = worker.kill_after(random.uniform(0, 0.03))
        with SessionManager(url) as manager:
            assert manager.verify() == []
            assert manager.count_sessions() >= len(printed)
