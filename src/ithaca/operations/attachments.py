"""Attachments: stored once an owner, read in pieces, and removed when nothing refers to them any more.

Bytes lie in chunks under an id of their own, and the digest names them when they are complete: what is still
being written is found by nobody.

Collection and a message that refers to an attachment just then don't meet: whoever refers anew changes `used_at` under
the row's lock, and collection removes only what is as it was when nothing referred to it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from ithaca.attached import Attached, Attachment, Collected, Place, places_of
from ithaca.columns import Row, from_time
from ithaca.connection import Connection, one_statement, repeatable
from ithaca.content import new_id
from ithaca.cursors import read_cursor, write_cursor
from ithaca.errors import AmbiguousId, AttachmentNotFound, InvalidMessage, SessionNotFound, StorageError
from ithaca.models import ChatMessage, Page
from ithaca.operations.scope import Scope
from ithaca.operations.statements import MESSAGE_COLUMNS

#: Bytes in every chunk but the last. Offsets are reckoned by it: it is part of the schema.
CHUNK = 1024 * 1024

#: Microseconds after which something that was never written to its end is taken for abandoned.
ABANDONED = 24 * 3600 * 1_000_000

#: Attachments that are looked for at a time, and that are removed in one transaction.
FOUND_AT_ONCE, REMOVED_AT_ONCE = 2_000, 50

#: So many times messages are read anew whose bytes went meanwhile; then they were lost in another way.
READ_AGAIN = 5

_ATTACHMENT = "owner, digest, media_type, size, used_at"

#: Finds attachments by their names.
NAMED = " INDEXED BY attachments_of_owner"

_USE = f"""
    UPDATE attachments{NAMED} SET used_at = CASE WHEN used_at < :now THEN :now ELSE used_at + 1 END
    WHERE owner = :owner AND digest IN (EACH(:digests)) RETURNING digest, size
"""

_INSERT = """
    INSERT INTO attachments (owner, id, digest, media_type, size, used_at)
    VALUES (:owner, :id, :digest, :media_type, :size, :now) ON CONFLICT DO NOTHING RETURNING id
"""

_INSERT_CHUNK = """
    INSERT INTO attachment_chunks (owner, attachment_id, number, data) VALUES (:owner, :id, :number, :data)
    ON CONFLICT DO NOTHING
"""

_CHUNKS = f"attachments a{NAMED} JOIN attachment_chunks c ON c.owner = a.owner AND c.attachment_id = a.id"

#: Which of the messages `m` have any; the index of them is for these words.
ANY = "m.attachments IS NOT NULL"

# What is referred to: the owner and the digest of each place of the rows `m`.
_REFERRED = {
    "sqlite": "SELECT m.owner, place.value ->> 1 FROM {0} m INDEXED BY {0}_with_attachments,"
    " json_each(m.attachments) place",
    "postgres": "SELECT m.owner, place ->> 1 FROM {0} m, json_array_elements(CAST(m.attachments AS json)) place",
}

# Each database in the words for which it makes an index, or a hash, of all that is referred to.
_NOT_REFERRED = {
    "sqlite": "(a.digest IS NULL OR (a.owner, a.digest) NOT IN (SELECT owner, digest FROM referred))",
    "postgres": "NOT EXISTS (SELECT 1 FROM referred r WHERE r.owner = a.owner AND r.digest = a.digest)",
}


# Storing


async def keep(conn: Connection, owner: str, columns: Iterable[str | None], now: int) -> None:
    """Stores what messages bring along, each thing once, and checks what they refer to.

    Until the transaction ends, none of it can be collected. Raises `InvalidMessage` for a reference to what the owner
    does not have.
    """
    brought = [column for column in columns if isinstance(column, Attached)]
    if not brought:
        return
    places = {place.digest: place for column in brought for place in places_of(column)}
    data = {digest: bytes_ for column in brought for digest, bytes_ in column.data.items() if bytes_ is not None}
    known = await _use(conn, owner, places, now)
    for digest in sorted(data.keys() - known.keys()):
        await _store(conn, owner, places[digest], data[digest], now)
        known[digest] = places[digest].size
    for column in brought:
        _check_references(column, known)


async def _use(conn: Connection, owner: str, digests: Iterable[str], now: int) -> dict[str, int]:
    rows = await conn.rows(_USE, {"owner": owner, "digests": list(digests), "now": now})
    return dict(rows)


async def _store(conn: Connection, owner: str, place: Place, data: bytes, now: int) -> None:
    new: dict[str, Any] = {**place._asdict(), "owner": owner, "id": new_id(), "now": now}
    while await conn.row(_INSERT, new) is None:
        if await _use(conn, owner, [place.digest], now):
            return  # another one stored the same meanwhile
    whole = memoryview(data)
    chunks = (whole[start : start + CHUNK] for start in range(0, len(data), CHUNK))
    await _add(conn, owner, new["id"], 0, chunks)


async def _add(conn: Connection, owner: str, id: str, first: int, chunks: Iterable[bytes | memoryview]) -> None:
    place = {"owner": owner, "id": id}
    await conn.run_many(_INSERT_CHUNK, ({**place, "number": n, "data": chunk} for n, chunk in enumerate(chunks, first)))


def _check_references(column: Attached, known: Mapping[str, int]) -> None:
    for place in places_of(column):
        if known.get(place.digest) != place.size:
            raise InvalidMessage("content", str(place.reference), "made of references to attachments that are there")


@repeatable
async def put(conn: Connection, scope: Scope, owner: str, column: Attached) -> Attachment:
    """Stores one thing whole, unless it is there."""
    await keep(conn, owner, [column], scope.clock())
    return await get(conn, scope, owner, places_of(column)[0].digest)


@repeatable
async def reuse(conn: Connection, scope: Scope, owner: str, digest: str) -> Attachment | None:
    """What is stored already, now used anew; None if it isn't."""
    return await get(conn, scope, owner, digest) if await _use(conn, owner, [digest], scope.clock()) else None


