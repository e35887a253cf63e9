"""Legal holds: while an owner or a folder is on hold, nothing of it is tidied away, purged or erased.

A hold on a folder keeps retention and clean-up from its sessions. Of an owner who has any hold, nothing is purged or
erased: an entry of the trash holds sessions of any folders, and a session may have been in another one before.
"""

from ithaca.connection import Connection, Engine
from ithaca.errors import LegalHold
from ithaca.operations.scope import Scope

#: A condition on `sessions s`.
NOT_HELD = """
    NOT EXISTS (SELECT 1 FROM retention_policies h
        WHERE h.owner = s.owner AND h.legal_hold = TRUE AND (h.folder = '' OR h.folder = s.folder))
"""

#: A condition on `trash`.
OWNER_NOT_HELD = """
    NOT EXISTS (SELECT 1 FROM retention_policies h WHERE h.owner = trash.owner AND h.legal_hold = TRUE)
"""

# Whoever removes for good what a hold would keep, and whoever puts a hold, wait for one another: a hold that was
# put is kept by all that is committed after it. On SQLite there is one writer at a time anyway. The number is any
# that nobody else in the database uses.
_KEEP_STEADY: dict[Engine, str | None] = {
    "sqlite": None,
    "postgres": "SELECT pg_advisory_xact_lock_shared(1232364385)",
}
_CHANGE: dict[Engine, str | None] = {
    "sqlite": None,
    "postgres": "SELECT pg_advisory_xact_lock(1232364385)",
}


async def keep_steady(conn: Connection) -> None:
    """Until the transaction ends, nobody puts a hold."""
    if statement := _KEEP_STEADY[conn.engine]:
        await conn.row(statement)


async def begin_change(conn: Connection) -> None:
    """Waits until nobody removes for good, and keeps everybody from it until the transaction ends."""
    if statement := _CHANGE[conn.engine]:
        await conn.row(statement)


async def refuse_held(conn: Connection, owner: str) -> None:
    """Raises `LegalHold` if the owner has any hold; else nobody can put one until the transaction ends."""
    await keep_steady(conn)
    held = "SELECT 1 FROM retention_policies WHERE owner = :owner AND legal_hold = TRUE LIMIT 1"
    if await conn.row(held, {"owner": owner}):
        raise LegalHold(owner)


async def refuse_held_scope(conn: Connection, scope: Scope) -> None:
    """As `refuse_held`, for a scope that is confined to an owner; for all owners, nothing."""
    if scope.owner is not None:
        await refuse_held(conn, scope.owner)
