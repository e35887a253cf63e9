"""Messages that tasks append at the same time, stored by one statement: one round trip, one flush for all of them.

A task that finds nobody else appending runs the statement for one message, as ever. Those that append meanwhile are put
into a queue. A task of its own takes what is queued, sends it to the server as one statement, tells those who wait, and
takes what was queued meanwhile. So the time of one statement is what collects the messages of the next, and who is
alone waits for nobody.

The statement leaves out what it cannot store at once: a message for a session that isn't there, or that somebody else
is changing, and a message that is stored already. If it fails, it stores nothing. Who comes away with nothing appends
by itself, and gets an error of its own. Its message's id is looked for then, as nobody knows what a statement has done
whose connection broke.
"""

import asyncio
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from ithaca.columns import Row, to_json
from ithaca.connection import Params
from ithaca.content import Draft
from ithaca.operations.statements import OWNER_OF_ANYBODY, TAKEN_AND_PLACED
from ithaca.storage.postgres import COLUMNS, translate, turn_of

#: At most so many messages share a statement: it bounds how long the first of them waits.
MOST_TOGETHER = 256

#: A message of more characters is sent by itself, so that the others needn't wait for it.
LONG = 32_768

#: Milliseconds that a statement waits for somebody who is changing a session, before everyone tries by itself.
A_MOMENT = 100

_NUMBERS = ("tokens", "created_at")
_MESSAGE = ", ".join(f"{name} {'BIGINT' if name in _NUMBERS else 'TEXT'}" for name in COLUMNS)
_TAKEN = re.sub(r":(count|now|at)\b", r"turn.\1", TAKEN_AND_PLACED).replace("revision + 1", "revision + turn.count")
_TURN = turn_of("whose", "session_id")
_WHOSE = OWNER_OF_ANYBODY.replace(":session_id", "message.session_id")

#: Every turn is taken before the first row is changed, and so before the transaction has its number, as `in_turn` does
#: for one session. Where there are several sessions, a turn that isn't free is not waited for: so no session holds up
#: another, and no two transactions wait for each other.
APPEND_TOGETHER = f"""
    WITH said AS MATERIALIZED (
        SELECT coalesce(message.owner, ({_WHOSE})) AS whose, message.*
        FROM set_config('lock_timeout', '{A_MOMENT}', TRUE), json_to_recordset(CAST(:messages AS JSON)) AS message (
            place INTEGER, owner TEXT COLLATE "C", session_id TEXT COLLATE "C", now BIGINT, known BOOLEAN, {_MESSAGE})
    ), given AS MATERIALIZED (
        SELECT *, row_number() OVER (PARTITION BY whose, session_id ORDER BY place) AS nth FROM said
        WHERE NOT (known AND EXISTS (
            SELECT FROM messages
            WHERE messages.owner = whose AND messages.session_id = said.session_id AND messages.id = said.id))
    ), turn AS MATERIALIZED (
        SELECT * FROM (
            SELECT whose, session_id, count(*) AS count, max(now) AS now, max(created_at) AS at
            FROM given GROUP BY whose, session_id) AS wanted
        WHERE CASE WHEN CAST(:several AS BOOLEAN) THEN pg_try_advisory_xact_lock({_TURN})
                   ELSE pg_advisory_xact_lock({_TURN}) IS NOT NULL END
    ), taken AS (
        UPDATE sessions SET {_TAKEN} FROM turn
        WHERE sessions.owner = turn.whose AND sessions.id = turn.session_id
          AND (SELECT count(*) > 0 FROM turn)
        RETURNING whose, session_id, next_seq - turn.count - 1 AS last, revision - turn.count AS before
    ), numbered AS MATERIALIZED (
        SELECT given.*, last + nth AS seq, before + nth AS revision FROM given JOIN taken USING (whose, session_id)
    ), noted AS (
        INSERT INTO changes (owner, session_id, kind, revision, created_at)
        SELECT whose, session_id, 'messages added', revision, now FROM numbered ORDER BY place
    ), stored AS (
        INSERT INTO messages (owner, session_id, seq, {", ".join(COLUMNS)})
        SELECT whose, session_id, seq, {", ".join(COLUMNS)} FROM numbered
    )
    SELECT place, seq, revision FROM numbered
"""


