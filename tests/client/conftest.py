"""The clients' stage: a real server on SQLite, and clients that ask as somebody."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from ithaca import Client, SessionManager
from tests.conftest import Servers, fresh_database
from tests.support.serving import Served, served

_numbers = itertools.count(1)

AsOwner = Callable[..., Client]


@pytest.fixture(scope="session")
def database_url(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with Ithaca's tables, for all tests of the worker."""
    with fresh_database("sqlite", servers, tmp_path_factory.mktemp("client"), with_tables=True) as url:
        yield url


@pytest.fixture(scope="session")
def server(database_url: str) -> Iterator[Served]:
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
def name() -> str:
    """An owner whom no other test has."""
    return f"alice-{next(_numbers)}"


@pytest.fixture
def asks_as(server: Served) -> Iterator[AsOwner]:
    """Makes clients that ask as an owner; `address` to ask elsewhere than at the server itself."""
    opened: list[Any] = []

    def make(owner: str, rights: str = "read,write", address: str | None = None, **options: Any) -> Client:
        http = httpx2.Client(headers={"x-owner": owner, "x-rights": rights}, verify=False, trust_env=False)
        opened.append(http)
        return Client(address or server.address, http=http, **options)

    yield make
    for http in opened:
        http.close()


@pytest.fixture
def alice(asks_as: AsOwner, name: str) -> Client:
    """A client of somebody who may read and write."""
    return asks_as(name)


@pytest.fixture
def root(asks_as: AsOwner) -> Client:
    """A client of an administrator."""
    return asks_as("root", "read,write,admin")
