"""Keys for programs: made, listed, revoked, and recognised by what is stored of them."""

from typing import Any

from ithaca.access import AccessKey, NewAccessKey
from ithaca.connection import Connection, one_statement, repeatable
from ithaca.errors import AccessKeyNotFound, NotSignedIn
from ithaca.operations.scope import Scope

#: Microseconds within which the use of a key is noted once.
USE_GRAIN = 5 * 60 * 1_000_000

_KEY = "owner, id, name, hint, scopes, created_at, expires_at, used_at"

_CREATE = f"""
    INSERT INTO access_keys (owner, id, name, digest, hint, scopes, created_at, expires_at)
    VALUES (:owner, :id, :name, :digest, :hint, :scopes, :created_at, :expires_at)
    ON CONFLICT (owner, id) DO UPDATE SET name = excluded.name
    RETURNING {_KEY}
"""


@repeatable
async def create(conn: Connection, scope: Scope, columns: dict[str, Any], token: str) -> NewAccessKey:
    """The new key, with what it says, of which nothing is stored but what is in the columns."""
    return NewAccessKey(AccessKey.from_row(await conn.row(_CREATE, columns) or ()), token)


@one_statement
async def list_keys(conn: Connection, scope: Scope, owner: str | None) -> list[AccessKey]:
    """Every key, also those whose time is up, by owner and in the order in which they were made."""
    which = "owner = :owner" if owner is not None else "TRUE"
    rows = await conn.rows(f"SELECT {_KEY} FROM access_keys WHERE {which} ORDER BY owner, id", {"owner": owner})
    return [AccessKey.from_row(row) for row in rows]


async def revoke(conn: Connection, scope: Scope, key_id: str) -> None:
    """Forgets a key: it opens nothing from the next request on."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    params = {"owner": scope.owner, "id": key_id}
    if not await conn.run(f"DELETE FROM access_keys WHERE {mine}id = :id", params):
        raise AccessKeyNotFound(key_id)


@one_statement
async def identify(conn: Connection, scope: Scope, digest: str) -> AccessKey:
    """The key of which this is stored, unless its time is up. Raises `NotSignedIn`."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    row = await conn.row(
        f"SELECT {_KEY} FROM access_keys WHERE {mine}digest = :digest AND (expires_at IS NULL OR expires_at > :now)",
        {"owner": scope.owner, "digest": digest, "now": scope.clock()},
    )
    if row is None:
        raise NotSignedIn
    return AccessKey.from_row(row)


@one_statement
async def touch(conn: Connection, scope: Scope, owner: str, key_id: str) -> None:
    """Notes that a key was used, unless that was noted just now."""
    now = scope.clock()
    await conn.run(
        "UPDATE access_keys SET used_at = :now"
        " WHERE owner = :owner AND id = :id AND (used_at IS NULL OR used_at <= :old)",
        {"owner": owner, "id": key_id, "now": now, "old": now - USE_GRAIN},
    )
