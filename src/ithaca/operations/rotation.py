"""Secrets that another key than the first has sealed are sealed anew, some of them in each transaction.

A value is exchanged only for itself: what somebody changed meanwhile stays as he set it, under the first key anyway.
Nothing about a session changes by that, its revision neither.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from ithaca.columns import Row
from ithaca.connection import Connection
from ithaca.endpoints import RotatedSecrets
from ithaca.errors import SecretError
from ithaca.operations.scope import Scope
from ithaca.secrets import Vault

Reseal: TypeAlias = Callable[[Vault, bytes, Row], bytes | None]


class Sealed(NamedTuple):
    """A column of sealed values: where it is, and how one is sealed anew."""

    table: str
    key: tuple[str, ...]
    column: str
    counted_as: str
    reseal: Reseal


def _headers(id: int) -> Reseal:
    return lambda vault, sealed, row: vault.seal(vault.open(sealed, row[0], row[id]), row[0], row[id])


def _secret(vault: Vault, sealed: bytes, row: Row) -> bytes | None:
    return vault.seal_key(vault.open_key(sealed, *row[:3]), *row[:3])


#: Everything that is sealed.
EVERYTHING = (
    Sealed("sessions", ("owner", "id"), "headers", "sessions", _headers(1)),
    Sealed("trashed_sessions", ("owner", "trash_id", "id"), "headers", "trashed", _headers(2)),
    Sealed("endpoints", ("owner", "name", "base_url"), "key", "endpoints", _secret),
    Sealed("endpoints", ("owner", "name", "base_url"), "headers", "endpoints", _secret),
)


async def reseal_some(
    conn: Connection, scope: Scope, which: Sealed, after: tuple[str, ...] | None, limit: int
) -> tuple[RotatedSecrets, tuple[str, ...] | None]:
    """Seals some values anew; what was done, and where to go on."""
    keys = ", ".join(which.key)
    beyond = f"({keys}) > ({', '.join(f':key{i}' for i in range(len(which.key)))})" if after else "TRUE"
    mine = "" if scope.owner is None else "owner = :owner AND "
    rows = await conn.rows(
        f"SELECT {keys}, {which.column} FROM {which.table} WHERE {mine}{beyond} AND {which.column} IS NOT NULL"
        f" AND substr({which.column}, 2, 8) <> :first ORDER BY {keys} LIMIT :limit FOR UPDATE",
        {**_numbered(after or ()), "owner": scope.owner, "first": scope.vault.first_key_id, "limit": limit},
    )
    done = [await _exchange(conn, scope, which, row) for row in rows]
    counted = RotatedSecrets(**{which.counted_as: sum(done), "unreadable": len(done) - sum(done)})
    return counted, tuple(rows[-1][:-1]) if len(rows) == limit else None


async def _exchange(conn: Connection, scope: Scope, which: Sealed, row: Row) -> bool:
    old = bytes(row[-1])
    try:
        new = which.reseal(scope.vault, old, row)
    except SecretError:
        return False
    place = " AND ".join(f"{column} = :key{i}" for i, column in enumerate(which.key))
    await conn.run(
        f"UPDATE {which.table} SET {which.column} = :new WHERE {place} AND {which.column} = :old",
        {**_numbered(row[:-1]), "new": new, "old": old},
    )
    return True


def _numbered(values: tuple[Any, ...]) -> dict[str, Any]:
    return {f"key{number}": value for number, value in enumerate(values)}
