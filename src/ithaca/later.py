"""Work that nobody waits for: done soon after, in the order in which it was handed over."""

import threading
from _thread import start_new_thread
from collections import OrderedDict
from collections.abc import Callable
from queue import SimpleQueue

from ithaca.errors import IthacaError, NotFound

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
        before = self._times.get(key)
        if before is not None and 0 <= now - before < self._span:
            return False
        with self._lock:
            self._times[key] = now
            self._times.move_to_end(key)
            if len(self._times) > _REMEMBERED:
                self._times.popitem(last=False)
            return True

    def happened(self, key: object, time: int) -> None:
        """It was known to have happened at that time."""
        with self._lock:
            self._times[key] = time

    def forget(self, key: object) -> None:
        """As if it hadn't happened."""
        with self._lock:
            self._times.pop(key, None)


class Later:
    """A thread that is started with the first work."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = False
        self._ended = threading.Lock()

    def do(self, work: Callable[[], object]) -> None:
        self._work.put(work)
        if not self._started:
            self._start()

    def close(self) -> None:
        """Returns when all that was handed over is done."""
        with self._lock:
            if self._started:
                self._work.put(None)
                with self._ended:
                    self._started = False

    def _start(self) -> None:
        """Starts the thread, without waiting until it runs, as `threading.Thread` does: a reader would wait for it."""
        with self._lock:
            if not self._started:
                self._ended.acquire()
                self._started = True
                start_new_thread(self._run, ())

    def _run(self) -> None:
        try:
            while (work := self._work.get()) is not None:
                self._do(work)
        finally:
            self._ended.release()

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except IthacaError as error:
            note(error)


class WhenQuiet:
    """Work in small steps, done while nobody stores anything; or slowly, if that never is.

    Its thread begins with what is stored first, and ends when nothing is left to do.
    """

    def __init__(self, step: Callable[[], bool]) -> None:
        #: Does a little; whether there is more to do.
        self._step = step
        self._stored = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def stored(self) -> None:
        """Something was stored, so there is something to do. This is in the way of every append: it has to be short."""
        self._stored = True
        if self._thread is None:
            self._begin()

    def close(self) -> None:
        """Returns when the step under way is done; the others are left undone."""
        self._closing.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                thread = threading.Thread(target=self._run, name="ithaca-when-quiet", daemon=True)
                thread.start()
                self._thread = thread  # once it runs: who closes waits for it

    def _run(self) -> None:
        try:
            self._work()
        except IthacaError as error:
            note(error)
        with self._lock:
            self._thread = None
        if self._stored:
            self._begin()

    def _work(self) -> None:
        pace = Pace()
        while not self._closing.wait(pace.pause):
            stored, self._stored = self._stored, False
            if pace.may_work(stored) and not self._step():
                return


class Pace:
    """When to do the next step: at once while all is quiet, else after a while."""

    def __init__(self) -> None:
        self.pause = QUIET
        self._waited = 0

    def may_work(self, stored: bool) -> bool:
        self.pause = QUIET if stored else 0
        self._waited = self._waited + 1 if stored else 0
        return not stored or self._waited > PATIENCE


#: Seconds without anything stored after which it is quiet.
QUIET = 2.0

#: So many times it is waited for quiet; then a step is done nevertheless, each time.
PATIENCE = 15


def note(error: BaseException) -> None:
    """Says in the log what came of work that nobody waits for."""
    if not isinstance(error, NotFound):  # deleted meanwhile: nothing is left to do
        import logging

        logging.getLogger("ithaca").warning("not done in the background: %s", error)
