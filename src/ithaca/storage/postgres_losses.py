"""Connections that their pool has lost: Ctrl-C may fall between the pool and whoever takes one or gives it back.

To the pool they are in use for ever, and when it has lost as many as it may have, nobody gets one any more.
"""

import contextlib
import weakref
from typing import Any

import psycopg
from psycopg.pq import ConnStatus
from psycopg.pq.abc import PGconn
from psycopg_pool import ConnectionPool


class Losses:
    """Those of one pool, which gets room for as many others."""

    def __init__(self) -> None:
        self._lost: list[None] = []

    def watch(self, db: psycopg.Connection[Any]) -> None:
        """Notes it if the connection vanishes without being closed, as the pool closes those that it gives up."""
        weakref.finalize(db, self._vanished, db.pgconn).atexit = False

    def _vanished(self, connection: PGconn) -> None:
        if connection.status == ConnStatus.OK:
            self._lost.append(None)  # nothing more: the garbage collector calls this, whatever a thread is doing

    def replace(self, pool: ConnectionPool[Any]) -> None:
        """Lets the pool open others in their place."""
        with contextlib.suppress(IndexError):
            while self._lost:
                self._lost.pop()
                pool.resize(pool.min_size + 1, pool.max_size + 1)
