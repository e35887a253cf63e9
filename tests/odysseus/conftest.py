"""The old manager's names on every database; a second manager sees what another process would."""

from collections.abc import Iterator

import pytest

from ithaca.odysseus import ChatMessage, Session, SessionManager, set_session_manager_instance


@pytest.fixture
def manager(database_url: str) -> Iterator[SessionManager]:
    with SessionManager(database_url) as manager:
        yield manager
        assert manager.core.verify() == []


@pytest.fixture
def other(database_url: str, manager: SessionManager) -> Iterator[SessionManager]:
    with SessionManager(database_url) as other:
        yield other


@pytest.fixture
def session(manager: SessionManager) -> Session:
    """A session of three messages: "1", "2", "3"."""
    session = manager.create_session("s1", "Pylos", "http://localhost:11434/v1", "qwen3", owner="telemachus")
    for number in (1, 2, 3):
        session.add_message(ChatMessage("user", str(number)))
    return session


@pytest.fixture(autouse=True)
def _no_instance() -> Iterator[None]:
    yield
    set_session_manager_instance(None)
