"""PostgreSQL through psycopg: an append is one round trip, and what the network breaks is repeated.

Connections are in autocommit mode. An operation of one statement runs as it is; any other between BEGIN and
COMMIT. On a deadlock, a serialization failure or a connection that broke before the commit, the operation runs
again from its start. When the connection broke while it was being committed, nobody knows what happened: then
only an operation that is safe to repeat (adding messages, which have ids) is repeated.
"""

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, LiteralString, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from ithaca.columns import Row
from ithaca.config import Settings
from ithaca.connection import NOTHING, Engine, Operation, P, Params, drive, is_one_statement, is_repeatable
from ithaca.content import Draft, numbered
from ithaca.errors import (
    ConfigurationError,
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseUnavailable,
    DiskFull,
    ManagerClosed,
    NotAnIthacaDatabase,
    SchemaOutOfDate,
    StorageError,
)
from ithaca.operations.statements import ALL_OF_MESSAGE, TAKE_NUMBERS_AND_PLACE, of_anybody
from ithaca.storage.bell import Bell
from ithaca.storage.doorbell import Doorbell
from ithaca.storage.forked_processes import closed_by_fork, ends_at_fork
from ithaca.storage.migrate import Migration, check_version, migrations
from ithaca.storage.postgres_losses import Losses

T = TypeVar("T")

#: How often an operation is run before its failure is final.
ATTEMPTS = 6

#: Seconds that the pool tries to replace a lost connection; then the next call begins anew, without the pauses
#: that have grown meanwhile.
RECONNECT = 2.0

#: Connections that a manager opens at most.
MOST_CONNECTIONS = 20

#: Whoever meets a lock within this transaction gives up after a moment.
BEGIN_IF_FREE = "BEGIN; SET LOCAL lock_timeout = 250"

BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

# A process that upgrades holds this advisory lock: any number that nobody else in the database uses.
_UPGRADE_LOCK = 0x49746861

#: Of a message, those that a new one has.
COLUMNS = tuple(column for column in Draft._fields if column not in ("edited_at", "version_group"))

_UNLESS_HELD = """AND NOT EXISTS (
        SELECT FROM messages
        WHERE messages.owner = sessions.owner AND session_id = :session_id AND messages.id IN (EACH(:ids)))
    RETURNING"""

_NOTED = """noted AS (
        INSERT INTO changes (owner, session_id, kind, revision, created_at)
        SELECT owner, :session_id, 'messages added', revision, :now FROM taken
    )"""


def _append_one(take: str) -> str:
    return f"""
        WITH taken (first, revision, owner) AS ({take}),
        {_NOTED}
        INSERT INTO messages (owner, session_id, seq, {", ".join(COLUMNS)})
        SELECT owner, :session_id, first, {", ".join(f":{name}" for name in COLUMNS)} FROM taken
        RETURNING seq, (SELECT revision FROM taken)
    """


def _take_many(take: str) -> str:
    return f"WITH taken (first, revision, owner) AS ({take}), {_NOTED} SELECT first, revision, owner FROM taken"


_TAKES = {(False, False): TAKE_NUMBERS_AND_PLACE, (True, False): of_anybody(TAKE_NUMBERS_AND_PLACE)}
_TAKES |= {(anybody, True): take.replace("RETURNING", _UNLESS_HELD) for (anybody, _), take in _TAKES.items()}

#: By whether the owner has to be found, and whether one of the messages may be stored already: what need not be asked
#: makes the statement shorter, whose plan the server sets up anew at each call.
APPEND_ONE = {key: _append_one(take) for key, take in _TAKES.items()}

#: Of more messages than one, those who take the numbers insert them afterwards, in the same transaction.
TAKE_MANY = {key: _take_many(take) for key, take in _TAKES.items()}

#: So many rows at once are reason to ask whether the planner knows anything of the table.
MANY = 500

# Without any statistics, PostgreSQL reads a whole session to find one message by its id. Autovacuum gathers them within
# a minute; the first large import can't wait for that.
NEVER_ANALYZED = "SELECT 1 FROM pg_class WHERE oid = to_regclass('messages') AND reltuples < 0"
ANALYZE = "ANALYZE messages"


def append_call(session: Params, drafts: Sequence[Draft], *, again: bool) -> tuple[str, dict[str, Any]]:
    """The statement that appends one message, or takes the numbers for several; and its parameters."""
    params = dict(session)
    if again and params["ids"] is None:  # the attempt before may have been committed
        params["ids"] = [draft.id for draft in drafts]
    which = params["owner"] is None, params["ids"] is not None
    if len(drafts) == 1:
        return APPEND_ONE[which], {**params, **drafts[0]._asdict()}
    return TAKE_MANY[which], params


