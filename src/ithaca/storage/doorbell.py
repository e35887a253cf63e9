"""The bell between processes on PostgreSQL: LISTEN, and a NOTIFY soon after a commit, one for many.

NOTIFY within the transaction that writes would make all commits of the database wait for one another
(https://www.postgresql.org/docs/current/sql-notify.html, and the lock that PreCommit_Notify takes). The news
themselves are rows, so the bell may come a moment later, and a lost one only delays: who listens looks by
himself every few seconds too.
"""

import contextlib
import itertools
import threading

import psycopg

from ithaca.columns import Row
from ithaca.operations.statements import CHANGES_KEPT, PRUNE_CHANGES
from ithaca.storage.bell import Bell

CHANNEL = "ithaca_changes"

#: Seconds in which any number of commits ring once.
TOGETHER = 0.02

#: Seconds after which a listener looks though no bell rang.
LOOK_AGAIN = 2.0

#: So often rung, old news are removed.
PRUNE_EVERY = 500

#: Seconds after which a listener notices that nobody listens any more.
STOP_WITHIN = 0.1

#: Seconds before a lost connection is tried again.
AGAIN = 1.0


class Doorbell:
    """Rings at the other processes after commits, and here when they ring."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self.bell = Bell(self._listen)
        self._pushed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def push(self) -> None:
        """Something was committed here."""
        self.bell.ring()
        if not self._pushed.is_set():
            self._pushed.set()
            if self._thread is None:
                self._start()

    def close(self) -> None:
        self._closing.set()
        self._pushed.set()
        if self._thread is not None:
            self._thread.join()
        self.bell.close()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                thread = threading.Thread(target=self._notify, name="ithaca-doorbell", daemon=True)
                thread.start()
                self._thread = thread  # once it runs: who closes waits for it

    def _connect(self) -> psycopg.Connection[Row]:
        db = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)
        db.execute("SET synchronous_commit = off")  # a bell need not survive anything
        return db

    def _notify(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(psycopg.Error), self._connect() as db:
                self._notify_over(db)
            self._closing.wait(AGAIN)

    def _notify_over(self, db: psycopg.Connection[Row]) -> None:
        for rung in itertools.count(1):
            self._pushed.wait()
            self._pushed.clear()
            if self._closing.is_set():
                return
            db.execute(f"NOTIFY {CHANNEL}")
            if rung % PRUNE_EVERY == 0:
                db.execute(PRUNE_CHANGES.replace(":kept", str(CHANGES_KEPT)))
            self._closing.wait(TOGETHER)

    def _listen(self, bell: Bell) -> None:
        with contextlib.suppress(psycopg.Error), self._connect() as db:
            db.execute(f"LISTEN {CHANNEL}")
            bell.ring()  # for what came before the LISTEN
            looks = int(LOOK_AGAIN / STOP_WITHIN)
            while bell.wanted:
                for _ in range(looks):
                    if list(db.notifies(timeout=STOP_WITHIN, stop_after=1)) or not bell.wanted:
                        break
                bell.ring()
            return
        bell.pause(AGAIN)
