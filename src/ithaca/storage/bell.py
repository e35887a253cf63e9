"""A bell that rings when something may have changed. What has changed is asked of the database.

Whoever watches hangs a callback on it. Nobody who watches costs nothing: without callbacks no thread runs.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator


class Bell:
    """Rings for every listener; a thread listens for other processes while there is one."""

    def __init__(self, listen: Callable[["Bell"], None]) -> None:
        """`listen` runs in a thread until `wanted` is false, and rings when another process wrote."""
        self._listen = listen
        self._callbacks: dict[object, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    @property
    def wanted(self) -> bool:
        """Whether anybody listens."""
        return bool(self._callbacks) and not self._stop.is_set()

    def ring(self) -> None:
        if self._callbacks:
            for callback in list(self._callbacks.values()):
                callback()

    def pause(self, seconds: float) -> None:
        """Waits, but not past the end."""
        self._stop.wait(seconds)

    @contextlib.contextmanager
    def listening(self, callback: Callable[[], None]) -> Iterator[None]:
        """Calls back at each ring, from whichever thread."""
        key = object()
        with self._lock:
            self._callbacks[key] = callback
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="ithaca-bell", daemon=True)
                thread.start()
                self._thread = thread  # once it runs: who closes waits for it
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.pop(key, None)

    def close(self) -> None:
        """Ends the thread; everyone who listens is called once more, to find the end."""
        self._stop.set()
        self.ring()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._listen(self)
            with self._lock:
                if not self.wanted:
                    self._thread = None
                    return