@lru_cache(maxsize=256)
def as_copy(sql: str) -> tuple[LiteralString, Callable[[Params], tuple[Any, ...]]] | None:
    """A statement that inserts its parameters as they are, as a COPY and what takes a row out of the parameters."""
    found = re.fullmatch(r"\s*INSERT INTO (\w+)\s*\(([\w\s,]+)\)\s*VALUES\s*\(([\w\s,:]+)\)\s*", sql)
    if found is None:
        return None
    table, columns, values = found.groups()
    return f"COPY {table} ({columns}) FROM STDIN", itemgetter(*re.findall(r":(\w+)", values))


COPY_MESSAGES: LiteralString = f"COPY messages ({ALL_OF_MESSAGE}) FROM STDIN"


class PostgresConnection:
    """A `Connection` that never suspends."""

    engine: Engine = "postgres"

    def __init__(self, db: psycopg.Connection[Row], *, again: bool) -> None:
        self._db = db
        self._again = again

    async def row(self, sql: str, params: Params = NOTHING) -> Row | None:
        return self._db.execute(translate(sql), params).fetchone()

    async def rows(self, sql: str, params: Params = NOTHING, *, binary: bool = False) -> list[Row]:
        return self._db.execute(translate(sql), params, binary=binary).fetchall()

    async def run(self, sql: str, params: Params = NOTHING) -> int:
        return self._db.execute(translate(sql), params).rowcount

    async def settle(self) -> None:
        """Nothing: the server shows a commit when it is on its disk."""

    async def run_many(self, sql: str, params: Iterable[Params]) -> None:
        copied = as_copy(sql)
        with self._db.cursor() as cursor:
            if copied is None:
                cursor.executemany(translate(sql), params)
            else:
                statement, values = copied
                with cursor.copy(statement) as copy:
                    for row in map(values, params):
                        copy.write_row(row)

    async def add_messages(self, rows: Iterable[Row]) -> None:
        with self._db.cursor() as cursor:
            with cursor.copy(COPY_MESSAGES) as copy:
                for row in rows:
                    copy.write_row(row)
            if cursor.rowcount >= MANY and await self.row(NEVER_ANALYZED):
                await self.run(ANALYZE)

    async def append(self, session: Params, drafts: Sequence[Draft]) -> tuple[int, int] | None:
        sql, params = append_call(session, drafts, again=self._again)
        if len(drafts) == 1:
            row = await self.row(sql, params)
            return None if row is None else (row[0], row[1])
        with self._db.transaction():
            taken = await self.row(sql, params)
            if taken is None:
                return None
            first, revision, owner = taken
            await self.add_messages(numbered(owner, session["session_id"], drafts, first))
        return first, revision


