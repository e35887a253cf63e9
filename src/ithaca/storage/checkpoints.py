"""Checkpoints: what is committed is copied from SQLite's log into the file while nobody waits for it.

SQLite by itself does it in the commit that makes the log long, so whoever commits then waits for all who did before
(https://sqlite.org/wal.html#ckpt). Here a thread copies, with a connection of its own. The log begins anew only when
all of it is copied and nobody reads it. Where commits follow one another without a gap the thread never quite gets
there; so when little of the log is left to copy, the committing connection copies that little itself. A log that
begins anew early stays short, and writing into a file that doesn't grow takes the disk half as long.
"""

import contextlib
import threading
from collections.abc import Callable

import apsw

from ithaca.errors import IthacaError
from ithaca.later import note
from ithaca.storage.sqlite_connection import translated

#: After so many more pages in the log they are copied: SQLite's own default.
STEP = 1_000

#: The committing connection copies what is left when that is no more than this part of the log.
LITTLE = 1 / 4

#: Pages in the log from which it does so whatever is left, if the thread was told before: 256 MiB.
TOO_LONG = 65_536


class Checkpoints:
    """Copies for a writer, whose commits it is told of."""

    def __init__(self, connect: Callable[[], apsw.Connection]) -> None:
        self._connect = connect
        self._next = STEP
        self._copied = 0
        self._again = 0
        self._thread: threading.Thread | None = None
        self._sleeping = threading.Lock()
        self._sleeping.acquire()
        self._closing = False

    def committed(self, db: apsw.Connection, _: str, pages: int) -> int:
        """Called after each commit: so many pages are in the log."""
        if pages < STEP:  # it began anew
            self._next, self._copied, self._again = STEP, 0, 0
        elif pages >= self._again and (self._is_behind(pages) or self._is_nearly_done(pages)):
            self._again = pages + STEP // 10  # if a reader is in the way of it, there is no use in trying each time
            with contextlib.suppress(apsw.Error):  # the commit holds; the next attempt meets the error again
                self._copy(db)
        elif pages >= self._next:
            self._next = pages + STEP
            self._begin()
        return apsw.SQLITE_OK

    def _is_behind(self, pages: int) -> bool:
        """Whether the thread can't keep up. A commit that makes the log too long by itself leaves it to the thread."""
        return pages >= TOO_LONG and self._next > STEP

    def _is_nearly_done(self, pages: int) -> bool:
        return bool(self._copied) and pages - self._copied <= pages * LITTLE

    def close(self) -> None:
        """Returns when the thread has ended; what it leaves, SQLite copies when the last connection is closed."""
        self._closing = True
        self._wake()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ithaca-checkpoints", daemon=True)
            self._thread.start()
        self._wake()

    def _wake(self) -> None:
        # A lock, as an `Event` that Ctrl-C falls into may stay locked for ever.
        with contextlib.suppress(RuntimeError):  # it has been woken already
            self._sleeping.release()

    def _run(self) -> None:
        try:
            with contextlib.closing(self._connect()) as db:
                while self._sleeping.acquire() and not self._closing:
                    self._copy_or_note(db)
        except IthacaError as error:  # the file is gone, say; who writes next is told
            note(error)

    def _copy_or_note(self, db: apsw.Connection) -> None:
        try:
            self._copy(db)
        except apsw.BusyError:
            pass  # another process does it
        except apsw.Error as error:
            note(translated(error))

    def _copy(self, db: apsw.Connection) -> None:
        self._copied = db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)[1]
