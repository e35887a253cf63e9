"""Incognito sessions: in a database of their own in this process's memory, which no file ever sees.

A manager, and those confined to an owner that come from it, share one; it is made when it is first needed and gone
when the manager is closed. Which sessions lie there is known by their ids, so that every other call costs a look
into a dict.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from ithaca.config import Settings
from ithaca.connection import Operation, P
from ithaca.errors import ManagerClosed
from ithaca.models import Session
from ithaca.operations.scope import Scope
from ithaca.storage import open_storage
from ithaca.storage.bell import Bell
from ithaca.storage.protocol import Storage

T = TypeVar("T")


class Known:
    """Which sessions are incognito."""

    def __init__(self) -> None:
        #: Whether any ever was.
        self.used = False
        #: The replies of incognito sessions.
        self.replies: set[str] = set()
        self._owners: dict[str, set[str]] = {}

    def holds(self, owner: str | None, session_id: str) -> bool:
        """Whether a session is incognito, or was until it was deleted; `owner` None means anybody's."""
        owners = self._owners.get(session_id)
        return owners is not None and (owner is None or owner in owners)

    def learn(self, session: Session) -> Session:
        """The same session, which is known from now on if it is incognito."""
        if session.incognito:
            self.know(session.owner, session.id)
        return session

    def know(self, owner: str, session_id: str) -> None:
        """From now on, a session is incognito."""
        self._owners.setdefault(session_id, set()).add(owner)
        self.used = True

    def forget(self, owner: str | None, session_id: str) -> None:
        """Gives an id free."""
        owners = self._owners.get(session_id, set()) - ({owner} if owner is not None else self._owners[session_id])
        if owners:
            self._owners[session_id] = owners
        else:
            self._owners.pop(session_id, None)

    def forget_owner(self, owner: str) -> None:
        """Gives all ids of an owner free."""
        for session_id in list(self._owners):
            self.forget(owner, session_id)


class Incognito(Known):
    """The `Storage` of incognito sessions."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._storage: Storage | None = None
        self._closed = False
        self._opening = threading.Lock()

    def _opened(self) -> Storage:
        with self._opening:
            if self._closed:
                raise ManagerClosed
            if self._storage is None:
                self._storage = open_storage(in_memory(self._settings))
            return self._storage

    @property
    def bell(self) -> Bell:
        return self._opened().bell

    def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = hidden(self._opened().read, op, args, kwargs)
        return result

    def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = hidden(self._opened().write, op, args, kwargs)
        return result

    def write_if_free(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = hidden(self._opened().write_if_free, op, args, kwargs)
        return result

    def scrub(self, *, whole: bool) -> None:
        self._opened().scrub(whole=whole)

    def close(self) -> None:
        with self._opening:
            self._closed = True
            if self._storage is not None:
                self._storage.close()


def in_memory(settings: Settings) -> Settings:
    return replace(settings, database=":memory:")


def hidden(run: Callable[..., Any], op: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs an operation whose sessions are incognito: its first argument, the scope, says so."""
    scope, *rest = args
    return run(op, replace(cast(Scope, scope), incognito=True), *rest, **kwargs)
