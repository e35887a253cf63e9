"""The suite's stage: every database, through both managers, and through both clients of a server.

Each test ends with `verify() == []`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ithaca import SessionManager
from tests.behaviour.stages import repeated, stages
from tests.conftest import DATABASES, Servers, lent_database
from tests.support.managers import Facade, FakeClock, LoopThread, Opener
from tests.support.remote import Remote

HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test is made for the databases and facades that `stages` says."""
    test, fixtures = metafunc.definition, metafunc.fixturenames
    if test.path.parent != HERE:
        return
    if {"database_url", "facade"}.issubset(fixtures):
        where = stages(test, fixtures)
        names = ["-".join(stage) for stage in where]
        metafunc.parametrize(("database_url", "facade"), where, indirect=True, ids=names)
    elif "database_url" in fixtures:
        metafunc.parametrize("database_url", DATABASES, indirect=True)
    elif "facade" in fixtures:
        metafunc.parametrize("facade", ["sync", "async"], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the parameters, as many are tried as `stages` says."""
    apart = set(repeated([item for item in items if item.path.parent == HERE]))
    if apart:
        config.hook.pytest_deselected(items=list(apart))
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


@pytest.fixture
def database_url(
    request: pytest.FixtureRequest, servers: Servers, sqlite_with_tables: Path, tmp_path: Path
) -> Iterator[str]:
    """A fresh database with Ithaca's tables and no rows."""
    with lent_database(request.param, servers, sqlite_with_tables, tmp_path) as url:
        yield url


@pytest.fixture
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
