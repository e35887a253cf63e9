"""What tests of replies start from: a model that says what the test wants, and a session that it answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ithaca import Session, SessionManager
from tests.behaviour.replies.given import make_asked
from tests.conftest import Servers, fresh_database
from tests.support.managers import Facade
from tests.support.model_server import ModelServer, model_server


@pytest.fixture(params=["sqlite", "postgres-newest"])
def database_url(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[str]:
    """What replies ask of a database is the same for every PostgreSQL."""
    with fresh_database(request.param, servers, tmp_path, with_tables=True) as url:
        yield url


@pytest.fixture(params=["sync", "async"])
def facade(request: pytest.FixtureRequest) -> Facade:
    """Replies through the service have tests of their own."""
    return request.param


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """It says `WORDS` unless the test puts something else before."""
    with model_server() as server:
        yield server


@pytest.fixture
def session(manager: SessionManager, model: ModelServer) -> Session:
    """A session that the model answers."""
    return make_asked(manager, model)


@pytest.fixture
def alone(sqlite_with_tables: Path, tmp_path: Path) -> Iterator[SessionManager]:
    """A manager on SQLite, for what is the same on every database and for both managers."""
    file = tmp_path / "alone.db"
    file.write_bytes(sqlite_with_tables.read_bytes())
    with SessionManager(file) as manager:
        yield manager
        assert manager.verify() == []
