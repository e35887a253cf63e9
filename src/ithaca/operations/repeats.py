"""Keys that make a change happen once, however often it is asked for.

A change and the note that it was made are one transaction (`once`). What takes several (`begin`, then `end` or
`give_up`) is noted as under way meanwhile. A note lives for a day; its answer goes sooner when something is
purged, since it may tell of that.
"""

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

from ithaca.connection import Connection, repeatable
from ithaca.errors import AlreadyDone, KeyReused, StillRunning
from ithaca.operations.scope import Scope

T = TypeVar("T")

#: Microseconds that a key is known for.
LIFETIME = 24 * 3600 * 1_000_000

#: Microseconds after which what is under way is taken to have died with its process.
PATIENCE = 10 * 60 * 1_000_000

#: Old notes that a new one takes along, at most.
_TIDIED = 10


class Claim(NamedTuple):
    """What is to happen once: its key, and what tells it from anything else that may be asked by that key."""

    key: str
    fingerprint: str


#: Takes the key, also from who had it too long ago, or died with it.
_CLAIM = """
    INSERT INTO repeats (owner, key, fingerprint, done, created_at) VALUES (:owner, :key, :fingerprint, :done, :now)
    ON CONFLICT (owner, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, done = excluded.done, answer = NULL, created_at = excluded.created_at
        WHERE repeats.created_at <= :expired OR repeats.done = 0 AND repeats.created_at <= :dead
"""

_TIDY = """
    DELETE FROM repeats WHERE owner = :owner AND key IN (
        SELECT key FROM repeats WHERE owner = :owner AND created_at <= :expired ORDER BY created_at LIMIT :limit)
"""


@repeatable
async def once(
    conn: Connection,
    scope: Scope,
    claim: Claim,
    render: Callable[[Any], bytes],
    op: Callable[..., Coroutine[Any, Any, T]],
    args: tuple[Any, ...],
) -> T:
    """Runs an operation and notes what `render` makes of its result, or raises `AlreadyDone`, in one transaction.

    Whoever comes with the same key meanwhile waits for its end.
    """
    await _claim(conn, scope, claim, done=True)
    result = await op(conn, scope, *args)
    await _note(conn, scope, claim.key, render(result))
    return result


async def begin(conn: Connection, scope: Scope, claim: Claim) -> None:
    """Notes that something is under way that takes several transactions. Raises `AlreadyDone`, `StillRunning`."""
    await _claim(conn, scope, claim, done=False)


@repeatable
async def go_on(conn: Connection, scope: Scope, key: str) -> None:
    """Notes that it is under way still."""
    now = {"now": scope.clock(), **_named(scope, key)}
    await conn.run("UPDATE repeats SET created_at = :now WHERE owner = :owner AND key = :key AND done = 0", now)


@repeatable
async def end(conn: Connection, scope: Scope, key: str, answer: bytes | None, fingerprint: str | None) -> None:
    """Notes what came of it, and what tells it from anything else, where that was not known before."""
    await _note(conn, scope, key, answer, fingerprint)


@repeatable
async def record(conn: Connection, scope: Scope, claim: Claim, answer: bytes) -> None:
    """Notes what was done, though nothing said that it was under way."""
    await _claim(conn, scope, claim, done=True)
    await _note(conn, scope, claim.key, answer)


@repeatable
async def give_up(conn: Connection, scope: Scope, key: str) -> None:
    """Forgets what failed, so that it can be tried again."""
    await conn.run("DELETE FROM repeats WHERE owner = :owner AND key = :key AND done = 0", _named(scope, key))


async def look(conn: Connection, scope: Scope, claim: Claim) -> None:
    """Raises `AlreadyDone`, `StillRunning` or `KeyReused` where there is a note; else it has yet to happen."""
    row = await conn.row(
        "SELECT fingerprint, done, answer, created_at FROM repeats WHERE owner = :owner AND key = :key",
        _named(scope, claim.key),
    )
    if row is None:
        return
    fingerprint, done, answer, created_at = row
    if created_at <= scope.clock() - (LIFETIME if done else PATIENCE):
        return
    if fingerprint != claim.fingerprint:
        raise KeyReused(claim.key)
    if not done:
        raise StillRunning(claim.key)
    await conn.settle()
    raise AlreadyDone(claim.key, None if answer is None else bytes(answer))


async def erase_answers(conn: Connection, owner: str) -> None:
    """Erases what the notes say, which may tell of what is being purged; what was done stays known as done."""
    await conn.run("UPDATE repeats SET answer = NULL WHERE owner = :owner AND answer IS NOT NULL", {"owner": owner})


async def tidy(conn: Connection, scope: Scope, limit: int) -> int:
    """Forgets notes of any owner that are older than a day, at most so many; returns how many."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    params = {"owner": scope.owner, "expired": scope.clock() - LIFETIME, "limit": limit}
    return await conn.run(
        "DELETE FROM repeats WHERE (owner, key) IN ("
        f"SELECT owner, key FROM repeats WHERE {mine}created_at <= :expired ORDER BY created_at LIMIT :limit)",
        params,
    )


async def _claim(conn: Connection, scope: Scope, claim: Claim, *, done: bool) -> None:
    now = scope.clock()
    params = {
        **_named(scope, claim.key),
        "fingerprint": claim.fingerprint,
        "done": int(done),
        "now": now,
        "expired": now - LIFETIME,
        "dead": now - PATIENCE,
        "limit": _TIDIED,
    }
    if not await conn.run(_CLAIM, params):
        await look(conn, scope, claim)
        raise StillRunning(claim.key)  # it ran out between the two statements: the next attempt takes it
    await conn.run(_TIDY, params)


async def _note(conn: Connection, scope: Scope, key: str, answer: bytes | None, fingerprint: str | None = None) -> None:
    await conn.run(
        "UPDATE repeats SET done = 1, answer = :answer, fingerprint = coalesce(:fingerprint, fingerprint)"
        " WHERE owner = :owner AND key = :key",
        {**_named(scope, key), "answer": answer, "fingerprint": fingerprint},
    )


def _named(scope: Scope, key: str) -> dict[str, str]:
    """The note's columns. Trusted code's keys are told from those of nobody's data by what no header can hold."""
    return {"owner": scope.owner or "", "key": f"admin\n{key}" if scope.owner is None else key}
