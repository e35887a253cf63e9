"""SQLite's one writer, which commits for all who wait for it.

A thread that finds nobody writing runs its operation as a transaction of its own. Whoever comes meanwhile is put into
a queue. Whose operation stands first there leads: it opens a transaction, runs what is queued, and commits once; then
the first of those that came meanwhile leads, while the one before flushes the log to the disk and tells the others. So
one flush serves all who waited for it, the next transaction doesn't wait for it, nobody is told "done" before it, and
who is alone switches no thread. Those who are told most often come again at once; so whoever comes while they are being
told leads when they have returned. Where an operation fails half-way, all of the transaction are run again, each in a
savepoint: so a failure costs something, and success doesn't.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

import apsw

from ithaca.errors import DatabaseBusy, DatabaseUnavailable, IthacaError, StorageError
from ithaca.storage.bell import Bell
from ithaca.storage.sqlite_connection import SQLiteConnection, translated
from ithaca.storage.sqlite_files import FileLock, Place
from ithaca.storage.sqlite_log import Log

T = TypeVar("T")

#: At most so many operations share a transaction: it bounds how long the first of them waits.
MOST_IN_ONE_COMMIT = 256

#: Seconds after which a waiting thread looks whether it is first in the queue, though nobody woke it.
LOOK_AGAIN = 0.5

#: Seconds that a leader waits at most for those who are being told.
MOST_TO_WAIT = 0.01

#: Seconds that work which nobody waits for waits for another process, which most often is done at once.
A_MOMENT = 0.25


class Batch:
    """The operations that share a commit, and how far it has come."""

    __slots__ = ("commit", "committed", "committing", "ended", "error")

    def __init__(self) -> None:
        self.committing = False
        #: Set once, after the commit: one store for all of them, so that no interruption can fall between. They will
        #: not be run again.
        self.committed = False
        #: The number of the commit, by which it is flushed.
        self.commit = 0
        #: Why it couldn't be flushed.
        self.error: DatabaseUnavailable | None = None
        #: Set once, after the flush or after every operation has its error.
        self.ended = False


class Harmed(Exception):
    """An operation failed after it had changed something, in a transaction that others share."""


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
    def decided(self) -> bool:
        """Whether it will not be run again."""
        return self.batch is not None and (self.batch.committed or self.batch.ended)

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for it."""
        return not self.abandoned

    def wake(self) -> None:
        """Lets its thread look again: it has ended, or it is the first in the queue."""
        try:  # noqa: SIM105, in the way of every write
            self.turn.release()
        except RuntimeError:
            pass  # it has been woken and hasn't looked yet

    def failure(self) -> BaseException | None:
        if self.batch is not None and self.batch.error is not None:
            self.error = DatabaseUnavailable(str(self.batch.error))  # everybody gets one of his own
            self.error.__cause__ = self.batch.error
        return self.error

    def outcome(self) -> Any:
        if error := self.failure():
            raise error
        return self.result


def _tells(error: BaseException) -> bool:
    """Whether an error tells of what is stored, so that this has to be there after a power cut too."""
    return isinstance(error, IthacaError) and not isinstance(error, StorageError)


