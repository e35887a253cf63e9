"""The suite's stage: every database, through both managers. Each test ends with `verify() == []`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ithaca import SessionManager
from tests.support.managers import Facade, FakeClock, LoopThread, Opener
from tests.support.processes import soaking

#: What runs on PostgreSQL 15 through asyncio too in every run. Each of the two runs everything with another partner,
#: and `make soak` runs everything on the pair.
ON_EVERY_PAIR = [
    "cleanup", "durability", "histories", "messages", "never", "opening", "owners", "revisions", "sessions", "times",
    "watch",
]  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not is_left_out(item)]


def is_left_out(item: pytest.Item) -> bool:
    on_the_pair = "postgres-15-async" in item.name and item.path.parent == Path(__file__).parent
    return on_the_pair and not soaking() and item.path.stem.removeprefix("test_") not in ON_EVERY_PAIR


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
