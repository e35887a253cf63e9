"""PostgreSQL for an event loop: the same as `storage.postgres`, with connections that really await."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

import psycopg
from psycopg import errors as pg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from ithaca.columns import Row
from ithaca.config import Settings
from ithaca.connection import NOTHING, Engine, Operation, P, Params, is_one_statement, is_repeatable
from ithaca.operations.statements import INSERT_MESSAGE
from ithaca.storage.bell import Bell
from ithaca.storage.doorbell import Doorbell
from ithaca.storage.postgres import (
    ANALYZE,
    ATTEMPTS,
    BEGIN_IF_FREE,
    BEGIN_READ,
    MANY,
    MOST_CONNECTIONS,
    NEVER_ANALYZED,
    RECONNECT,
    append_call,
    as_copy,
    committing,
    connection_options,
    numbered,
    pause,
    prepare_schema,
    set_up,
    translate,
    translated,
    worth_repeating,
)

T = TypeVar("T")


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
            if cursor.rowcount >= MANY and await self.row(NEVER_ANALYZED):
                await self.run(ANALYZE)

    async def append(self, session: Params, drafts: Sequence[Params]) -> int | None:
        sql, params = append_call(session, drafts, again=self._again)
        if len(drafts) == 1:
            row = await self.row(sql, params)
            return None if row is None else int(row[0])
        async with self._db.transaction():
            taken = await self.row(sql, params)
            if taken is None:
                return None
            await self.run_many(INSERT_MESSAGE, numbered(taken, session, drafts))
        return int(taken[0])


class AsyncPostgresStorage:
    """A PostgreSQL database, through a pool of connections."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection[Row]], doorbell: Doorbell) -> None:
        self._pool = pool
        self._doorbell = doorbell

    @classmethod
    async def open(cls, url: str, settings: Settings) -> "AsyncPostgresStorage":
        conninfo, options = connection_options(url, settings)
        await asyncio.to_thread(prepare_schema, conninfo)
        statements = set_up(url, settings)

        async def configure(db: psycopg.AsyncConnection[Row]) -> None:
            for statement in statements:
                await db.execute(statement)

        pool: AsyncConnectionPool[psycopg.AsyncConnection[Row]] = AsyncConnectionPool(
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
        await self._pool.close()
        await asyncio.to_thread(self._doorbell.close)  # last: who watches finds the pool closed

    async def _repeat(
        self, op: Operation[P, T], begin: str | None, repeatable: bool, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        for attempt in range(ATTEMPTS):
            try:
                return await self._attempt(op, begin, attempt, *args, **kwargs)
            except (psycopg.Error, PoolTimeout, PoolClosed) as error:
                if not worth_repeating(error, repeatable) or attempt == ATTEMPTS - 1:
                    raise translated(error) from error
                if isinstance(error, pg.OperationalError):
                    await self._pool.check()
            await asyncio.sleep(pause(attempt))
        raise AssertionError("unreachable")

    async def _attempt(
        self, op: Operation[P, T], begin: str | None, attempt: int, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        db = await self._pool.getconn()
        try:
            if begin is None:
                return await op(AsyncPostgresConnection(db, again=attempt > 0), *args, **kwargs)
            await db.execute(begin, prepare=False)
            result = await op(AsyncPostgresConnection(db, again=attempt > 0), *args, **kwargs)
            with committing():
                await db.execute("COMMIT")
            return result
        except BaseException:
            if begin is not None and not db.closed:
                with contextlib.suppress(psycopg.Error):  # the pool throws a broken connection away
                    await db.execute("ROLLBACK")
            raise
        finally:
            await self._pool.putconn(db)
