"""SQLite's write-ahead log, flushed to the disk outside of the transaction, once for all who committed before.

SQLite on its full setting flushes within the commit, while everybody else, of this process and of others, waits for
the lock. Here a commit only writes; whoever made it flushes the log after the lock is released, and says "stored"
after that. A flush covers whatever was written to the file before, by any process, so nobody is told of a commit
that depends on one which a power cut could still take away (https://sqlite.org/wal.html).
"""

import os
import threading
import time

from ithaca.errors import DatabaseUnavailable

#: Where the system can't flush a file's contents alone, SQLite's own way of flushing at each commit is left as it is.
FLUSHES_APART = hasattr(os, "fdatasync")


class Log:
    """Counts the commits of the one connection that writes, and flushes them."""

    def __init__(self, path: str | None) -> None:
        """`path` is None where nothing is to be flushed."""
        #: The number of the last commit that wrote something; those of others count when they were read.
        self.commits = 0
        #: Seconds that the last flush took.
        self.took = 0.0
        self._flushed = 0
        self._descriptor: int | None = None
        self._path = path
        self._failed: OSError | None = None
        self._flushing = threading.Lock()

    def flush(self, commit: int) -> None:
        """Returns when a commit, by its number, is on the disk. Raises `DatabaseUnavailable` if that can't be known.

        Who comes while a flush is under way waits for it, and then for one more, which serves all who came meanwhile.
        """
        if commit <= self._flushed or self._path is None:
            return
        with self._flushing:
            if commit > self._flushed:
                self._flush(self._path)

    def flush_all(self) -> None:
        """Returns when all that was committed, by whichever process, is on the disk."""
        if self._path is not None:
            try:
                descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fdatasync(descriptor)
                finally:
                    os.close(descriptor)
            except FileNotFoundError:
                pass  # nobody has written since all was copied into the file
            except OSError as error:
                raise DatabaseUnavailable(f"{self._path} could not be flushed: {error}") from error

    def close(self) -> None:
        with self._flushing:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _flush(self, path: str) -> None:
        commits = self.commits  # those that come while it is under way may be left out
        if self._failed is None:
            try:
                if self._descriptor is None:
                    self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                begun = time.perf_counter()
                os.fdatasync(self._descriptor)
                self.took = time.perf_counter() - begun
            except OSError as error:
                self._failed = error
            else:
                self._flushed = commits
                return
        # After a failure the system takes what it couldn't write for written, so a flush that succeeds later proves
        # nothing, until the file is opened anew.
        message = f"{path} could not be flushed, so what was written may not be stored: {self._failed}"
        raise DatabaseUnavailable(message) from self._failed