@repeatable
async def add_chunks(
    conn: Connection, scope: Scope, owner: str, new: dict[str, Any], first: int, chunks: Sequence[bytes]
) -> None:
    """Stores the next chunks of something whose end is not known yet."""
    place = {"owner": owner, "id": new["id"], "now": scope.clock()}
    if first == 0:
        await conn.run(_INSERT.replace(" RETURNING id", ""), {**place, **new, "digest": None, "size": 0})
    elif not await conn.run(
        "UPDATE attachments SET used_at = :now WHERE owner = :owner AND id = :id AND digest IS NULL", place
    ):
        raise StorageError("the attachment was removed while it was being written")
    await _add(conn, owner, new["id"], first, chunks)


@repeatable
async def finish(conn: Connection, scope: Scope, owner: str, id: str, digest: str, size: int) -> Attachment:
    """Gives what was stored in chunks its name; if it was there already, removes it again."""
    now = scope.clock()
    new = {"owner": owner, "id": id, "digest": digest, "size": size, "now": now}
    if await _use(conn, owner, [digest], now):
        await abandon(conn, scope, owner, id)
    else:
        await conn.run(
            "UPDATE attachments SET digest = :digest, size = :size, used_at = :now WHERE owner = :owner AND id = :id",
            new,
        )
    return await get(conn, scope, owner, digest)


@repeatable
async def abandon(conn: Connection, scope: Scope, owner: str, id: str) -> None:
    """Removes what was not stored to its end."""
    await conn.run(
        "DELETE FROM attachments WHERE owner = :owner AND id = :id AND digest IS NULL", {"owner": owner, "id": id}
    )


# Reading


async def inlined(conn: Connection, owner: str, rows: Sequence[Row]) -> Sequence[Row]:
    """Rows of messages with the bytes that belong to them; those without attachments as they are."""
    wanted = [row[13] for row in rows if row[13] is not None and not isinstance(row[13], Attached)]
    if not wanted:
        return rows
    digests = {column: [place.digest for place in places_of(column)] for column in wanted}
    data = await load(conn, owner, {digest for of_one in digests.values() for digest in of_one})
    return [_with_bytes(row, digests[row[13]], data) if row[13] in digests else row for row in rows]


def _with_bytes(row: Row, digests: Iterable[str], data: Mapping[str, bytes]) -> Row:
    if isinstance(row[13], Attached):
        return row
    mine = {digest: data[digest] for digest in digests if digest in data}
    return (*row[:13], Attached.with_bytes(row[13], mine))