class Job:
    """A message in the queue, and then how it ended."""

    __slots__ = ("ended", "message", "taken", "tried")

    def __init__(self, message: dict[str, Any]) -> None:
        self.message = message
        #: The number under which it was stored, and the session's revision then; None if it wasn't.
        self.taken: tuple[int, int] | None = None
        #: Whether it may have been stored even so.
        self.tried = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Together:
    """The queue of the messages that are appended at the same time, and the task that stores them."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection[Row]]) -> None:
        self._pool = pool
        self._queue: deque[Job] = deque()
        self._appending = 0
        self._leader: asyncio.Task[None] | None = None
        self._closed = False

    @contextmanager
    def appending(self) -> Iterator[bool]:
        """While something is appended; whether there are others."""
        self._appending += 1
        try:
            yield self._appending > 1 and not self._closed
        finally:
            self._appending -= 1

    async def store(self, session: Params, draft: Draft) -> Job:
        """Queues a message; returns when it was stored, or is to be appended alone."""
        place = {"owner": session["owner"], "session_id": session["session_id"], "now": session["now"]}
        job = Job({**draft._asdict(), **place, "known": session["ids"] is not None})
        self._queue.append(job)
        if self._leader is None:
            self._leader = asyncio.create_task(self._lead(), name="ithaca-appends")
        await job.ended
        return job

    async def close(self) -> None:
        """Returns when what is queued has ended; what comes later is appended alone."""
        self._closed = True
        if self._leader is not None:
            await asyncio.wait([self._leader])

    async def _lead(self) -> None:
        """Runs until nobody waits. Begun when those who append in this turn of the loop have queued."""
        try:
            while jobs := self._take(MOST_TOGETHER):
                await self._end(jobs)
                await asyncio.sleep(0)  # lets those who were told append their next
        finally:
            self._leader = None
            _tell(self._take(len(self._queue)))

    def _take(self, most: int) -> list[Job]:
        """The first in the queue for whom somebody still waits."""
        jobs: list[Job] = []
        while self._queue and len(jobs) < most:
            job = self._queue.popleft()
            if not job.ended.done():  # else cancelled
                jobs.append(job)
        return jobs

    async def _end(self, jobs: Sequence[Job]) -> None:
        try:
            if len(jobs) > 1:
                await self._store(jobs)
        finally:
            _tell(jobs)

    async def _store(self, jobs: Sequence[Job]) -> None:
        for place, job in enumerate(jobs):
            job.message["place"], job.tried = place, True
        several = len({(job.message["owner"], job.message["session_id"]) for job in jobs}) > 1
        params = {"messages": to_json([job.message for job in jobs]), "several": several}
        try:
            for place, number, revision in await self._run(params):
                jobs[place].taken = number, revision
        except (psycopg.Error, PoolTimeout, PoolClosed):
            pass  # whoever appends alone now finds out whether it is the database, or one of the messages

    async def _run(self, params: Params) -> list[Row]:
        db = await self._pool.getconn()
        try:
            return await (await db.execute(translate(APPEND_TOGETHER), params)).fetchall()
        finally:
            await self._pool.putconn(db)


def _tell(jobs: Iterable[Job]) -> None:
    for job in jobs:
        if not job.ended.done():
            job.ended.set_result(None)


def is_shareable(session: Params, drafts: Sequence[Draft]) -> bool:
    """Whether these may be stored together with others': one message, not long, whatever the session's revision."""
    if len(drafts) != 1 or session["expected"] is not None:
        return False
    draft = drafts[0]
    return len(draft.text or "") + len(draft.blocks or "") + len(draft.metadata or "") <= LONG
