"""SQLite through APSW: one writer that commits for all, and readers that never wait for it.

Every writing thread puts its operation into a queue. Whose operation stands first leads: it opens a transaction,
runs what is queued, each in a savepoint, commits once, and tells the others; then the first of those that came
meanwhile leads. So one flush to disk serves all who waited for it, and nobody is told "done"
before it. Alone, a writer leads at once and switches no thread.

Processes take turns by a lock on a file beside the database. SQLite's own way of waiting, sleeping and asking
again, leaves some waiting for very long; a queue in the kernel doesn't. Whoever doesn't take it (another
program) is still kept out by SQLite itself.
"""

import contextlib
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import apsw

from ithaca.columns import Row, to_json
from ithaca.config import Settings
from ithaca.connection import NOTHING, Engine, Operation, P, Params, drive, is_one_statement
from ithaca.errors import (
    DatabaseBusy,
    DatabaseUnavailable,
    IthacaError,
    ManagerClosed,
    NotAnIthacaDatabase,
    StorageError,
)
from ithaca.operations.statements import (
    CHANGES_KEPT,
    HOLDS_ANY,
    INSERT_MESSAGE,
    PRUNE_CHANGES,
    RECORD_CHANGE,
    TAKE_NUMBERS,
)
from ithaca.storage.bell import Bell
from ithaca.storage.migrate import check_version, migrations

if sys.platform != "win32":  # there, SQLite's own locks have to do
    import fcntl

T = TypeVar("T")

#: In the file's header, so that another program's database is never taken for ours: "Itha".
APPLICATION_ID = 0x49746861

#: At most so many operations share a transaction: it bounds how long the first of them waits.
MOST_IN_ONE_COMMIT = 256

#: Seconds after which a waiting thread looks whether it is first in the queue, though nobody woke it.
LOOK_AGAIN = 0.5

#: Seconds between two looks at whether another process has committed, while somebody watches; a look takes
#: a few microseconds.
LOOK_AT_VERSION = 0.03

#: After so many changes, old news are removed.
PRUNE_EVERY = 5_000

#: Idle reading connections that are kept.
IDLE_READERS = 8