async def filled(conn: Connection, owner: str, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Messages with the bytes that belong to them, where they are not at hand."""
    if all(message.attached is None or isinstance(message.attached, Attached) for message in messages):
        return list(messages)
    rows = [tuple(message.columns(MESSAGE_COLUMNS).values()) for message in messages]
    return ChatMessage.from_rows(await inlined(conn, owner, rows))


async def whole(
    conn: Connection, owner: str, rows: Sequence[Row], again: Callable[[], Awaitable[Sequence[Row]]]
) -> list[ChatMessage]:
    """The messages of rows, with their bytes, in an operation that may run outside a transaction.

    Bytes that are not there any more went with the messages that referred to them, so these are read again.
    """
    found = await inlined(conn, owner, rows)
    if found is not rows:
        for _ in range(READ_AGAIN):
            if all(map(_is_whole, found)):
                break
            found = await inlined(conn, owner, await again())
    return ChatMessage.from_rows(found)


def _is_whole(row: Row) -> bool:
    attached = row[13]
    if not isinstance(attached, Attached):
        return attached is None
    return all(place.digest in attached.data or place.size == 0 for place in places_of(attached))


async def messages(conn: Connection, owner: str, rows: Sequence[Row], *, inline: bool = True) -> list[ChatMessage]:
    """The messages of rows that were read with `MESSAGE_COLUMNS`: with their bytes, or with references."""
    return ChatMessage.from_rows(await inlined(conn, owner, rows) if inline else rows)


async def load(conn: Connection, owner: str, digests: Iterable[str]) -> dict[str, bytes]:
    """The bytes of those that are complete."""
    # Put in order here: a database that sorts them would copy them.
    rows = await conn.rows(
        f"SELECT a.digest, a.size, c.number, c.data FROM {_CHUNKS}"
        " WHERE a.owner = :owner AND a.digest IN (EACH(:digests))",
        {"owner": owner, "digests": list(digests)},
        binary=True,
    )
    sizes, chunks = dict[str, int](), dict[str, dict[int, bytes]]()
    for digest, size, number, data in rows:
        sizes[digest] = size
        chunks.setdefault(digest, {})[number] = data
    whole = {digest: b"".join(numbered[n] for n in sorted(numbered)) for digest, numbered in chunks.items()}
    return {digest: data for digest, data in whole.items() if len(data) == sizes[digest]}


@one_statement
async def get(conn: Connection, scope: Scope, owner: str | None, digest: str) -> Attachment:
    """What is known of an attachment; without an owner, of the only one who has it."""
    owned = "" if owner is None else " AND owner = :owner"
    rows = await conn.rows(
        f"SELECT {_ATTACHMENT} FROM attachments WHERE digest = :digest{owned} LIMIT 2",
        {"owner": owner, "digest": digest},
    )
    if not rows:
        raise AttachmentNotFound(digest)
    if len(rows) > 1:
        raise AmbiguousId(digest)
    return attachment_from(rows[0])


def attachment_from(row: Row) -> Attachment:
    """The value of a row that was read with the columns above."""
    owner, digest, media_type, size, used_at = row[:5]
    return Attachment(owner, digest, media_type, size, from_time(used_at))


@one_statement
async def chunk(conn: Connection, scope: Scope, owner: str, digest: str, number: int) -> bytes:
    """One chunk. Raises `AttachmentNotFound` if it was removed since it was begun to be read."""
    rows = await conn.rows(
        f"SELECT c.data FROM {_CHUNKS} WHERE a.owner = :owner AND a.digest = :digest AND c.number = :number",
        {"owner": owner, "digest": digest, "number": number},
        binary=True,
    )
    if not rows:
        raise AttachmentNotFound(digest)
    data: bytes = rows[0][0]
    return data


@one_statement
async def page(
    conn: Connection, scope: Scope, owner: str | None, session_id: str | None, cursor: str | None, limit: int
) -> Page[Attachment]:
    """One page of attachments, the last stored first: all, an owner's, or those that a session refers to."""
    conditions, params = ["digest IS NOT NULL"], {"session_id": session_id, "limit": limit + 1}
    if session_id is not None:
        owner = await scope.owner_of_session(conn, session_id)
        mine = {"owner": owner, "id": session_id}
        if not await conn.row("SELECT 1 FROM sessions WHERE owner = :owner AND id = :id", mine):
            raise SessionNotFound(session_id)
        used = _REFERRED[conn.engine].format("messages").replace("m.owner, ", "")
        conditions.append(f"digest IN ({used} WHERE m.owner = :owner AND session_id = :session_id AND {ANY})")
    if owner is not None:
        conditions.append("owner = :owner")
        params["owner"] = owner
    if cursor is not None:
        conditions.append("(owner, id) < (:key0, :key1)")
        params |= read_cursor(cursor, ["attachments"], [str, str])
    rows = await conn.rows(
        f"SELECT {_ATTACHMENT}, id FROM attachments WHERE {' AND '.join(conditions)}"
        " ORDER BY owner DESC, id DESC LIMIT :limit",
        params,
    )
    last = rows[limit - 1] if len(rows) > limit else None
    items = [attachment_from(row) for row in rows[:limit]]
    return Page(items, write_cursor(["attachments"], [last[0], last[5]]) if last else None)


# Removing


async def unused(conn: Connection, scope: Scope, owner: str | None, before: int, after: Row | None) -> list[Row]:
    """The next attachments that nothing refers to and that were not used since: owner, id, size, when used."""
    mine = "" if owner is None else " AND {}.owner = :owner"
    referred = " UNION ".join(
        f"{_REFERRED[conn.engine].format(table)} WHERE {ANY}{mine.format('m')}"
        for table in ("messages", "trashed_messages")
    )
    past = "" if after is None else " AND (a.owner, a.id) > (:after_owner, :after_id)"
    return await conn.rows(
        f"WITH referred (owner, digest) AS MATERIALIZED ({referred})"
        " SELECT a.owner, a.id, a.size, a.used_at FROM attachments a"
        f" WHERE {_NOT_REFERRED[conn.engine]}"
        " AND a.used_at < CASE WHEN a.digest IS NULL THEN CAST(:abandoned AS BIGINT) ELSE :before END"
        f"{mine.format('a')}{past}"
        " ORDER BY a.owner, a.id LIMIT :limit",
        {
            "owner": owner, "before": before, "abandoned": min(before, scope.clock() - ABANDONED),
            "limit": FOUND_AT_ONCE,
            **({} if after is None else {"after_owner": after[0], "after_id": after[1]}),
        },
    )  # fmt: skip


async def remove(conn: Connection, scope: Scope, found: Sequence[Row]) -> Collected:
    """Removes those that nobody has referred to since they were found."""
    collected = Collected()
    for owner, id, _, used_at in found:
        row = await conn.row(
            "DELETE FROM attachments WHERE owner = :owner AND id = :id AND used_at = :used_at RETURNING size",
            {"owner": owner, "id": id, "used_at": used_at},
        )
        if row is not None:
            collected += Collected(1, row[0])
    return collected


async def in_trash(conn: Connection, owner: str, trash_ids: Sequence[str]) -> list[str]:
    """The digests of what messages in entries of the trash refer to."""
    referred = _REFERRED[conn.engine].format("trashed_messages").replace("m.owner, ", "DISTINCT ")
    rows = await conn.rows(
        f"{referred} WHERE m.owner = :owner AND m.trash_id IN (EACH(:ids)) AND {ANY}",
        {"owner": owner, "ids": list(trash_ids)},
    )
    return [row[0] for row in rows]


async def remove_if_unused(conn: Connection, scope: Scope, owner: str, digests: Sequence[str]) -> Collected:
    """Removes those of the attachments that nothing refers to, however short ago they were used."""
    if not digests:
        return Collected()
    referred = " UNION ".join(
        f"{_REFERRED[conn.engine].format(table)} WHERE {ANY} AND m.owner = :owner"
        for table in ("messages", "trashed_messages")
    )
    found = await conn.rows(
        f"WITH referred (owner, digest) AS MATERIALIZED ({referred})"
        f" SELECT a.owner, a.id, a.size, a.used_at FROM attachments a{NAMED}"
        f" WHERE {_NOT_REFERRED[conn.engine]} AND a.owner = :owner AND a.digest IN (EACH(:digests))",
        {"owner": owner, "digests": list(digests)},
    )
    return await remove(conn, scope, found)
