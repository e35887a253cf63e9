"""The engines of a manager, which run its replies: one for what is stored, one for what is incognito.

Each is made when the first reply is asked for, so nobody else pays for event loops and threads.
"""

import threading
from typing import TYPE_CHECKING

from ithaca.errors import ManagerClosed
from ithaca.storage.forked_processes import ends_at_fork
from ithaca.storage.protocol import Storage

if TYPE_CHECKING:
    from ithaca.manager.opening import OpenedWhenUsed
    from ithaca.replies.engine import Engine
    from ithaca.replies.threads import EngineThread


class Engines:
    """Those of a `SessionManager`."""

    def __init__(self) -> None:
        self._engines: dict[int, EngineThread] = {}
        self._lock = threading.Lock()
        self._closed = False
        #: Whether the threads are in the process that this one was forked from.
        self.elsewhere = False
        ends_at_fork(self)

    def forked(self) -> None:
        self._lock, self._closed, self.elsewhere = threading.Lock(), True, True

    def of(self, storage: Storage) -> "EngineThread":
        from ithaca.replies.threads import EngineThread

        with self._lock:
            if self._closed:
                raise ManagerClosed
            if id(storage) not in self._engines:
                self._engines[id(storage)] = EngineThread(storage)
            return self._engines[id(storage)]

    @property
    def all(self) -> "list[EngineThread]":
        return [] if self.elsewhere else list(self._engines.values())

    def close(self) -> None:
        with self._lock:
            self._closed = True
        for engine in self.all:
            engine.close()


class AsyncEngines:
    """Those of an `AsyncSessionManager`, on its own event loop."""

    def __init__(self) -> None:
        self._engines: dict[int, Engine] = {}
        self._closed = False
        #: Whether the event loop is in the process that this one was forked from.
        self.elsewhere = False
        ends_at_fork(self)

    def forked(self) -> None:
        self._closed = self.elsewhere = True

    def of(self, storage: "OpenedWhenUsed") -> "Engine":
        from ithaca.replies.engine import Engine

        if self._closed:
            raise ManagerClosed
        if id(storage) not in self._engines:
            self._engines[id(storage)] = Engine(storage)
        return self._engines[id(storage)]

    @property
    def all(self) -> "list[Engine]":
        return [] if self.elsewhere else list(self._engines.values())

    async def close(self) -> None:
        self._closed = True
        for engine in self.all:
            await engine.close()