class SQLiteConnection:
    """A `Connection` that never suspends."""

    engine: Engine = "sqlite"

    def __init__(self, db: apsw.Connection) -> None:
        self.db = db

    async def row(self, sql: str, params: Params = NOTHING) -> Row | None:
        rows = self._execute(sql, params).fetchall()
        return rows[0] if rows else None

    async def rows(self, sql: str, params: Params = NOTHING, *, binary: bool = False) -> list[Row]:
        return self._execute(sql, params).fetchall()

    async def run(self, sql: str, params: Params = NOTHING) -> int:
        self._execute(sql, params)
        return self.db.changes()

    async def run_many(self, sql: str, params: Iterable[Params]) -> None:
        self.db.executemany(_translated(sql).text, params)

    def _execute(self, sql: str, params: Params) -> apsw.Cursor:
        statement = _translated(sql)
        if statement.lists:
            params = {**params, **{name: to_json(params[name]) for name in statement.lists}}
        return self.db.execute(statement.text, params)

    async def append(self, session: Params, drafts: Sequence[Params]) -> int | None:
        if session["ids"] is not None and await self.row(HOLDS_ANY, session):
            return None
        taken = await self.row(TAKE_NUMBERS, session)
        if taken is None:
            return None
        place = {"owner": session["owner"], "session_id": session["session_id"]}
        numbered = ({**draft, **place, "seq": seq} for seq, draft in enumerate(drafts, taken[0]))
        self.db.executemany(INSERT_MESSAGE, numbered)
        self.db.execute(RECORD_CHANGE, {**session, "kind": "messages added", "revision": taken[1]})
        if self.db.last_insert_rowid() % PRUNE_EVERY == 0:
            self.db.execute(PRUNE_CHANGES, {"kept": CHANGES_KEPT})
        return int(taken[0])


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL as SQLite writes it, and which of its parameters are lists."""

    text: str
    lists: tuple[str, ...]


_SQL: dict[str, Statement] = {}


def _translated(sql: str) -> Statement:
    return _SQL.get(sql) or _translate(sql)


def _translate(sql: str) -> Statement:
    lists = tuple(set(re.findall(r"EACH\(:(\w+)\)", sql)))
    text = re.sub(r"EACH\((:\w+)\)", r"SELECT value FROM json_each(\1)", sql).replace(" FOR UPDATE", "")
    text = re.sub(r" AND in_turn\(:\w+, :\w+\)", "", text)
    text = re.sub(r"position\((:\w+) IN (\w+)\)", r"instr(\2, \1)", text)
    return _SQL.setdefault(sql, Statement(text, lists))


class Batch:
    """The operations that share a commit, and whether it has ended."""

    __slots__ = ("committing", "ended")

    def __init__(self) -> None:
        self.committing = False
        #: Set once, after the commit or after every operation has its error: one store for all of them, so that
        #: no interruption can fall between.
        self.ended = False


class Job:
    """An operation in the queue of the writer, and then how it ended."""

    __slots__ = ("abandoned", "batch", "error", "result", "run", "turn")

    def __init__(self, run: Callable[[SQLiteConnection], Any]) -> None:
        self.run = run
        self.result: Any = None
        self.error: BaseException | None = None
        self.batch: Batch | None = None
        self.abandoned = False
        self.turn = threading.Lock()
        self.turn.acquire()

    @property
    def ended(self) -> bool:
        return self.batch is not None and self.batch.ended

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for it."""
        return not self.abandoned

    def wake(self) -> None:
        """Lets its thread look again: it has ended, or it is the first in the queue."""
        with contextlib.suppress(RuntimeError):  # it has been woken and hasn't looked yet
            self.turn.release()

    def outcome(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.result


class Writer:
    """The one connection that writes, and the queue before it. The first in the queue leads.

    Nothing is marked as taken by a thread that may be gone: whose operation stands first leads, by looking. So
    an interruption (Ctrl-C in the main thread) at any moment leaves a queue that somebody leads.
    """

    def __init__(self, db: apsw.Connection, between_processes: "FileLock", place: "Place", bell: Bell) -> None:
        self._bell = bell
        self._connection = SQLiteConnection(db)
        self._db = db
        self._place = place
        self._between_processes = between_processes
        self.queue: deque[Job] = deque()
        self.mutex = threading.Lock()
        self._leading = threading.Lock()

    def submit(self, run: Callable[[SQLiteConnection], T]) -> T:
        """What the operation returns, once it is committed."""
        job = Job(run)
        try:
            self.queue.append(job)
            while not job.ended:
                if self.head() is job:
                    self.lead()
                else:
                    job.turn.acquire(timeout=LOOK_AGAIN)
        except BaseException:  # interrupted: its thread will not lead any more
            job.abandoned = True
            self._wake_head()
            raise
        result: T = job.outcome()
        return result

    def head(self) -> Job | None:
        """The first operation in the queue that somebody waits for."""
        with self.mutex:
            while self.queue and (self.queue[0].ended or not self.queue[0].wanted):
                self.queue.popleft()
            return self.queue[0] if self.queue else None

    def lead(self) -> None:
        """Runs and commits what is queued, and tells those who wait."""
        with self._leading:
            batch, jobs, before = Batch(), list[Job](), self._db.total_changes()
            try:
                self._transact(batch, jobs)
            finally:
                if batch.ended:  # else it was interrupted, and the next leader takes the others' again
                    self._wake_head()
                    self.tell(jobs)
                    if self._db.total_changes() != before:
                        self._bell.ring()

    def tell(self, jobs: list[Job]) -> None:
        """Wakes those whose operations have ended."""
        for job in jobs:
            job.wake()

    def _wake_head(self) -> None:
        if head := self.head():
            head.wake()

    def _transact(self, batch: Batch, jobs: list[Job]) -> None:
        try:
            try:
                self._between_processes.acquire()
                self._db.execute("BEGIN IMMEDIATE")
                self._run_all(batch, jobs)
                self._place.check()
                batch.committing = True
                if self._db.in_transaction:
                    self._db.execute("COMMIT")
                batch.ended = True
            finally:
                self._between_processes.release()
        except Exception as error:  # noqa: BLE001, every kind is handed to the threads that it concerns
            self._roll_back()
            for job in jobs or self._take(batch, jobs):
                job.error = job.error or translated(error)
            batch.ended = True
        except BaseException as interruption:  # of the leading thread; the others' operations go on
            self._between_processes.release()
            committed = batch.committing and not self._db.in_transaction
            batch.ended = batch.ended or (committed and not isinstance(interruption.__context__, apsw.Error))
            self._roll_back()
            raise

    def _run_all(self, batch: Batch, jobs: list[Job]) -> None:
        """Runs what is queued, and what is queued meanwhile."""
        while new := self._take(batch, jobs):
            for job in new:
                self._run(job, shared=len(jobs) > 1)
                if not self._db.in_transaction:
                    return

    def _take(self, batch: Batch, jobs: list[Job]) -> list[Job]:
        with self.mutex:
            first = list(islice(self.queue, MOST_IN_ONE_COMMIT))  # in one go: others append meanwhile
            waiting = [job for job in first if job.batch is not batch and not job.ended and job.wanted]
        for job in waiting:
            job.batch, job.error = batch, None
        jobs += waiting
        return waiting

    def _run(self, job: Job, *, shared: bool) -> None:
        """Runs one; if it fails, what it did is undone, and what its neighbours did is not."""
        if shared:
            self._db.execute("SAVEPOINT one")
        try:
            job.result = job.run(self._connection)
        except Exception as error:
            job.error = translated(error)
            if not self._db.in_transaction:
                raise  # a full disk and the like end the whole transaction
            self._db.execute("ROLLBACK TO one" if shared else "ROLLBACK")
        if shared:
            self._db.execute("RELEASE one")

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


class FileLock:
    """Processes take turns: a lock that the kernel keeps a queue for, and frees when its holder dies.

    It is a queue and nothing more: what keeps two writers apart is SQLite's own lock. The kernel's wait has no
    time limit, so whoever has to wait lets a thread do it.
    """

    def __init__(self, path: Path | None, timeout: float) -> None:
        self._path = None if sys.platform == "win32" else path
        self._timeout = timeout
        self._descriptor: int | None = None

    def acquire(self) -> None:
        if self._path is None:
            return
        if self._descriptor is None:
            self._descriptor = _open_private(self._path)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._wait(self._descriptor)

    def release(self) -> None:
        """Lets the next one in; does no harm where the lock isn't held."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _wait(self, descriptor: int) -> None:
        turn = threading.Event()
        waiter = threading.Thread(target=self._block, args=(descriptor, turn), daemon=True)
        waiter.start()
        try:
            if not turn.wait(self._timeout):
                raise DatabaseBusy(f"another process has been writing for {self._timeout:g} seconds")
        except BaseException:
            # The thread goes on waiting; its descriptor is given up, and closed when its turn has come.
            self._descriptor = None
            threading.Thread(target=_close_after, args=(waiter, descriptor), daemon=True).start()
            raise

    def _block(self, descriptor: int, turn: threading.Event) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        turn.set()


def _close_after(waiter: threading.Thread, descriptor: int) -> None:
    waiter.join()
    os.close(descriptor)


class Place:
    """The file that was opened, so that writing to one that was deleted or replaced is noticed."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._file = self._identity()

    def check(self) -> None:
        if self._path is not None and self._identity() != self._file:
            raise DatabaseUnavailable(f"{self._path} was deleted or replaced while it was open")

    def _identity(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            found = os.stat(self._path)  # noqa: PTH116, asked before each commit
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino


class SQLiteStorage:
    """A SQLite file, or a database in memory."""

    def __init__(self, path: str, settings: Settings) -> None:
        self._settings = settings
        self.in_memory = path == ":memory:"
        self._path = path if self.in_memory else str(Path(path).expanduser().absolute())
        if not self.in_memory:
            _make_private(Path(self._path))
        self.lock = FileLock(None if self.in_memory else Path(self._path + "-lock"), settings.busy_timeout)
        self.place = Place(None if self.in_memory else self._path)
        self._idle: deque[apsw.Connection] = deque()
        self._to_write_anew = False
        self.closed = False
        try:
            self.db = self._prepared()
        except BaseException:
            self.lock.close()
            raise
        self.bell = Bell(self._listen)
        self.writer = Writer(self.db, self.lock, self.place, self.bell)

    @property
    def location(self) -> str:
        """The file's path, or ":memory:"."""
        return self._path

    def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.in_memory:
            return self.write(op, *args, **kwargs)
        if self.closed:
            raise ManagerClosed
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
            raise ManagerClosed
        return self.writer.submit(lambda connection: drive(op(connection, *args, **kwargs)))

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
        between_processes = FileLock(Path(self._path + "-lock"), self._settings.busy_timeout)  # not the writer's own
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
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]
        if busy:
            raise DatabaseBusy("somebody has been reading for long, so what was erased is still in the log")
        self._to_write_anew = False

    def close(self) -> None:
        if self.closed:
            return
        with contextlib.suppress(IthacaError):
            self.writer.submit(lambda _: None)  # what was queued before is done first
        self.closed = True
        self.bell.close()
        while self._idle:
            self._idle.pop().close()
        self.db.close()
        self.lock.close()

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
        connection = SQLiteConnection(db)
        if is_one_statement(op):
            return drive(op(connection, *args, **kwargs))
        db.execute("BEGIN")
        try:
            return drive(op(connection, *args, **kwargs))
        finally:
            db.execute("COMMIT")

    def _reader(self) -> apsw.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _give_back(self, db: apsw.Connection) -> None:
        if self.closed or db.in_transaction or len(self._idle) >= IDLE_READERS:
            db.close()
        else:
            self._idle.append(db)

    def _connect(self) -> apsw.Connection:
        try:
            db = apsw.Connection(self._path)
        except apsw.Error as error:
            raise DatabaseUnavailable(f"{self._path}: {error}") from error
        try:
            self._set_up(db)
        except apsw.Error as error:
            db.close()
            raise self._unusable(error) from error
        return db

    def _set_up(self, db: apsw.Connection) -> None:
        db.set_busy_timeout(int(self._settings.busy_timeout * 1000))
        db.execute("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY")
        db.execute("PRAGMA secure_delete = ON").fetchall()
        # FULL flushes the log at each commit; NORMAL only at checkpoints, so a power cut may take the last
        # commits, though never a consistent file (https://sqlite.org/pragma.html#pragma_synchronous).
        full = self._settings.durability == "full"
        db.execute("PRAGMA synchronous = FULL" if full else "PRAGMA synchronous = NORMAL")

    def _prepared(self) -> apsw.Connection:
        db = self._connect()
        try:
            if self._version(db) != len(migrations("sqlite")):
                try:
                    self.lock.acquire()
                    self._upgrade(db)
                finally:
                    self.lock.release()
        except apsw.Error as error:
            db.close()
            raise self._unusable(error) from error
        except BaseException:
            db.close()
            raise
        return db

    def _version(self, db: apsw.Connection) -> int:
        if db.pragma("application_id") != APPLICATION_ID and db.execute("SELECT 1 FROM sqlite_schema").fetchall():
            raise NotAnIthacaDatabase(self._path, "it has other tables")
        return int(db.pragma("user_version"))

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


def _make_private(path: Path) -> None:
    """Makes the file readable by its owner only; SQLite gives the same rights to the files beside it."""
    os.close(_open_private(path))
    if 0 < path.stat().st_size < 512:  # SQLite would take less than a page for nothing, and write over it
        raise NotAnIthacaDatabase(str(path), "it is not a SQLite file")


def _open_private(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseUnavailable(f"{path}: {error.strerror}") from error


def translated(error: BaseException) -> BaseException:
    """A driver's error as one of ours, most specific first; anything else as it is."""
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return DatabaseBusy(str(error))
    if isinstance(error, (apsw.CantOpenError, apsw.IOError, apsw.FullError, apsw.ReadOnlyError, apsw.PermissionsError)):
        return DatabaseUnavailable(f"{type(error).__name__}: {error}")
    if isinstance(error, apsw.Error):
        return StorageError(f"{type(error).__name__}: {error}")
    return error


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
