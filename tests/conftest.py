"""Fixtures that every test can use: fresh databases, and a home that is not the user's."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.postgres import Server, ServerMissing, prepare_database, running_server

DATABASES = ["sqlite", "postgres-newest", "postgres-15"]


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of the test run's own, so that no test reads or writes the user's files and settings."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("ITHACA_", "XDG_", "PG")):
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
        patch.setenv("XDG_DATA_HOME", str(home / ".local/share"))
        patch.setenv("XDG_STATE_HOME", str(home / ".local/state"))
        patch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
        yield home


class Servers:
    """This worker's PostgreSQL servers, each started when a test first asks for it."""

    def __init__(self, exits: ExitStack) -> None:
        self._exits = exits
        self._running: dict[str, Server] = {}

    def __getitem__(self, version: str) -> Server:
        if version not in self._running:
            try:
                self._running[version] = self._exits.enter_context(running_server(version))
            except ServerMissing as missing:
                pytest.skip(str(missing))
        return self._running[version]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with ExitStack() as exits:
        yield Servers(exits)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[str]:
    """A fresh database with Ithaca's tables and no rows, on each kind of database in turn."""
    with fresh_database(request.param, servers, tmp_path, with_tables=True) as url:
        yield url


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[str]:
    """A fresh database without any table, on each kind of database in turn."""
    with fresh_database(request.param, servers, tmp_path, with_tables=False) as url:
        yield url


@pytest.fixture
def postgres_url(servers: Servers, tmp_path: Path) -> Iterator[str]:
    """A fresh database with Ithaca's tables and no rows, on the newest PostgreSQL."""
    with fresh_database("postgres-newest", servers, tmp_path, with_tables=True) as url:
        yield url


@contextmanager
def fresh_database(kind: str, servers: Servers, directory: Path, *, with_tables: bool) -> Iterator[str]:
    """A database of a kind, dropped at the end."""
    if kind == "sqlite":
        url = f"sqlite:///{directory}/ithaca.db"
        if with_tables:
            prepare_database(url)
        yield url
        return
    server = servers[kind.removeprefix("postgres-")]
    url = server.create_database(server.with_tables if with_tables else None)
    yield url
    server.drop_database(url)
