"""PostgreSQL for an event loop: the same as `storage.postgres`, with connections that really await."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from ithaca.columns import Row
from ithaca.config import Settings
from ithaca.connection import NOTHING, Engine, Operation, P, Params, is_one_statement, is_repeatable
from ithaca.content import Draft, numbered
from ithaca.storage.bell import Bell
from ithaca.storage.doorbell import Doorbell
from ithaca.storage.forked_processes import closed_by_fork, ends_at_fork
from ithaca.storage.postgres import (
    ANALYZE,
    ATTEMPTS,
    BEGIN_IF_FREE,
    BEGIN_READ,
    COPY_MESSAGES,
    MANY,
    MOST_CONNECTIONS,
    NEVER_ANALYZED,
    RECONNECT,
    append_call,
    as_copy,
    committing,
    connection_options,
    is_broken,
    pause,
    prepare_schema,
    set_up,
    translate,
    translated,
    worth_repeating,
)
from ithaca.storage.postgres_together import Together, is_shareable

T = TypeVar("T")

Pool: TypeAlias = AsyncConnectionPool[psycopg.AsyncConnection[Row]]


class AsyncPostgresConnection:
    """A `Connection` that awaits the network."""

    engine: Engine = "postgres"

    def __init__(self, db: psycopg.AsyncConnection[Row], *, again: bool) -> None:
        self._db = db
        self._again = again

    async def row(self, sql: str, params: Params = NOTHING) -> Row | None:
        return await (await self._db.execute(translate(sql), params)).fetchone()

    async def rows(self, sql: str, params: Params = NOTHING, *, binary: bool = False) -> list[Row]:
        return await (await self._db.execute(translate(sql), params, binary=binary)).fetchall()

    async def run(self, sql: str, params: Params = NOTHING) -> int:
        return (await self._db.execute(translate(sql), params)).rowcount

    async def settle(self) -> None:
        """Nothing: the server shows a commit when it is on its disk."""

    async def run_many(self, sql: str, params: Iterable[Params]) -> None:
        copied = as_copy(sql)
        async with self._db.cursor() as cursor:
            if copied is None:
                await cursor.executemany(translate(sql), params)
            else:
                statement, values = copied
                async with cursor.copy(statement) as copy:
                    for row in map(values, params):
                        await copy.write_row(row)

    async def add_messages(self, rows: Iterable[Row]) -> None:
        async with self._db.cursor() as cursor:
            async with cursor.copy(COPY_MESSAGES) as copy:
                for row in rows:
                    await copy.write_row(row)
            if cursor.rowcount >= MANY and await self.row(NEVER_ANALYZED):
                await self.run(ANALYZE)

    async def append(self, session: Params, drafts: Sequence[Draft]) -> tuple[int, int] | None:
        sql, params = append_call(session, drafts, again=self._again)
        if len(drafts) == 1:
            row = await self.row(sql, params)
            return None if row is None else (row[0], row[1])
        async with self._db.transaction():
            taken = await self.row(sql, params)
            if taken is None:
                return None
            first, revision, owner = taken
            await self.add_messages(numbered(owner, session["session_id"], drafts, first))
        return first, revision


class BareConnection:
    """A `Connection` without a transaction, for an operation of one statement.

    What it appends may be stored together with others'. Anything else takes a connection from the pool.
    """

    engine: Engine = "postgres"

    def __init__(self, pool: Pool, together: Together, *, again: bool) -> None:
        self._pool = pool
        self._together = together
        self._again = again
        self._db: psycopg.AsyncConnection[Row] | None = None

    async def row(self, sql: str, params: Params = NOTHING) -> Row | None:
        return await (await self._own()).row(sql, params)

    async def rows(self, sql: str, params: Params = NOTHING, *, binary: bool = False) -> list[Row]:
        return await (await self._own()).rows(sql, params, binary=binary)

    async def run(self, sql: str, params: Params = NOTHING) -> int:
        return await (await self._own()).run(sql, params)

    async def run_many(self, sql: str, params: Iterable[Params]) -> None:
        await (await self._own()).run_many(sql, params)

    async def add_messages(self, rows: Iterable[Row]) -> None:
        await (await self._own()).add_messages(rows)

    async def append(self, session: Params, drafts: Sequence[Draft]) -> tuple[int, int] | None:
        if self._again or not is_shareable(session, drafts):
            return await (await self._own()).append(session, drafts)
        with self._together.appending() as others:
            if others:
                job = await self._together.store(session, drafts[0])
                if job.taken is not None:
                    return job.taken
                self._again = job.tried
            return await (await self._own()).append(session, drafts)

    async def settle(self) -> None:
        """Nothing: the server shows a commit when it is on its disk."""

    async def give_back(self) -> None:
        """Ends the use of the connection, if there was one."""
        if self._db is not None:
            await self._pool.putconn(self._db)

    async def _own(self) -> AsyncPostgresConnection:
        if self._db is None:
            self._db = await self._pool.getconn()
        return AsyncPostgresConnection(self._db, again=self._again)


class AsyncPostgresStorage:
    """A PostgreSQL database, through a pool of connections."""

    def __init__(self, pool: Pool, doorbell: Doorbell) -> None:
        self._pool = pool
        self._together = Together(pool)
        self._doorbell = doorbell
        self._forked = False
        ends_at_fork(self)

    @classmethod
    async def open(cls, url: str, settings: Settings) -> "AsyncPostgresStorage":
        conninfo, options = connection_options(url, settings)
        await asyncio.to_thread(prepare_schema, conninfo)
        statements = set_up(url, settings)

        async def configure(db: psycopg.AsyncConnection[Row]) -> None:
            for statement in statements:
                await db.execute(statement)

        pool: Pool = AsyncConnectionPool(
            conninfo,
            configure=configure,
            kwargs=options,
            min_size=1,
            max_size=MOST_CONNECTIONS,
            open=False,
            timeout=settings.busy_timeout,
            reconnect_timeout=RECONNECT,
        )
        await pool.open()
        return cls(pool, Doorbell(conninfo))

    async def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        begin = None if is_one_statement(op) else BEGIN_READ
        return await self._repeat(op, begin, True, *args, **kwargs)

    async def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        begin = None if is_one_statement(op) else "BEGIN"
        result = await self._repeat(op, begin, is_repeatable(op), *args, **kwargs)
        self._doorbell.push()
        return result

    async def write_if_free(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result = await self._repeat(op, BEGIN_IF_FREE, False, *args, **kwargs)
        self._doorbell.push()
        return result

    async def scrub(self, *, whole: bool) -> None:
        """Nothing: see `PostgresStorage.scrub`."""

    @property
    def bell(self) -> Bell:
        return self._doorbell.bell

    async def close(self) -> None:
        await self._together.close()
        await self._pool.close()
        await asyncio.to_thread(self._doorbell.close)  # last: who watches finds the pool closed

    def forked(self) -> None:
        self._forked = True

    async def _repeat(
        self, op: Operation[P, T], begin: str | None, repeatable: bool, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._forked:
            raise closed_by_fork()
        for attempt in range(ATTEMPTS):
            try:
                return await self._attempt(op, begin, attempt, *args, **kwargs)
            except (psycopg.Error, PoolTimeout, PoolClosed) as error:
                if not worth_repeating(error, repeatable) or attempt == ATTEMPTS - 1:
                    raise translated(error) from error
                if is_broken(error):
                    await self._pool.check()
            await asyncio.sleep(pause(attempt))
        raise AssertionError("unreachable")

    async def _attempt(
        self, op: Operation[P, T], begin: str | None, attempt: int, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if begin is None:
            return await self._run_bare(op, attempt, *args, **kwargs)
        db = await self._pool.getconn()
        try:
            await db.execute(begin, prepare=False)
            result = await op(AsyncPostgresConnection(db, again=attempt > 0), *args, **kwargs)
            with committing():
                await db.execute("COMMIT")
            return result
        except BaseException:
            if not db.closed:
                with contextlib.suppress(psycopg.Error):  # the pool throws a broken connection away
                    await db.execute("ROLLBACK")
            raise
        finally:
            await self._pool.putconn(db)

    async def _run_bare(self, op: Operation[P, T], attempt: int, *args: P.args, **kwargs: P.kwargs) -> T:
        connection = BareConnection(self._pool, self._together, again=attempt > 0)
        try:
            return await op(connection, *args, **kwargs)
        finally:
            await connection.give_back()
