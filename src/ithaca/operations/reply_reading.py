"""Replies as they stand: read by those who watch, and by those who look for the ones whose process has died."""

from collections.abc import Iterable
from typing import NamedTuple

from ithaca.columns import from_text
from ithaca.connection import Connection, one_statement
from ithaca.cursors import read_cursor, write_cursor
from ithaca.errors import AmbiguousId, ReplyNotFound, SessionNotFound
from ithaca.models import Page
from ithaca.operations.replies import LAPSED, REPLY
from ithaca.operations.scope import Scope
from ithaca.reply import Reply, Run

#: What the cursors of a session's replies belong to.
_ORDER = ["replies"]


class Key(NamedTuple):
    """Which reply it is."""

    owner: str
    id: str


class Look(NamedTuple):
    """How a reply stands, and what it has said after a number of characters."""

    reply: Reply
    #: Whether it runs by what is stored, though nobody has renewed its lease.
    lapsed: bool
    #: Whether all that it said is there in pieces.
    kept: bool
    runs: list[Run]

    @property
    def key(self) -> Key:
        return Key(self.reply.owner, self.reply.id)


class Standing(NamedTuple):
    """How far a reply has come."""

    size: int
    running: bool
    lapsed: bool


async def look(conn: Connection, scope: Scope, reply_id: str, after: int | None) -> Look:
    """A reply, with what it has said after a number of characters; None: without."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    rows = await conn.rows(
        f"SELECT {REPLY}, kept, {LAPSED[conn.engine]} FROM replies WHERE {mine}id = :id LIMIT 2",
        {"owner": scope.owner, "id": reply_id},
    )
    if not rows:
        raise ReplyNotFound(reply_id)
    if len(rows) > 1:
        raise AmbiguousId(reply_id)
    *stored, kept, lapsed = rows[0]
    reply = Reply.from_row(tuple(stored))
    runs = [] if after is None else await runs_after(conn, scope, Key(reply.owner, reply.id), after)
    return Look(reply, reply.running and bool(lapsed), bool(kept), runs)


@one_statement
async def runs_after(conn: Connection, scope: Scope, key: Key, after: int) -> list[Run]:
    """What a reply has said after a number of characters; the first run may begin before it."""
    rows = await conn.rows(
        "SELECT kind, text, stop FROM reply_pieces"
        " WHERE owner = :owner AND reply_id = :id AND stop > :after ORDER BY stop",
        {**key._asdict(), "after": after},
    )
    if rows:
        await conn.settle()
    return [Run(kind, from_text(text), stop) for kind, text, stop in rows]


@one_statement
async def standings(conn: Connection, scope: Scope, keys: Iterable[Key]) -> dict[Key, Standing]:
    """How several replies stand; those that are not there any more are left out."""
    wanted = set(keys)
    rows = await conn.rows(
        f"SELECT owner, id, size, state, {LAPSED[conn.engine]} FROM replies WHERE id IN (EACH(:ids))",
        {"ids": [key.id for key in wanted]},
    )
    found = {
        Key(owner, id): Standing(size, state == "running", bool(lapsed)) for owner, id, size, state, lapsed in rows
    }
    return {key: standing for key, standing in found.items() if key in wanted}


class Listed(NamedTuple):
    """A page of replies."""

    page: Page[Reply]
    #: Whether the lease of one of them has run out.
    lapsed: bool


async def of_session(conn: Connection, scope: Scope, session_id: str, cursor: str | None, limit: int) -> Listed:
    """A page of a session's replies, the newest first."""
    after = {} if cursor is None else read_cursor(cursor, _ORDER, [str])
    owner = await scope.owner_of_session(conn, session_id)
    place = {"owner": owner, "session_id": session_id, **after, "limit": limit + 1}
    rows = await conn.rows(
        f"SELECT {REPLY}, state = 'running' AND {LAPSED[conn.engine]} FROM replies"
        f" WHERE owner = :owner AND session_id = :session_id{' AND id < :key0' if after else ''}"
        " ORDER BY id DESC LIMIT :limit",
        place,
    )
    if not rows and not await conn.row("SELECT 1 FROM sessions WHERE owner = :owner AND id = :session_id", place):
        raise SessionNotFound(session_id)
    items = [Reply.from_row(row[:-1]) for row in rows[:limit]]
    more = len(rows) > limit
    return Listed(Page(items, write_cursor(_ORDER, [items[-1].id]) if more else None), any(row[-1] for row in rows))


@one_statement
async def lapsed(conn: Connection, scope: Scope, limit: int) -> list[Key]:
    """Replies that run by what is stored, though nobody has renewed their lease."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    rows = await conn.rows(
        f"SELECT owner, id FROM replies WHERE {mine}state = 'running' AND {LAPSED[conn.engine]}"
        " ORDER BY owner, id LIMIT :limit",
        {"owner": scope.owner, "limit": limit},
    )
    return [Key(*row) for row in rows]
