"""Several processes that serve one port: begun, watched over, ended.

The first process holds the socket and serves nothing itself. The workers take connections from that socket as they
come. One that dies is begun anew: at once, or later and later where it dies right away. One that gives no sign of life
for a minute is killed. When the first process is told to end, it tells them, and ends when they have done what they had
under way; if it is killed, they see that and end by themselves.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from ithaca import AsyncSessionManager, ConfigurationError, IthacaError, SessionManager, Settings
from ithaca.service.access import Access
from ithaca.service.logs import set_up_log
from ithaca.service.meters import Meters, mark_as_ended, sign_of_life
from ithaca.service.running import room_for_connections, serve, until_done
from ithaca.service.settings import ServiceSettings

_log = logging.getLogger("ithaca.service")

# Not forked: what the first process has made (generators of random numbers, locks, connections) would be there twice.
_SPAWN = multiprocessing.get_context("spawn")

#: Seconds that a worker has to live before it counts as one that works.
SOUND = 10.0

#: The longest wait before a worker is begun anew, in seconds.
LONGEST_WAIT = 30.0

#: Seconds without a sign of life after which a worker hangs; its event loop gives one every second.
HANGS = 60.0

#: Seconds between two looks at signs of life.
_LOOK = 5.0

#: Seconds beyond those for requests under way that workers have to end.
_GRACE = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker needs to know. It is sent to its process, so everything in it can be pickled."""

    settings: Settings
    service: ServiceSettings
    #: Makes what decides who is asking; None: keys and log-ins of the database.
    access: Callable[[AsyncSessionManager], Access] | None = None
    #: Where the workers write down what they count.
    folder: Path | None = None


@dataclass(slots=True)
class Worker:
    """A process that serves."""

    process: SpawnProcess
    #: Where it says that it serves.
    ready: Connection
    began: float = field(default_factory=time.monotonic)
    #: The last sign of life, and when it was first seen; while the machine sleeps, this clock stands still.
    sign: int = 0
    seen: float = field(default_factory=time.monotonic)

    def hangs(self, folder: Path) -> bool:
        """Whether it has given no sign of life for long."""
        sign = sign_of_life(folder, self.process.pid or 0)
        if sign != self.sign:
            self.sign, self.seen = sign, time.monotonic()
        return time.monotonic() - self.seen > HANGS

    @property
    def sound(self) -> bool:
        """Whether it has lived for a while."""
        return time.monotonic() - self.began > SOUND


