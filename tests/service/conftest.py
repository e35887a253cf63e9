"""The service's stage: a real server on SQLite and on the newest PostgreSQL, and clients that ask as somebody.

The tests of a worker share one server on each database. Each test asks as owners of its own, so that none sees what
another left; `verify() == []` at the end.
"""

import itertools
from collections.abc import Iterator

import httpx
import pytest

from ithaca import SessionManager
from tests.conftest import Servers, fresh_database
from tests.support.serving import Served, served

_numbers = itertools.count(1)


@pytest.fixture(scope="session", params=["sqlite", "postgres-newest"])
def database_url(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database with Ithaca's tables, for all tests of the worker."""
    with fresh_database(request.param, servers, tmp_path_factory.mktemp("service"), with_tables=True) as url:
        yield url


@pytest.fixture(scope="session")
def server(database_url: str) -> Iterator[Served]:
    """A server on the database."""
    with served(database_url) as running:
        yield running
    with SessionManager(database_url) as manager:
        assert manager.verify() == []


@pytest.fixture(scope="session")
def trusted(database_url: str) -> Iterator[SessionManager]:
    """A manager of another process on the same database, so to speak."""
    with SessionManager(database_url) as manager:
        yield manager


@pytest.fixture
def names() -> tuple[str, str]:
    """Two owners that no other test has."""
    number = next(_numbers)
    return f"alice-{number}", f"bob-{number}"


@pytest.fixture
def alice(server: Served, names: tuple[str, str]) -> httpx.Client:
    """Asks as an owner who may read and write."""
    return server.client(names[0])


@pytest.fixture
def bob(server: Served, names: tuple[str, str]) -> httpx.Client:
    """Asks as another owner."""
    return server.client(names[1])


@pytest.fixture
def root(server: Served) -> httpx.Client:
    """Asks as an administrator."""
    return server.client("root", "read,write,admin")


@pytest.fixture
def stored(trusted: SessionManager, names: tuple[str, str]) -> SessionManager:
    """What is stored of alice's."""
    return trusted.for_owner(names[0])
