"""Endpoints: registered, shared, found for a session; their keys sealed, and sealed anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ithaca.columns import Row
from ithaca.connection import Connection, one_statement
from ithaca.endpoints import Endpoint, normal_url
from ithaca.errors import EndpointExists, EndpointNotFound, InvalidArgument, NotAllowed
from ithaca.operations.scope import Scope

#: In the order in which `Endpoint` reads a row.
_ENDPOINT = (
    "owner, name, base_url, model, context_window, max_tokens, shared, key IS NOT NULL, headers IS NOT NULL,"
    " created_at, updated_at"
)

_INSERT = f"""
    INSERT INTO endpoints (owner, name, base_url, model, context_window, max_tokens, shared, key, headers,
                           created_at, updated_at)
    VALUES (:owner, :name, :base_url, :model, :context_window, :max_tokens, :shared, :key, :headers, :now, :now)
    ON CONFLICT (owner, name) DO NOTHING
    RETURNING {_ENDPOINT}
"""

#: What an owner sees: his own first.
_SEEN = "(owner = :owner OR (owner = '' AND shared = TRUE))"
_OWN_FIRST = "ORDER BY CASE WHEN owner = :owner THEN 0 ELSE 1 END, created_at, name LIMIT 1"


@dataclass(frozen=True, slots=True)
class Opened:
    """An endpoint with its secrets."""

    endpoint: Endpoint
    key: str | None = field(repr=False)
    headers: dict[str, str] = field(repr=False)


class Sealed:
    """An endpoint, whose secrets are opened when it is used."""

    __slots__ = ("_row", "endpoint")

    def __init__(self, row: Row) -> None:
        self.endpoint = Endpoint.from_row(row[:-2])
        self._row = row

    def opened(self, scope: Scope) -> Opened:
        """With its secrets. Raises `KeyUnreadable`."""
        return _opened(scope, self._row)


def meant(endpoints: Sequence[Sealed], named: str) -> Sealed | None:
    """Which of them a session means by a name, or by a URL; of several with that URL, the first."""
    url = normal_url(named)
    ways: tuple[Callable[[Endpoint], bool], ...] = (lambda e: e.name == named, lambda e: e.base_url == url)
    for is_it in ways:
        for each in endpoints:
            if is_it(each.endpoint):
                return each
    return None


async def create(conn: Connection, scope: Scope, new: dict[str, Any], secrets: dict[str, Any]) -> Endpoint:
    """Registers an endpoint; only trusted code makes a shared one."""
    _refuse_sharing(scope, new["shared"])
    row = await conn.row(_INSERT, {**new, **_sealed(scope, new, secrets), "now": scope.clock()})
    if row is None:
        raise EndpointExists(new["name"])
    return Endpoint.from_row(row)


def _refuse_sharing(scope: Scope, shared: bool) -> None:
    if shared and scope.owner is not None:
        raise InvalidArgument("shared", shared, "left to a manager that is not confined to an owner")


def _sealed(scope: Scope, place: dict[str, Any], secrets: dict[str, Any]) -> dict[str, bytes | None]:
    where = (place["owner"], place["name"], place["base_url"])
    return {column: scope.vault.seal_key(secret, *where) for column, secret in secrets.items()}


@one_statement
async def get(conn: Connection, scope: Scope, owner: str, name: str) -> Endpoint:
    """An endpoint of an owner, or a shared one."""
    return Endpoint.from_row(await _find(conn, owner, name))


async def _find(conn: Connection, owner: str, name: str, lock: str = "") -> Row:
    sql = f"SELECT {_ENDPOINT}, key, headers FROM endpoints WHERE {_SEEN} AND name = :name {_OWN_FIRST}{lock}"
    row = await conn.row(sql, {"owner": owner, "name": name})
    if row is None:
        raise EndpointNotFound(name)
    return row


@one_statement
async def list_endpoints(conn: Connection, scope: Scope, owner: str | None) -> list[Endpoint]:
    """What an owner sees; trusted code that names none sees all. By name, one's own before a shared one."""
    where = "" if owner is None else f" WHERE {_SEEN}"
    sql = f"SELECT {_ENDPOINT} FROM endpoints{where} ORDER BY name, owner DESC"
    return [Endpoint.from_row(row) for row in await conn.rows(sql, {"owner": owner})]


async def update(
    conn: Connection, scope: Scope, owner: str, name: str, changes: dict[str, Any], secrets: dict[str, Any]
) -> Endpoint:
    """Changes an endpoint. Another URL never gets the key and the headers that were meant for the old one."""
    found = await _own(conn, scope, owner, name)
    url = changes.get("base_url", found.base_url)
    kept: dict[str, Any] = {} if url == found.base_url else {"key": None, "headers": {}}
    columns = changes | _sealed(scope, {"owner": owner, "name": name, "base_url": url}, kept | secrets)
    row = await conn.row(
        f"UPDATE endpoints SET {''.join(f'{column} = :{column}, ' for column in columns)}updated_at = :now"
        f" WHERE owner = :owner AND name = :name RETURNING {_ENDPOINT}",
        {**columns, "owner": owner, "name": name, "now": scope.clock()},
    )
    return Endpoint.from_row(row or ())


async def _own(conn: Connection, scope: Scope, owner: str, name: str) -> Endpoint:
    """An endpoint that may be changed; a shared one by trusted code only."""
    found = Endpoint.from_row((await _find(conn, owner, name, " FOR UPDATE"))[:-2])
    if found.owner != owner or (found.shared and scope.owner is not None):
        raise NotAllowed("admin")
    return found


def _opened(scope: Scope, row: Row) -> Opened:
    endpoint = Endpoint.from_row(row[:-2])
    place = (endpoint.owner, endpoint.name, endpoint.base_url)
    return Opened(endpoint, scope.vault.open_key(row[-2], *place), scope.vault.open_key(row[-1], *place) or {})


async def delete(conn: Connection, scope: Scope, owner: str, name: str) -> None:
    """Deletes an endpoint with its key."""
    await _own(conn, scope, owner, name)
    await conn.run("DELETE FROM endpoints WHERE owner = :owner AND name = :name", {"owner": owner, "name": name})


@one_statement
async def opened(conn: Connection, scope: Scope, owner: str, name: str) -> Opened:
    """An endpoint of an owner, or a shared one, with its secrets."""
    return _opened(scope, await _find(conn, owner, name))


@one_statement
async def seen(conn: Connection, scope: Scope, owner: str) -> list[Sealed]:
    """What an owner may use, his own first, then the oldest."""
    rows = await conn.rows(
        f"SELECT {_ENDPOINT}, key, headers FROM endpoints WHERE {_SEEN} ORDER BY created_at, name",
        {"owner": owner},
    )
    return sorted((Sealed(row) for row in rows), key=lambda each: each.endpoint.shared)