class Writer:
    """The one connection that writes, and the queue before it. The first in the queue leads.

    Nothing is marked as taken by a thread that may be gone: whose operation stands first leads, by looking. So
    an interruption (Ctrl-C in the main thread) at any moment leaves a queue that somebody leads.
    """

    _db: apsw.Connection
    _connection: SQLiteConnection
    #: The file's, when it was last looked whether others have written.
    _version: int | None

    def __init__(
        self,
        open: Callable[[], apsw.Connection],
        between_processes: FileLock,
        place: Place,
        log: Log,
        bell: Bell,
        busy_timeout: float,
    ) -> None:
        self._open = open
        self._is_open = False
        self._busy_timeout = int(busy_timeout * 1000)
        self._bell = bell
        self._place = place
        self._log = log
        self._between_processes = between_processes
        self.queue: deque[Job] = deque()
        self.mutex = threading.Lock()
        self._leading = threading.Lock()
        #: How many of those who are being told haven't returned; if one was interrupted, too many until the next are.
        self._leaving = 0
        #: Released when the last of them has.
        self._left = threading.Lock()

    def submit(self, run: Callable[[SQLiteConnection], T]) -> T:
        """What the operation returns, once it is committed and on the disk."""
        if not self.queue and not self._leaving and not self._leading.locked():
            try:
                with self._leading:
                    done = None if self.queue else (self._run_alone(run, wait=True), self._log.commits)
            except IthacaError as error:
                self._flush_what_was_read(error)
                raise
            if done is not None:
                return self._flushed(*done)
        return self._queue_up(run)

    def _queue_up(self, run: Callable[[SQLiteConnection], T]) -> T:
        job = Job(run)
        try:
            with self.mutex:  # else it could fall into somebody's walk through the queue
                self.queue.append(job)
            while not job.ended:
                if self.head() is job:
                    self._let_them_leave()
                    self.lead()
                elif not job.turn.acquire(timeout=LOOK_AGAIN) and (batch := job.batch) and batch.committed:
                    self.settle(batch, [])  # whoever committed it was interrupted
        except BaseException:  # interrupted: its thread will not lead any more
            job.abandoned = True
            self._wake_head()
            raise
        self._leave()
        result: T = job.outcome()
        return result

    def _let_them_leave(self) -> None:
        """Waits until those who are being told have returned, though no longer than two flushes take.

        Most of them come again at once. The first of them would commit for itself alone, and all others would wait for
        that flush before their own.
        """
        self._left.acquire(blocking=False)
        if self._leaving:
            self._left.acquire(timeout=min(2 * self._log.took, MOST_TO_WAIT))

    def _leave(self) -> None:
        with self.mutex:
            self._leaving = max(0, self._leaving - 1)
            if not self._leaving and self._left.locked():
                self._left.release()

    def run_if_free(self, run: Callable[[SQLiteConnection], T]) -> T:
        """As `submit`, but raises `DatabaseBusy` if another process goes on writing."""
        try:
            with self._leading:
                self._see_to_connection()
                try:
                    self._db.set_busy_timeout(int(A_MOMENT * 1000))
                    done = self._run_alone(run, wait=False), self._log.commits
                finally:
                    self._db.set_busy_timeout(self._busy_timeout)
        except IthacaError as error:
            self._flush_what_was_read(error)
            raise
        return self._flushed(*done)

    def _run_alone(self, run: Callable[[SQLiteConnection], T], *, wait: bool) -> T:
        """Runs one operation as a transaction of its own. In the way of every append: it calls what it must."""
        if not self._is_open:
            self._see_to_connection()
        lock, execute, before = self._between_processes, self._execute, self._log.commits
        try:
            if wait:
                lock.acquire()
            elif not lock.acquire_within(A_MOMENT):
                raise DatabaseBusy("another process is writing")
            execute("BEGIN IMMEDIATE")
            result = run(self._connection)
            self._place.check()
            execute("COMMIT")
            if self._log.commits == before:
                self._look_for_others()
        except BaseException as error:
            self._roll_back()
            if isinstance(error, Exception):
                self._place.check()  # what isn't found in another file may be in ours
            if isinstance(error, apsw.Error):
                raise translated(error) from error
            if _tells(error):
                self._look_for_others()
            raise
        finally:
            lock.release()
        return result

    def _look_for_others(self) -> None:
        """After a transaction that wrote nothing: counts as one more commit what others have committed since.

        What an operation found done, or refused for, may be another process's, and not on the disk yet
        (https://sqlite.org/pragma.html#pragma_data_version).
        """
        version = self._db.pragma("data_version")
        if version != self._version:
            self._version = version
            self._log.commits += 1

    def _flush_what_was_read(self, error: IthacaError) -> None:
        if _tells(error):
            self._log.flush(self._log.commits)

    def _flushed(self, result: T, commit: int) -> T:
        """The result of an operation that ran alone, once it is on the disk."""
        self._log.flush(commit)
        self._bell.ring()
        return result

    def finish(self) -> None:
        """Returns when what is queued, or under way, is done, and nobody uses the connection any more.

        Whoever comes later has it opened anew, or refused.
        """
        try:
            if self.head():
                self.submit(lambda _: None)
        finally:
            with self._leading:
                self._is_open = False
        self._log.flush(self._log.commits)

    def head(self) -> Job | None:
        """The first operation in the queue that somebody waits for."""
        with self.mutex:
            while self.queue and (self.queue[0].decided or not self.queue[0].wanted):
                self.queue.popleft()
            return self.queue[0] if self.queue else None

    def lead(self) -> None:
        """Runs and commits what is queued, lets the next one lead, and tells those who wait."""
        batch, jobs = Batch(), list[Job]()
        begun = time.perf_counter()
        try:
            with self._leading:
                self._transact(batch, jobs)
        finally:
            if batch.committed or batch.ended:  # else it was interrupted, and the next leader takes the others' again
                if self._log.took > time.perf_counter() - begun:  # else the next transaction is better run meanwhile
                    self._leaving = len(jobs)
                self._wake_head()
                self.settle(batch, jobs)

    def settle(self, batch: Batch, jobs: list[Job]) -> None:
        """Flushes what was committed, and tells those whose operations it were."""
        if not batch.ended:
            try:
                self._log.flush(batch.commit)
            except DatabaseUnavailable as error:
                batch.error = error
            batch.ended = True
        self.tell(jobs)
        if batch.committed:
            self._bell.ring()

    def _see_to_connection(self) -> None:
        if not self._is_open:
            self._db = self._open()
            self._connection = SQLiteConnection(self._db)
            self._execute = self._db.cursor().execute
            self._version = None
            self._look_for_others()
            self._is_open = True

    def tell(self, jobs: list[Job]) -> None:
        """Wakes those whose operations have ended."""
        self._leaving = len(jobs)
        for job in jobs:
            job.wake()

    def _wake_head(self) -> None:
        if head := self.head():
            head.wake()

    def _transact(self, batch: Batch, jobs: list[Job]) -> None:
        try:
            self._see_to_connection()
            before = self._log.commits
            try:
                self._between_processes.acquire()
                self._execute("BEGIN IMMEDIATE")
                try:
                    self._run_all(batch, jobs)
                except Harmed:
                    self._db.execute("ROLLBACK; BEGIN IMMEDIATE")
                    self._run_again(jobs)
                self._place.check()
                batch.committing = True
                if self._db.in_transaction:
                    self._execute("COMMIT")
                if self._log.commits == before:
                    self._look_for_others()
                batch.commit = self._log.commits
                batch.committed = True
            finally:
                self._between_processes.release()
        except Exception as error:  # noqa: BLE001, every kind is handed to the threads that it concerns
            self._roll_back()
            nothing_counts = isinstance(error, DatabaseUnavailable)  # what isn't found in another file may be in ours
            for job in jobs or self._take(batch, jobs):
                job.error = translated(error) if nothing_counts else job.error or translated(error)
            batch.ended = True
        except BaseException as interruption:  # of the leading thread; the others' operations go on
            self._between_processes.release()
            committed = batch.committing and not self._db.in_transaction
            batch.commit = self._log.commits
            batch.committed = batch.committed or (committed and not isinstance(interruption.__context__, apsw.Error))
            self._roll_back()
            raise

    def _run_all(self, batch: Batch, jobs: list[Job]) -> None:
        """Runs what is queued, and what is queued meanwhile."""
        while new := self._take(batch, jobs):
            for job in new:
                self._run(job, shared=len(jobs) > 1)
                if not self._db.in_transaction:
                    return

    def _run_again(self, jobs: list[Job]) -> None:
        """Runs each in a savepoint, so that what one of them did can be undone."""
        for job in jobs:
            job.error = None
            self._db.execute("SAVEPOINT one")
            if self._fails(job):
                self._db.execute("ROLLBACK TO one")
            self._db.execute("RELEASE one")

    def _take(self, batch: Batch, jobs: list[Job]) -> list[Job]:
        if self.queue and self.queue[-1].batch is batch:
            return []  # nobody has come since
        with self.mutex:
            first = islice(self.queue, MOST_IN_ONE_COMMIT)
            waiting = [job for job in first if job.batch is not batch and not job.decided and job.wanted]
        for job in waiting:
            job.batch, job.error = batch, None
        jobs += waiting
        return waiting

    def _run(self, job: Job, *, shared: bool) -> None:
        """Runs one. If it fails, most often nothing is changed yet; else all are run again."""
        before = self._db.total_changes()
        if self._fails(job):
            if not shared:
                self._db.execute("ROLLBACK")
            elif self._db.total_changes() != before:
                raise Harmed

    def _fails(self, job: Job) -> bool:
        """Whether an operation raised an error of its own; one that ends the transaction, as a full disk, is raised."""
        try:
            job.result = job.run(self._connection)
        except Exception as error:
            job.error = translated(error)
            if not self._db.in_transaction:
                raise
            return True
        return False

    def _roll_back(self) -> None:
        if self._is_open and self._db.in_transaction:
            self._db.execute("ROLLBACK")
