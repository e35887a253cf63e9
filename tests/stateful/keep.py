"""Two managers on one database and the model beside them: what one is told, the other is told and must answer."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any, NamedTuple

from hypothesis.stateful import RuleBasedStateMachine, invariant

from ithaca import (
    AsyncSessionManager,
    ChatMessage,
    Compaction,
    Document,
    DocumentVersion,
    RetentionPolicy,
    Session,
    SessionManager,
)
from ithaca.errors import InvalidInput, IthacaError
from ithaca.models import Removed
from tests.stateful.model import World, kept
from tests.stateful.model.retention import Policy

#: What a session is compared by. `last_accessed` is bounded, not foretold: readings move it in their own time.
SESSION = (
    "owner", "id", "name", "endpoint_url", "model", "rag", "archived", "is_important", "folder", "mode", "headers",
    "extra", "message_count", "revision", "created_at", "updated_at", "last_message_at",
)  # fmt: skip
MESSAGE = (
    "id", "role", "content", "metadata", "tool_calls", "tool_call_id", "name", "seq", "created_at", "edited_at",
)  # fmt: skip
DOCUMENT = (
    "owner", "id", "session_id", "title", "language", "version", "archived", "revision", "created_at", "updated_at",
    "size",
)  # fmt: skip
COMPACTION = ("session_id", "through", "summary", "created_at", "counts")
POLICY = (
    "owner", "folder", "archive_after", "delete_after", "keep_starred", "keep_newest", "legal_hold", "updated_at",
)  # fmt: skip
VERSION = ("document_id", "version", "title", "language", "summary", "source", "created_at", "size")

FIELDS: dict[type, tuple[str, ...]] = {
    Session: SESSION,
    kept.Session: SESSION,
    ChatMessage: MESSAGE,
    kept.Message: MESSAGE,
    Document: DOCUMENT,
    kept.Document: DOCUMENT,
    Compaction: COMPACTION,
    kept.Compaction: COMPACTION,
    RetentionPolicy: POLICY,
    Policy: POLICY,
    DocumentVersion: VERSION,
    kept.Version: VERSION,
}

#: A read moves `last_accessed` if it is an hour old, and is not looked into again within an hour.
ACCESS_SLACK = timedelta(hours=2)


class Awaited:
    """An AsyncSessionManager behind the calls of a SessionManager."""

    def __init__(self, manager: AsyncSessionManager, runner: asyncio.Runner) -> None:
        self._manager = manager
        self._run = runner.run

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._manager, name)
        return lambda *args, **kwargs: self._run(_awaited(call, *args, **kwargs))

    def for_owner(self, owner: str | None) -> "Awaited":
        other = Awaited.__new__(Awaited)
        other._manager, other._run = self._manager.for_owner(owner), self._run
        return other

    def settle(self) -> None:
        self._run(self._manager._later.close())


async def _awaited(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    answer = call(*args, **kwargs)
    return [item async for item in answer] if hasattr(answer, "__aiter__") else await answer


class Waiting(SessionManager):
    """A SessionManager that can be asked to finish what it does in the background."""

    def settle(self) -> None:
        done = Event()
        self._later.do(done.set)
        done.wait()


class At(NamedTuple):
    """What a call is made through, and about: the first or the second manager, confined to whom, and an id."""

    number: int
    scope: str | None
    id: str = ""

    @property
    def other(self) -> "At":
        """The same, through the other manager."""
        return self._replace(number=1 - self.number)


class Keep(RuleBasedStateMachine):
    """The managers, the model, and how they are compared; the rules are in the modules by noun."""

    def __init__(self, open_managers: Callable[[kept.Clock], list[Any]]) -> None:
        super().__init__()
        self.clock = kept.Clock()
        self.world = World(self.clock)
        #: What is in the memory of each manager.
        self.hidden = [World(self.clock), World(self.clock)]
        self.managers = open_managers(self.clock)
        self.url: str = self.managers[0]._database
        self.agrees = True

    def manager(self, at: At) -> Any:
        manager = self.managers[at.number]
        return manager if at.scope is None else manager.for_owner(at.scope)

    def both(self, at: At, call: str, *args: Any, **kwargs: Any) -> None:
        """Tells the manager and the model the same, and compares what they answer."""
        actual = attempt(getattr(self.manager(at), call), *args, **kwargs)
        expected = attempt(getattr(self.world, call), at.scope, *args, **kwargs)
        self.same(actual, expected)

    def same(self, actual: Any, expected: Any) -> None:
        self.agrees = False
        assert plain(actual) == plain(expected)
        self.agrees = True

    def all_pages(self, at: At, call: str, limit: int, *args: Any, **kwargs: Any) -> None:
        """Compares a listing, read page by page."""
        expected = attempt(getattr(self.world, call), at.scope, *args, **kwargs)
        self.same(attempt(self.paged, at, call, limit, *args, **kwargs), expected)

    def paged(self, at: At, call: str, limit: int, *args: Any, **kwargs: Any) -> list[Any]:
        """What is on all pages of a listing."""
        page = getattr(self.manager(at), call)(*args, limit=limit, **kwargs)
        found = list(page)
        while page.cursor is not None:
            page = getattr(self.manager(at), call)(*args, limit=limit, cursor=page.cursor, **kwargs)
            found += page
        return found

    def expected(self, find: Callable[[], kept.Session | kept.Document], expectation: str) -> dict[str, int]:
        if expectation == "any":
            return {}
        thing = attempt(find)
        revision = 1 if isinstance(thing, IthacaError) else thing.revision
        return {"expected_revision": revision if expectation == "right" else revision + 1}

    def session_at(self, at: At, expectation: str) -> dict[str, int]:
        return self.expected(lambda: self.world.find(at.scope, at.id), expectation)

    def document_at(self, at: At, expectation: str) -> dict[str, int]:
        return self.expected(lambda: self.world.find_document(at.scope, at.id), expectation)

    def read_session(self, at: At) -> None:
        """What one manager was told, the other shows at once: the session with its whole history."""
        actual = attempt(self.manager(at.other).get_session, at.id)
        expected = attempt(self.world.get_session, at.scope, at.id)
        self.same(actual, expected)
        if isinstance(expected, kept.Session):
            self.same(actual.history, expected.history)
            self.managers[at.other.number].settle()

    def read_document(self, at: At) -> None:
        self.both_whole(at.other, "get_document", at.id)
        self.all_pages(at.other, "list_document_versions", 2, at.id)

    def both_whole(self, at: At, call: str, *args: Any) -> None:
        """As `both`, of a document or a version with its content."""
        self.both(at, call, *args)
        actual = attempt(getattr(self.manager(at), call), *args)
        expected = attempt(getattr(self.world, call), at.scope, *args)
        self.same(getattr(actual, "content", None), getattr(expected, "content", None))

    @invariant()
    def nobody_else_was_touched(self) -> None:
        page = self.managers[0].list_sessions(limit=1000)
        seen = {(session.owner, session.id): session for session in page}
        assert {key: session.revision for key, session in seen.items()} == {
            key: session.revision for key, session in self.world.sessions.items()
        }
        for key, session in seen.items():
            self.learn_access(self.world.sessions[key], session)

    def learn_access(self, expected: kept.Session, actual: Session) -> None:
        assert actual.last_accessed in {expected.last_accessed, *expected.reads}
        if expected.reads and expected.reads[-1] - expected.since > ACCESS_SLACK:
            assert actual.last_accessed > expected.reads[-1] - ACCESS_SLACK
        expected.last_accessed = actual.last_accessed
        expected.reads.clear()

    def teardown(self) -> None:
        try:
            if self.agrees:
                self.everything_agrees()
                self.everything_is_said()
        finally:
            for manager in self.managers:
                manager.close()

    def everything_is_said(self) -> None:
        """What the rules still want to compare at the end."""

    def everything_agrees(self) -> None:
        for manager in self.managers:
            assert manager.verify() == []
        for owner, session_id in self.world.sessions:
            for number in (0, 1):
                self.read_session(At(number, owner, session_id))
        for owner, document_id in self.world.documents:
            self.read_document(At(0, owner, document_id))
            for version in range(1, len(self.world.documents[owner, document_id].versions) + 1):
                self.both_whole(At(1, owner), "get_document_version", document_id, version)
        self.all_pages(At(0, None), "list_documents", 1000)


def attempt(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call returns, or the error that it raises."""
    try:
        return call(*args, **kwargs)
    except IthacaError as error:
        return error


def plain(value: Any) -> Any:
    """A value, of a manager or of the model, as it can be compared."""
    if isinstance(value, InvalidInput):
        return type(value), value.field
    if isinstance(value, IthacaError):
        return type(value), value.__dict__
    if isinstance(value, Removed):
        return value.trash_id is not None, value.sessions, value.messages, value.documents
    if isinstance(value, list):
        return [plain(item) for item in value]
    if fields := FIELDS.get(type(value)):
        return exact({name: getattr(value, name) for name in fields})
    return value


def exact(value: Any) -> Any:
    """In Python 1 == True == 1.0; in what somebody said they differ."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return (type(value).__name__, value) if isinstance(value, (bool, int, float)) else value