class PostgresStorage:
    """A PostgreSQL database, through a pool of connections."""

    def __init__(self, url: str, settings: Settings) -> None:
        conninfo, options = connection_options(url, settings)
        prepare_schema(conninfo)
        self._set_up = set_up(url, settings)
        self._doorbell = Doorbell(conninfo)
        self._losses = Losses()
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            conninfo,
            kwargs=options,
            min_size=1,
            max_size=MOST_CONNECTIONS,
            configure=self._configure,
            open=True,
            timeout=settings.busy_timeout,
            reconnect_timeout=RECONNECT,
        )
        self._forked = False
        ends_at_fork(self)

    def read(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        begin = None if is_one_statement(op) else BEGIN_READ
        return self._repeat(op, begin, True, *args, **kwargs)

    def write(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        begin = None if is_one_statement(op) else "BEGIN"
        result = self._repeat(op, begin, is_repeatable(op), *args, **kwargs)
        self._doorbell.push()
        return result

    def write_if_free(self, op: Operation[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result = self._repeat(op, BEGIN_IF_FREE, False, *args, **kwargs)
        self._doorbell.push()
        return result

    def scrub(self, *, whole: bool) -> None:
        """Nothing: what was deleted is in no dump, and its space is reused after the next (auto)vacuum."""

    @property
    def bell(self) -> Bell:
        return self._doorbell.bell

    def close(self) -> None:
        self._pool.close()
        self._doorbell.close()  # last: who watches finds the pool closed

    def forked(self) -> None:
        self._forked = True

    def _configure(self, db: psycopg.Connection[Row]) -> None:
        for statement in self._set_up:
            db.execute(statement)
        self._losses.watch(db)

    def _repeat(self, op: Operation[P, T], begin: str | None, repeatable: bool, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._forked:
            raise closed_by_fork()
        self._losses.replace(self._pool)
        for attempt in range(ATTEMPTS):
            try:
                return self._attempt(op, begin, attempt, *args, **kwargs)
            except (psycopg.Error, PoolTimeout, PoolClosed) as error:
                if not worth_repeating(error, repeatable) or attempt == ATTEMPTS - 1:
                    raise translated(error) from error
                if is_broken(error):
                    self._pool.check()
            time.sleep(pause(attempt))
        raise AssertionError("unreachable")

    def _attempt(self, op: Operation[P, T], begin: str | None, attempt: int, *args: P.args, **kwargs: P.kwargs) -> T:
        db = self._pool.getconn()
        try:
            if begin is None:
                return drive(op, PostgresConnection(db, again=attempt > 0), *args, **kwargs)
            db.execute(begin, prepare=False)
            result = drive(op, PostgresConnection(db, again=attempt > 0), *args, **kwargs)
            with committing():
                db.execute("COMMIT")
            return result
        except BaseException:
            if begin is not None and not db.closed:
                with contextlib.suppress(psycopg.Error):  # the pool throws a broken connection away
                    db.execute("ROLLBACK")
            raise
        finally:
            self._pool.putconn(db)


class committing:
    """Marks an error that came while a transaction was being committed."""

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, psycopg.OperationalError):
            error.while_committing = True  # type: ignore[attr-defined]


def worth_repeating(error: Exception, repeatable: bool) -> bool:
    """Whether running the operation again from its start may help, and cannot do it twice."""
    if isinstance(error, (pg.SerializationFailure, pg.DeadlockDetected)):
        return True
    if isinstance(error, pg.UniqueViolation):
        return repeatable  # somebody stored the same message at the same time
    before_commit = not getattr(error, "while_committing", False)
    return is_broken(error) and (repeatable or before_commit)


def is_broken(error: Exception) -> bool:
    """Whether the connection is, as far as an error tells: all others may say the same again, as of a full disk.

    What the client finds out has no code; a server or a pooler that ends connections says so in these classes
    (https://www.postgresql.org/docs/current/errcodes-appendix.html).
    """
    if not isinstance(error, psycopg.OperationalError) or isinstance(error, (PoolTimeout, PoolClosed)):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def pause(attempt: int) -> float:
    """Seconds before the next attempt: longer each time, and not the same for two that collided."""
    return random.uniform(0.5, 1.0) * 0.01 * 4.0**attempt  # noqa: S311


def translated(error: Exception) -> Exception:
    """A driver's error as one of ours, most specific first."""
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    if isinstance(error, PoolClosed):
        return ManagerClosed()
    if isinstance(error, (pg.LockNotAvailable, pg.DeadlockDetected, pg.SerializationFailure)):
        return DatabaseBusy(reason)
    if isinstance(error, pg.DiskFull):
        return DiskFull(reason)
    if isinstance(error, psycopg.OperationalError):
        return DatabaseUnavailable(reason)
    if isinstance(error, (pg.DataCorrupted, pg.IndexCorrupted)):
        return DatabaseDamaged(reason)
    return StorageError(f"{type(error).__name__}: {reason}")


def turn_of(owner: str, session_id: str) -> str:
    """The number of a session's advisory lock, as SQL."""
    return f"hashtextextended(CAST({owner} AS TEXT) || '/' || CAST({session_id} AS TEXT), 0)"


# Taken before the statement changes a row, and so before its transaction has a number: changes of one session are
# numbered in the order in which they are committed.
_IN_TURN = "pg_advisory_xact_lock(" + turn_of(r"\1", r"\2") + ") IS NOT NULL"
_ID_IN_TURN = r"pg_advisory_xact_lock(hashtextextended(CAST(\1 AS TEXT), 1)) IS NOT NULL"

_SQL: dict[str, LiteralString] = {}


def translate(sql: str) -> LiteralString:
    """SQL with psycopg's parameters."""
    return _SQL.get(sql) or _translate(sql)


def _translate(sql: str) -> LiteralString:
    text = re.sub(r"NOT IN \(EACH\((:\w+)\)\)", r"<> ALL(\1)", sql)
    text = re.sub(r"IN \(EACH\((:\w+)\)\)", r"= ANY(\1)", text)
    text = re.sub(r" INDEXED BY \w+", "", text)
    text = re.sub(r"in_turn\(([^,()]+|\([^()]*\)), (:\w+)\)", _IN_TURN, text)
    text = re.sub(r"in_turn\((:\w+)\)", _ID_IN_TURN, text)
    text = re.sub(r"(?<!:):([a-z_]\w*)", r"%(\1)s", text.replace("%", "%%"))
    return _SQL.setdefault(sql, text)


def set_up(url: str, settings: Settings) -> list[LiteralString]:
    """What a new connection is told. Behind a pooler nothing, as the next transaction may be on another one."""
    if behind_pooler(url):
        return []
    lock_timeout = f"SET lock_timeout = {int(settings.busy_timeout * 1000)}"
    return [lock_timeout, "SET synchronous_commit = off"] if settings.durability == "relaxed" else [lock_timeout]


def behind_pooler(url: str) -> bool:
    """Whether the URL says `?pgbouncer=true`."""
    return "pgbouncer=true" in urlsplit(url).query.split("&")


def connection_options(url: str, settings: Settings) -> tuple[str, dict[str, Any]]:
    """What psycopg connects to, and how. `?pgbouncer=true` in the URL: no prepared statements."""
    parts = urlsplit(url)
    # Only our own item is taken out, the others stay as they are written: libpq reads a URL in its own way.
    query = "&".join(item for item in parts.query.split("&") if not item.startswith("pgbouncer="))
    conninfo = urlunsplit(parts._replace(query=query))
    threshold = None if behind_pooler(url) else 2
    return conninfo, {"autocommit": True, "prepare_threshold": threshold, "fallback_application_name": "ithaca"}


def prepare_schema(conninfo: str) -> None:
    """Makes the tables in an empty database; raises unless they are those that this release works on."""
    with _connected(conninfo) as db:
        found, known = _version(db), migrations("postgres")
        if found == 0:
            found = _apply(db, known)
        check_version(found, len(known))


def upgrade(url: str) -> tuple[int, int]:
    """Brings a database to the current schema; returns the version before and after."""
    conninfo, _ = connection_options(url, Settings(database=url))
    with _connected(conninfo) as db:
        before = _version(db)
        after = _apply(db, migrations("postgres"))
        check_version(after, len(migrations("postgres")))
        return before, after


def _connected(conninfo: str) -> psycopg.Connection[Row]:
    try:
        conninfo_to_dict(conninfo)
    except psycopg.Error:
        # The driver's words would show the password.
        raise ConfigurationError("database", "its URL is malformed") from None
    try:
        return psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
    except psycopg.Error as error:
        raise translated(error) from error


# Reads pg_class, for a session that reads no table doesn't hear what others have made since it first asked for a name.
_HAS_VERSION = "SELECT 1 FROM pg_class WHERE oid = to_regclass('ithaca_schema')"


def _version(db: psycopg.Connection[Row]) -> int:
    if db.execute(_HAS_VERSION).fetchone() is None:
        return 0
    row = db.execute("SELECT coalesce(max(version), 0) FROM ithaca_schema").fetchone()
    return 0 if row is None else int(row[0])


def _apply(db: psycopg.Connection[Row], steps: Sequence[Migration]) -> int:
    """Applies what is missing, in one transaction that only one process is in at a time."""
    try:
        with db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(%s)", [_UPGRADE_LOCK])
            found = _version(db)
            if found == 0:
                _refuse_other_tables(db)
                db.execute(
                    "CREATE TABLE IF NOT EXISTS ithaca_schema (version INTEGER PRIMARY KEY, name TEXT NOT NULL,"
                    " applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"
                )
            for step in steps[found:]:
                db.execute(step.sql)
                db.execute("INSERT INTO ithaca_schema (version, name) VALUES (%s, %s)", [step.version, step.name])
            return max(found, len(steps))
    except pg.InsufficientPrivilege as error:
        raise SchemaOutOfDate(_version(db), len(steps)) from error
    except psycopg.Error as error:
        raise translated(error) from error


def _refuse_other_tables(db: psycopg.Connection[Row]) -> None:
    if db.execute("SELECT to_regclass('sessions'), to_regclass('messages')").fetchone() != (None, None):
        raise NotAnIthacaDatabase(db.info.dbname, "it has tables of the same names")
