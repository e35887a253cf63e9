"""The files of a SQLite database: whose turn it is to write, whether it is still there, and who may read it.

Processes take turns by a lock on a file beside the database. SQLite's own way of waiting, sleeping and asking
again, leaves some waiting for very long; a queue in the kernel doesn't. Whoever doesn't take it (another
program) is still kept out by SQLite itself.
"""

import errno
import os
import stat
import sys
import threading
import time

from ithaca.errors import DatabaseBusy, DatabaseUnavailable, NotAnIthacaDatabase

if sys.platform != "win32":  # there, SQLite's own locks have to do
    import fcntl


#: A turn of another process is most often over within a commit or two: so often, and after so many seconds, it is
#: looked again before a thread is sent to wait, which takes longer than a commit.
LOOKS, BETWEEN_LOOKS = 20, 0.00005


class FileLock:
    """Processes take turns: a lock that the kernel keeps a queue for, and frees when its holder dies.

    It is a queue and nothing more: what keeps two writers apart is SQLite's own lock. The kernel's wait has no
    time limit, so whoever has to wait lets a thread do it.
    """

    def __init__(self, path: str | None, timeout: float) -> None:
        self._path = None if sys.platform == "win32" else path
        self._timeout = timeout
        self._descriptor: int | None = None

    def acquire(self) -> None:
        if self._path is None:
            return
        if self._descriptor is None:
            self._descriptor = open_private(self._path)
        if not self._take(self._descriptor):
            self._wait(self._descriptor)

    def acquire_within(self, seconds: float) -> bool:
        """Whether it could be acquired within a moment."""
        if self._path is None:
            return True
        if self._descriptor is None:
            self._descriptor = open_private(self._path)
        deadline = time.monotonic() + seconds
        while not self._take(self._descriptor):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def release(self) -> None:
        """Lets the next one in; does no harm where the lock isn't held."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(self, descriptor: int) -> None:
        for _ in range(LOOKS):
            time.sleep(BETWEEN_LOOKS)
            if self._take(descriptor):
                return
        turn = Turn(descriptor)
        try:
            threading.Thread(target=turn.wait_for, name="ithaca-turn", daemon=True).start()
            if not turn.comes_within(self._timeout):
                raise DatabaseBusy(f"another process has been writing for {self._timeout:g} seconds")
        except BaseException:
            self._descriptor = None
            turn.give_up()
            raise


class Turn:
    """A wait for the lock that may be given up, but not ended: when it comes nevertheless, the lock is let go.

    Plain locks only: an `Event` that Ctrl-C falls into may stay locked for ever.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._came = self._given_up = False
        self._deciding = threading.Lock()
        self._waiting = threading.Lock()
        self._waiting.acquire()

    def comes_within(self, seconds: float) -> bool:
        return self._waiting.acquire(timeout=seconds)

    def wait_for(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        with self._deciding:
            self._came = True
            if self._given_up:
                os.close(self._descriptor)
        self._waiting.release()

    def give_up(self) -> None:
        """Leaves the descriptor to the thread that waits on it."""
        with self._deciding:
            self._given_up = True
            if self._came:
                os.close(self._descriptor)


class Place:
    """The file that was opened, so that writing to one that was deleted or replaced is noticed."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._file = None if path is None else os.stat(path).st_ino  # noqa: PTH116, as below

    def check(self) -> None:
        """Raises `DatabaseUnavailable` if the file isn't there any more."""
        if self._path is None:
            return
        try:
            moved = os.stat(self._path).st_ino != self._file  # noqa: PTH116, asked at each call
        except FileNotFoundError:
            moved = True
        if moved:
            raise DatabaseUnavailable(f"{self._path} was deleted or replaced while it was open")


def make_private(path: str) -> None:
    """Makes the file, if it isn't there, readable by its owner only; SQLite gives the same rights to those beside it.

    A file that is there is left closed: to close it again would take away the locks that other connections of this
    process have on it (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        file = os.stat(path)  # noqa: PTH116, each opening asks
    except FileNotFoundError:
        os.close(open_private(path))
        return
    except OSError as error:
        raise DatabaseUnavailable(f"{path}: {error.strerror}") from error
    if not os.access(path, os.R_OK | os.W_OK):
        raise DatabaseUnavailable(f"{path}: {os.strerror(errno.EACCES)}")
    if 0 < file.st_size < 512 and stat.S_ISREG(file.st_mode):
        # SQLite would take less than a page for nothing, and write over it.
        raise NotAnIthacaDatabase(path, "it is not a SQLite file")


def open_private(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseUnavailable(f"{path}: {error.strerror}") from error
