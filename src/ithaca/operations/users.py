"""Users: who may log in, with what, and whose data each of them works on."""

from typing import Any

from ithaca.access import User
from ithaca.connection import Connection, one_statement
from ithaca.errors import UserExists, UserNotFound
from ithaca.operations.scope import Scope

_USER = "owner, name, is_admin, created_at, password_at"

_CREATE = f"""
    INSERT INTO users ({_USER}, password) VALUES (:owner, :name, :is_admin, :now, :now, :password)
    ON CONFLICT (name) DO NOTHING
    RETURNING {_USER}
"""


async def create(conn: Connection, scope: Scope, columns: dict[str, Any]) -> User:
    """The new user. A name is one user's, whoever's data he works on: it is all that he logs in with."""
    row = await conn.row(_CREATE, {**columns, "now": scope.clock()})
    if row is None:
        raise UserExists(columns["name"])
    return User.from_row(row)


@one_statement
async def get(conn: Connection, scope: Scope, name: str) -> User:
    """A user."""
    row = await conn.row(f"SELECT {_USER} FROM users WHERE {mine(scope)}name = :name", named(scope, name))
    if row is None:
        raise UserNotFound(name)
    return User.from_row(row)


@one_statement
async def list_users(conn: Connection, scope: Scope, owner: str | None) -> list[User]:
    """Every user, by owner and name."""
    which = "owner = :owner" if owner is not None else "TRUE"
    rows = await conn.rows(f"SELECT {_USER} FROM users WHERE {which} ORDER BY owner, name", {"owner": owner})
    return [User.from_row(row) for row in rows]


async def update(conn: Connection, scope: Scope, name: str, changes: dict[str, Any]) -> User:
    """Changes a user. Whoever is logged in as him is logged out: he begins anew with what holds now."""
    was_admin = (await get(conn, scope, name)).is_admin
    now = {"password_at": scope.clock()} if "password" in changes else {}
    sets = ", ".join(f"{column} = :{column}" for column in {**changes, **now})
    row = await conn.row(
        f"UPDATE users SET {sets} WHERE {mine(scope)}name = :name RETURNING {_USER}",
        {**named(scope, name), **changes, **now},
    )
    if row is None:
        raise UserNotFound(name)
    user = User.from_row(row)
    await log_out_all(conn, user.owner, name)
    if was_admin and not user.is_admin:
        await _end_admin_keys(conn, user.owner)
    return user


async def remove(conn: Connection, scope: Scope, name: str) -> None:
    """Removes a user, who is logged out by it. The data stays its owner's."""
    user = await get(conn, scope, name)
    if not await conn.run(f"DELETE FROM users WHERE {mine(scope)}name = :name", named(scope, name)):
        raise UserNotFound(name)
    if user.is_admin:
        await _end_admin_keys(conn, user.owner)


async def _end_admin_keys(conn: Connection, owner: str) -> None:
    """Ends an owner's keys that open everybody's data, unless another of his users is an administrator."""
    await conn.run(
        "DELETE FROM access_keys WHERE owner = :owner AND scopes LIKE '%admin%'"
        " AND NOT EXISTS (SELECT 1 FROM users WHERE owner = :owner AND is_admin)",
        {"owner": owner},
    )


async def log_out(conn: Connection, scope: Scope, name: str) -> int:
    """Ends a user's log-ins, wherever they are; returns how many."""
    user = await get(conn, scope, name)
    return await log_out_all(conn, user.owner, name)


async def log_out_all(conn: Connection, owner: str, name: str) -> int:
    """How many log-ins of a user it ended."""
    return await conn.run(
        "DELETE FROM logins WHERE owner = :owner AND user_name = :name", {"owner": owner, "name": name}
    )


def mine(scope: Scope) -> str:
    """The condition that a row is the scope's owner's, to be followed by another."""
    return "" if scope.owner is None else "owner = :scope AND "


def named(scope: Scope, name: str) -> dict[str, Any]:
    return {"scope": scope.owner, "name": name}
