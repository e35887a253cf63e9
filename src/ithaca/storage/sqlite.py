"""SQLite through APSW: one writer that commits for all, and readers that never wait for it."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import apsw

from ithaca.config import Settings
from ithaca.connection import Operation, P, drive, is_one_statement
from ithaca.errors import (
    DatabaseBusy,
    DatabaseUnavailable,
    IthacaError,
    ManagerClosed,
    NotAnIthacaDatabase,
)
from ithaca.storage.bell import Bell
from ithaca.storage.checkpoints import Checkpoints
from ithaca.storage.forked_processes import closed_by_fork, ends_at_fork
from ithaca.storage.migrate import check_version, migrations
from ithaca.storage.sqlite_connection import SQLiteConnection, translated
from ithaca.storage.sqlite_files import FileLock, Place, make_private
from ithaca.storage.sqlite_log import FLUSHES_APART, Log
from ithaca.storage.sqlite_writer import Writer

T = TypeVar("T")

#: In the file's header, so that another program's database is never taken for ours: "Itha".
APPLICATION_ID = 0x49746861

#: Seconds between two looks at whether another process has committed, while somebody watches; a look takes
#: a few microseconds.
LOOK_AT_VERSION = 0.03

#: Idle reading connections that are kept.
IDLE_READERS = 8


# A connection is in the hands of one thread at a time: a reader is taken out of those that are idle, the one that
# writes is the leader's. So it needs no lock of SQLite's own, which is taken for each value that is read: a sixth of
# a page's time (https://sqlite.org/threadsafe.html).
OPENING = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_NOMUTEX

# FULL flushes the log within each commit; NORMAL only at checkpoints, so a power cut may take the last commits, though
# never a consistent file (https://sqlite.org/pragma.html#pragma_synchronous). Where the log is flushed apart, after the
# commit, SQLite has to do no more than NORMAL.
_RELAXED = "; PRAGMA synchronous = NORMAL"
_FLUSHING = {"full": _RELAXED if FLUSHES_APART else "; PRAGMA synchronous = FULL", "relaxed": _RELAXED}

# To set it, SQLite reads the whole schema, which takes longer than all else of opening. So a reader, which flushes only
# what it copies when it is the last to close, is left as it is where that is right. Whoever copies the log has to have
# read something: for a connection that hasn't, there is no log.
_AS_IT_IS = {"DEFAULT_SYNCHRONOUS=2", "DEFAULT_WAL_SYNCHRONOUS=2"}.issubset(apsw.compile_options)
_READING = "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY"
_WRITING = "; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON"


class SQLiteStorage:
    """A SQLite file, or a database in memory."""

    def __init__(self, path: str, settings: Settings) -> None:
        self._settings = settings
        self.busy_timeout = settings.busy_timeout
        self.in_memory = path == ":memory:"
        self._path = path if self.in_memory else str(Path(path).expanduser().absolute())
        if not self.in_memory:
            make_private(self._path)
        self.lock = FileLock(None if self.in_memory else self._path + "-lock", settings.busy_timeout)
        self.place = Place(None if self.in_memory else self._path)
        self._idle: deque[apsw.Connection] = deque()
        self._to_write_anew = False
        self.closed = False
        #: What is raised when it is closed.
        self.ended: Callable[[], ManagerClosed] = ManagerClosed
        self._checkpoints = Checkpoints(self._connect)
        self._writing: apsw.Connection | None = None
        self._opening = threading.Lock()
        self._prepare()
        self.bell = Bell(self._listen)
        self.writer = Writer(lambda: self.db, self.lock, self.place, self.log, self.bell, settings.busy_timeout)
        ends_at_fork(self)

    @property
    def db(self) -> apsw.Connection:
        """The connection that writes, opened when it is first needed: many only read."""
        if self.closed:
            raise self.ended()
        with self._opening:
            if self._writing is None:
                self._writing = self._connect()
                self._writing.set_wal_hook(self._committed)
            return self._writing

    @property
    def location(self) -> str:
        """The file's path, or ":memory:"."""
        return self._path

    def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.in_memory:
            return self.write(op, *args, **kwargs)
        if self.closed:
            raise self.ended()
        self.place.check()
        db = self._reader()
        try:
            return self._read(db, op, *args, **kwargs)
        except apsw.Error as error:
            raise translated(error) from error
        finally:
            self._give_back(db)

    def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.closed:
            raise self.ended()
        return self.writer.submit(lambda connection: drive(op, connection, *args, **kwargs))

    def write_if_free(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.closed:
            raise self.ended()
        return self.writer.run_if_free(lambda connection: drive(op, connection, *args, **kwargs))

    def scrub(self, *, whole: bool) -> None:
        """Writes the file anew if anything was deleted since, and empties the log, which still has it.

        `secure_delete` alone is not enough: it overwrites what is deleted, but not the copies that stay behind in a
        page when what is on it moves to another.
        """
        self._to_write_anew = self._to_write_anew or whole
        if self.in_memory:
            return
        self.place.check()
        db = self._connect()
        between_processes = FileLock(self._path + "-lock", self._settings.busy_timeout)  # not the writer's own
        try:
            between_processes.acquire()
            self._scrub(db)
        except apsw.Error as error:
            raise translated(error) from error
        finally:
            between_processes.release()
            between_processes.close()
            db.close()

    def _scrub(self, db: apsw.Connection) -> None:
        if self._to_write_anew:
            db.execute("PRAGMA temp_store = FILE; VACUUM")  # a copy of the database may not fit into memory
        deadline = time.monotonic() + self._settings.busy_timeout
        while db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]:
            # SQLite itself waits for readers, but not for a checkpoint under way.
            if time.monotonic() > deadline:
                raise DatabaseBusy("somebody has been reading for long, so what was erased is still in the log")
            time.sleep(0.01)
        self._to_write_anew = False

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True  # first: whoever is about to write finds no connection when all others are done
        with contextlib.suppress(IthacaError):
            self.writer.finish()
        self.bell.close()
        self._checkpoints.close()
        while self._idle:
            self._idle.pop().close()
        if self._writing is not None:
            self._writing.close()
        self.log.close()
        self.lock.close()

    def forked(self) -> None:
        self.closed, self.ended = True, closed_by_fork

    def _committed(self, db: apsw.Connection, name: str, pages: int) -> int:
        """The writer's hook, called after each commit that wrote something (https://sqlite.org/c3ref/wal_hook.html)."""
        self.log.commits += 1
        return self._checkpoints.committed(db, name, pages)

    def _listen(self, bell: Bell) -> None:
        """Rings when another connection has committed (https://sqlite.org/pragma.html#pragma_data_version)."""
        if self.in_memory:
            while bell.wanted:
                bell.pause(LOOK_AT_VERSION)
            return
        db = self._connect()
        try:
            version = db.pragma("data_version")
            while bell.wanted:
                bell.pause(LOOK_AT_VERSION)
                version, before = db.pragma("data_version"), version
                if version != before:
                    bell.ring()
        finally:
            db.close()

    def _read(self, db: apsw.Connection, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        connection = SQLiteConnection(db, self.log.flush_all)
        if is_one_statement(op):
            return drive(op, connection, *args, **kwargs)
        db.execute("BEGIN")
        try:
            return drive(op, connection, *args, **kwargs)
        finally:
            db.execute("COMMIT")

    def _reader(self) -> apsw.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect(reads_only=True)

    def _give_back(self, db: apsw.Connection) -> None:
        if self.closed or db.in_transaction or len(self._idle) >= IDLE_READERS:
            db.close()
        else:
            self._idle.append(db)

    def _connect(self, *, reads_only: bool = False) -> apsw.Connection:
        try:
            db = apsw.Connection(self._path, flags=OPENING)
        except apsw.Error as error:
            raise DatabaseUnavailable(f"{self._path}: {error}") from error
        try:
            db.set_busy_timeout(int(self._settings.busy_timeout * 1000))
            db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)  # else a new number in a LIMIT is a new plan
            db.execute(self._set_up(reads_only)).fetchall()
        except apsw.Error as error:
            db.close()
            raise self._unusable(error) from error
        return db

    def _set_up(self, reads_only: bool) -> str:
        durability = self._settings.durability
        if reads_only:
            return _READING if durability == "full" and _AS_IT_IS else _READING + _FLUSHING[durability]
        return _READING + _FLUSHING[durability] + _WRITING

    def _prepare(self) -> None:
        """Sees to it that the tables are there; the connection that did is kept."""
        db = self._connect(reads_only=not self.in_memory)
        try:
            if self._version(db) != len(migrations("sqlite")):
                self._upgrade_in_turn(db)
        except apsw.Error as error:
            db.close()
            raise self._unusable(error) from error
        except BaseException:
            db.close()
            raise
        flushes = FLUSHES_APART and self._settings.durability == "full" and not self.in_memory
        self.log = Log(db.filename_wal if flushes else None)
        if self.in_memory:
            self._writing = db
        else:
            self._idle.append(db)

    def _upgrade_in_turn(self, db: apsw.Connection) -> None:
        try:
            self.lock.acquire()
            self._upgrade(db)
        except BaseException:
            self.lock.release()
            self.lock.close()
            raise
        self.lock.release()

    def _version(self, db: apsw.Connection) -> int:
        if db.pragma("application_id") == APPLICATION_ID:
            return int(db.pragma("user_version"))
        if db.execute("SELECT 1 FROM sqlite_schema").fetchall():
            raise NotAnIthacaDatabase(self._path, "it has other tables")
        return 0  # whatever another program's number is

    def _upgrade(self, db: apsw.Connection) -> None:
        # Asked again under the lock: of two processes that open at once, one finds the work done.
        db.execute("PRAGMA journal_mode = WAL")
        steps = migrations("sqlite")
        db.execute("BEGIN IMMEDIATE")
        with _commit_or_roll_back(db):
            for step in steps[self._version(db) :]:
                db.execute(step.sql)
                db.execute(f"PRAGMA user_version = {step.version}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            check_version(self._version(db), len(steps))

    def _unusable(self, error: apsw.Error) -> BaseException:
        if isinstance(error, apsw.NotADBError):
            return NotAnIthacaDatabase(self._path, "it is not a SQLite file")
        return translated(error)


@contextlib.contextmanager
def _commit_or_roll_back(db: apsw.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def upgrade(path: str) -> tuple[int, int]:
    """Brings a file to the current schema, as opening it does; returns the version before and after."""
    before = _found_version(path)
    SQLiteStorage(path, Settings(database=path)).close()
    return before, len(migrations("sqlite"))


def _found_version(path: str) -> int:
    if path == ":memory:" or not Path(path).exists():
        return 0
    db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(db.pragma("user_version"))
    except apsw.NotADBError as error:
        raise NotAnIthacaDatabase(path, "it is not a SQLite file") from error
    finally:
        db.close()
