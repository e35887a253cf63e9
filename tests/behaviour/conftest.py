"""The suite's stage: every database, through both managers, and through both clients of a server.

Each test ends with `verify() == []`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ithaca import SessionManager
from tests.behaviour.through_clients import is_run
from tests.support.managers import Facade, FakeClock, LoopThread, Opener
from tests.support.remote import Remote


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Through clients runs what `through_clients` says."""
    here = Path(__file__).parent
    left_out = [item for item in items if item.path.parent == here and not is_run(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        apart = set(left_out)
        items[:] = [item for item in items if item not in apart]


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    loop = LoopThread()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def remote(loop_thread: LoopThread) -> Iterator[Callable[[], Remote]]:
    """This worker's server process for clients, which is started when a test first asks for it."""
    started: list[Remote] = []

    def get() -> Remote:
        if not started:
            started.append(Remote())
        return started[0]

    yield get
    for server in started:
        server.stop(loop_thread.wait_for)


@pytest.fixture(params=["sync", "async", "client", "async-client"])
def facade(request: pytest.FixtureRequest) -> Facade:
    return request.param


@pytest.fixture
def open_manager(
    database_url: str, facade: Facade, loop_thread: LoopThread, remote: Callable[[], Remote]
) -> Iterator[Opener]:
    """Opens managers on the test's database: a second one sees what another process would see."""
    opener = Opener(database_url, facade, loop_thread, remote)
    try:
        yield opener
        assert opener.verify() == []
    finally:
        opener.close()


@pytest.fixture
def manager(open_manager: Opener) -> SessionManager:
    return open_manager()


@pytest.fixture
def other(open_manager: Opener, manager: SessionManager) -> SessionManager:
    """A second manager on the database of the first."""
    return open_manager()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def timed(open_manager: Opener, clock: FakeClock) -> SessionManager:
    """A manager whose time is the test's `clock`."""
    return open_manager(clock=clock)
