"""Work that nobody waits for: done soon after, in the order in which it was handed over."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from queue import SimpleQueue

from ithaca.errors import IthacaError, NotFound

_log = logging.getLogger("ithaca")

#: Sessions whose last reading is remembered; the others are merely asked about again.
_REMEMBERED = 10_000


class Recently:
    """Remembers what happened within some time, so that it isn't repeated; bounded."""

    def __init__(self, microseconds: int) -> None:
        self._span = microseconds
        self._times: OrderedDict[object, int] = OrderedDict()
        self._lock = threading.Lock()

    def first(self, key: object, now: int) -> bool:
        """Whether it hasn't happened within the time; from now on it has."""
        with self._lock:
            before = self._times.get(key)
            if before is not None and 0 <= now - before < self._span:
                return False
            self._times[key] = now
            self._times.move_to_end(key)
            if len(self._times) > _REMEMBERED:
                self._times.popitem(last=False)
            return True


class Later:
    """A thread that is started with the first work."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def do(self, work: Callable[[], object]) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ithaca-later", daemon=True)
                self._thread.start()
        self._work.put(work)

    def close(self) -> None:
        """Returns when all that was handed over is done."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except IthacaError as error:
                note(error)


def note(error: IthacaError) -> None:
    """Says in the log what came of work that nobody waits for."""
    if not isinstance(error, NotFound):  # deleted meanwhile: nothing is left to do
        _log.warning("not done in the background: %s", error)
