"""Fixtures that every test can use: fresh databases, and a home that is not the user's."""

import gc
import os
import shutil
import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import argon2
import pytest

from ithaca import passwords
from tests.support.disks import quick_disk
from tests.support.postgres import Server, ServerMissing, prepare_database, running_server

DATABASES = ["sqlite", "postgres-newest", "postgres-15"]

#: What takes a real model is for `make test-model` alone.
collect_ignore = [] if find_spec("xllamacpp") else ["model"]

#: Folders of tests whose files lie on a disk.
ON_DISK = ["processes", "storage"]


def pytest_configure() -> None:
    """Temporary directories lie in memory where there is room: a small test on SQLite mostly waits for the disk."""
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(quick_disk()))
    # A shell that starts the tests in the background has it ignored, and so would the programs that are interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders of the longest tests come first: none of them is what everybody waits for in the end."""
    items.sort(key=lambda item: item.path.parent.name not in ("processes", "stateful", "web"))


def pytest_collection_finish() -> None:
    """What was collected stays to the end, so the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A server that is not there is one line of the summary, instead of one for each of a thousand tests."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value.__context__, ServerMissing):
        report.longrepr = ("tests", None, str(call.excinfo.value))
    return report


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of the test run's own, so that no test reads or writes the user's files and settings."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("ITHACA_", "XDG_", "PG")):
                patch.delenv(name)
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # the programs that tests start compile Ithaca once
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
        patch.setenv("XDG_DATA_HOME", str(home / ".local/share"))
        patch.setenv("XDG_STATE_HOME", str(home / ".local/state"))
        patch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
        yield home


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """On a disk where several write at once, or are killed: they meet, and die, while it is flushed."""
    if request.path.parent.name in ON_DISK or request.node.get_closest_marker("on_disk"):
        with TemporaryDirectory(prefix="ithaca-tests-") as folder:
            yield Path(folder)
    else:
        yield tmp_path


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


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with Ithaca's tables and no rows, to be copied."""
    file = tmp_path_factory.mktemp("template") / "ithaca.db"
    prepare_database(f"sqlite:///{file}")
    return file


@pytest.fixture(params=DATABASES)
def database_url(
    request: pytest.FixtureRequest, servers: Servers, sqlite_with_tables: Path, tmp_path: Path
) -> Iterator[str]:
    """A fresh database with Ithaca's tables and no rows, on each kind of database in turn."""
    with lent_database(request.param, servers, sqlite_with_tables, tmp_path) as url:
        yield url


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[str]:
    """A fresh database without any table, on each kind of database in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ithaca.db"
    else:
        with _on_server(servers, request.param, with_tables=False) as url:
            yield url


@pytest.fixture
def postgres_url(servers: Servers) -> Iterator[str]:
    """A fresh database with Ithaca's tables and no rows, on the newest PostgreSQL."""
    with _on_server(servers, "postgres-newest", with_tables=True) as url:
        yield url


@contextmanager
def lent_database(kind: str, servers: Servers, sqlite_with_tables: Path, directory: Path) -> Iterator[str]:
    """A database of a kind with Ithaca's tables and no rows, for a test."""
    if kind == "sqlite":
        yield f"sqlite:///{shutil.copy(sqlite_with_tables, directory)}"
    else:
        with _on_server(servers, kind, with_tables=True) as url:
            yield url


@contextmanager
def _on_server(servers: Servers, kind: str, *, with_tables: bool) -> Iterator[str]:
    server = servers[kind.removeprefix("postgres-")]
    if with_tables:
        url = server.lend_database()
        yield url
        server.take_back(url)
    else:
        url = server.create_database()
        yield url
        server.drop_database(url)


@contextmanager
def fresh_database(kind: str, servers: Servers, directory: Path, *, with_tables: bool) -> Iterator[str]:
    """A database of a kind, dropped at the end."""
    if kind == "sqlite":
        url = f"sqlite:///{directory}/ithaca.db"
        if with_tables:
            prepare_database(url)
        yield url
    else:
        with _on_server(servers, kind, with_tables=with_tables) as url:
            yield url


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes passwords by parameters that take a millisecond, where the test doesn't measure them."""
    quick = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: quick)
    monkeypatch.setattr(passwords, "_nobodys", lambda: quick.hash("nobody's"))
