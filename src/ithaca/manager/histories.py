"""The histories that a manager has read lately, so that reading one again costs what is new."""

import threading
from collections import OrderedDict
from typing import Literal, TypeAlias

from ithaca.operations.histories import History

#: An owner, or None for trusted code; a session's id; and whether all of its messages are meant, or the last ones.
Key: TypeAlias = tuple[str | None, str, Literal["all", "last"]]


class Histories:
    """The last ones that were read, bounded in bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._size = 0
        self._histories: OrderedDict[Key, History] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> History | None:
        with self._lock:
            if key in self._histories:
                self._histories.move_to_end(key)
            return self._histories.get(key)

    def put(self, key: Key, history: History | None) -> None:
        """Keeps it in the place of what was known before; without one, forgets that."""
        with self._lock:
            before = self._histories.pop(key, None)
            self._size -= before.size if before else 0
            if history is not None and history.size <= self._most:
                self._histories[key] = history
                self._size += history.size
            while self._size > self._most:
                self._size -= self._histories.popitem(last=False)[1].size

    def clear(self) -> None:
        """Forgets all: something was erased."""
        with self._lock:
            self._histories.clear()
            self._size = 0