class Supervisor:
    """The first process, which sees to it that there are workers."""

    def __init__(self, plan: Plan, listener: socket.socket) -> None:
        if sys.platform == "win32":
            raise ConfigurationError("workers", "several processes cannot share a socket on Windows; use 1")
        self._plan = plan
        self._listener = listener
        self._folder = Path()
        self._workers: list[Worker] = []
        #: When workers are to be begun anew.
        self._due: list[float] = []
        self._failures = 0
        self._signals = 0

    def run(self, ready: Callable[[], None]) -> bool:
        """Serves until SIGINT or SIGTERM; `ready` is called when all workers serve. False if they could not begin."""
        with TemporaryDirectory(prefix="ithaca-") as folder, self._told_by_signals() as told:
            self._folder = Path(folder)
            self._plan = replace(self._plan, folder=self._folder)
            self._workers = [self._begin() for _ in range(self._plan.service.workers)]
            try:
                began = self._all_begin(told)
                if began:
                    ready()
                while began and not self._signals:
                    self._look_after(told)
            finally:
                self._end(told)
            return began

    def _begin(self) -> Worker:
        ours, theirs = _SPAWN.Pipe(duplex=False)
        process = _SPAWN.Process(target=work, args=(self._plan, self._listener, theirs), name="ithaca-worker")
        process.start()
        theirs.close()
        return Worker(process, ours)

    def _all_begin(self, told: socket.socket) -> bool:
        """Whether every worker serves; False as soon as one has ended before it did."""
        for worker in self._workers:
            while not self._signals and not worker.ready.poll():
                wait([worker.ready, worker.process.sentinel, told])
                if not worker.process.is_alive():
                    return False
            if not self._signals and not _says_ready(worker):
                return False
        return True

    def _look_after(self, told: socket.socket) -> None:
        """Waits until something happens, and sees to it."""
        patience = max(0.0, min((due - time.monotonic() for due in self._due), default=_LOOK))
        wait([told, *(worker.process.sentinel for worker in self._workers)], min(patience, _LOOK))
        _drain(told)
        for worker in self._workers:
            if worker.hangs(self._folder):
                _log.error("A worker gives no sign of life; it is killed.")
                worker.process.kill()
                worker.process.join()
        for worker in [each for each in self._workers if not each.process.is_alive()]:
            self._bury(worker)
        now = time.monotonic()
        for due in [each for each in self._due if each <= now and not self._signals]:
            self._due.remove(due)
            self._workers.append(self._begin())

    def _bury(self, worker: Worker) -> None:
        self._workers.remove(worker)
        worker.ready.close()
        mark_as_ended(self._folder, worker.process.pid or 0)
        if self._signals:
            return
        self._failures = 0 if worker.sound else self._failures + 1
        pause = min(0.1 * 2**self._failures, LONGEST_WAIT) if self._failures else 0.0
        self._due.append(time.monotonic() + pause)
        _log.error("A worker ended (%s); another one begins in %.1f s.", worker.process.exitcode, pause)

    def _end(self, told: socket.socket) -> None:
        """Tells the workers to end; those that take too long, or longer than somebody wants to wait, are killed."""
        self._listener.close()  # else who comes now would wait for nobody
        for worker in self._workers:
            worker.process.terminate()
        until, signals = time.monotonic() + self._plan.service.stop_seconds + _GRACE, self._signals
        while self._workers and time.monotonic() < until and self._signals == signals:
            wait([told, *(worker.process.sentinel for worker in self._workers)], until - time.monotonic())
            _drain(told)
            self._workers = [worker for worker in self._workers if worker.process.is_alive()]
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()

    @contextmanager
    def _told_by_signals(self) -> Iterator[socket.socket]:
        """A socket that can be read from when a signal came."""
        heard, rings = socket.socketpair()
        for end in (heard, rings):
            end.setblocking(False)
        wakeup = signal.set_wakeup_fd(rings.fileno(), warn_on_full_buffer=False)
        before = {number: signal.signal(number, self._count_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield heard
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wakeup)
            heard.close()
            rings.close()

    def _count_signal(self, *_: object) -> None:
        self._signals += 1


def _says_ready(worker: Worker) -> bool:
    try:
        return bool(worker.ready.recv())
    except EOFError:
        return False


def _drain(told: socket.socket) -> None:
    with suppress(BlockingIOError):
        told.recv(1024)


def run(plan: Plan, listener: socket.socket, ready: Callable[[], None]) -> bool:
    """Serves in this process, or in as many as are planned, until SIGINT or SIGTERM; False if they could not begin."""
    room_for_connections()
    if plan.service.workers == 1:
        until_done(_serve(plan, listener, ready))
        return True
    with SessionManager(settings=plan.settings) as manager:  # what is wrong with the database is found here, once
        if manager.info().database == ":memory:":
            raise ConfigurationError("workers", "a database in memory belongs to one process")
    return Supervisor(plan, listener).run(ready)


def work(plan: Plan, listener: socket.socket, ready: Connection) -> None:
    """What a worker does, from its beginning to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process tells us what to do about it
    set_up_log()
    try:
        until_done(_work(plan, listener, ready))
    except IthacaError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(1)


async def _work(plan: Plan, listener: socket.socket, ready: Connection) -> None:
    first = multiprocessing.parent_process()
    assert first is not None  # noqa: S101
    loop = asyncio.get_running_loop()

    def orphaned() -> None:
        loop.remove_reader(first.sentinel)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(first.sentinel, orphaned)
    await _serve(plan, listener, lambda: ready.send(True))


async def _serve(plan: Plan, listener: socket.socket, ready: Callable[[], None]) -> None:
    manager = AsyncSessionManager(settings=plan.settings)
    access, meters = None if plan.access is None else plan.access(manager), Meters(plan.folder)
    await serve(manager, plan.service, listener, access=access, meters=meters, ready=ready)
