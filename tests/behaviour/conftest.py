"""The suite's stage: every database, through both managers. Each test ends with `verify() == []`."""

from collections.abc import Iterator

import pytest

from ithaca import SessionManager
from tests.support.managers import Facade, FakeClock, LoopThread, Opener


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    loop = LoopThread()
    yield loop
    loop.close()


@pytest.fixture(params=["sync", "async"])
def facade(request: pytest.FixtureRequest) -> Facade:
    return request.param


@pytest.fixture
def open_manager(database_url: str, facade: Facade, loop_thread: LoopThread) -> Iterator[Opener]:
    """Opens managers on the test's database: a second one sees what another process would see."""
    opener = Opener(database_url, facade, loop_thread)
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
