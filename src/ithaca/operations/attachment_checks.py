"""Whether attachments are what they are named after, and whether everything that is referred to is there."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ithaca.attached import Place, places_of
from ithaca.columns import Row, from_json
from ithaca.connection import Connection
from ithaca.digests import sha256
from ithaca.models import Problem
from ithaca.operations.attachments import ANY, CHUNK, NAMED
from ithaca.operations.scope import Scope

_PAGE = 500

#: Chunks that are read at a time.
_CHUNKS = 4

_KEYS = {"messages": "owner, session_id, seq", "trashed_messages": "owner, trash_id, session_id, seq"}


async def broken(conn: Connection, scope: Scope) -> AsyncIterator[Problem]:
    """References without an attachment, and attachments that are not what they are named after."""
    for table, key in _KEYS.items():
        source = f"{table} m INDEXED BY {table}_with_attachments WHERE {ANY}"
        async for rows in _pages(conn, scope, source, key, "id, blocks, attachments"):
            sizes = await _sizes(conn, rows)
            for row in rows:
                for detail in _faults(sizes, row[0], *row[-2:]):
                    yield Problem("attachment_reference", row[0], row[-5], f"message {row[-3]}: {detail}")
    async for rows in _pages(conn, scope, "attachments WHERE digest IS NOT NULL", "owner, id", "digest, size"):
        for owner, id, digest, size in rows:
            if fault := await _fault_of_bytes(conn, {"owner": owner, "id": id}, digest, size):
                yield Problem("attachment", owner, digest, fault)


async def _pages(conn: Connection, scope: Scope, source: str, key: str, columns: str) -> AsyncIterator[list[Row]]:
    mine = "" if scope.owner is None else " AND owner = :owner"
    params: dict[str, Any] = {"owner": scope.owner, "page": _PAGE}
    past, width = "", key.count(",") + 1
    while rows := await conn.rows(
        f"SELECT {key}, {columns} FROM {source}{mine}{past} ORDER BY {key} LIMIT :page", params
    ):
        yield rows
        params |= {f"key{i}": value for i, value in enumerate(rows[-1][:width])}
        past = f" AND ({key}) > ({', '.join(f':key{i}' for i in range(width))})"


async def _sizes(conn: Connection, rows: Sequence[Row]) -> dict[tuple[str, str], int]:
    """The sizes of what these rows refer to, by owner and digest."""
    wanted: dict[str, set[str]] = {}
    for row in rows:
        wanted.setdefault(row[0], set()).update(place.digest for place in _places(row[-1]))
    sizes: dict[tuple[str, str], int] = {}
    for owner, digests in wanted.items():
        found = await conn.rows(
            f"SELECT digest, size FROM attachments{NAMED} WHERE owner = :owner AND digest IN (EACH(:digests))",
            {"owner": owner, "digests": list(digests)},
        )
        sizes |= {(owner, digest): size for digest, size in found}
    return sizes


def _places(column: str) -> list[Place]:
    """The places in a column; none if it is no such column."""
    try:
        return places_of(column)
    except (TypeError, ValueError):
        return []


def _faults(sizes: Mapping[tuple[str, str], int], owner: str, blocks: str | None, column: str) -> Iterator[str]:
    places = _places(column)
    if not places:
        yield "the column cannot be read"
    for place in places:
        size = sizes.get((owner, place.digest))
        if size is None:
            yield f"there is no attachment {place.digest}"
        elif size != place.size:
            yield f"attachment {place.digest} has {size} bytes, not {place.size}"
        if not _is_empty_at(blocks, place.path):
            yield f"there is no empty place at {place.path}"


def _is_empty_at(blocks: str | None, path: Iterable[str | int]) -> bool:
    try:
        value = from_json(blocks or "null")
        for step in path:
            value = value[step]
    except (LookupError, TypeError, ValueError):
        return False
    return bool(value == "")


async def _fault_of_bytes(conn: Connection, place: Mapping[str, Any], digest: str, size: int) -> str | None:
    found, length, number = sha256(), 0, 0
    while rows := await conn.rows(
        "SELECT number, data FROM attachment_chunks WHERE owner = :owner AND attachment_id = :id AND number >= :number"
        " ORDER BY number LIMIT :most",
        {**place, "number": number, "most": _CHUNKS},
        binary=True,
    ):
        for at, data in rows:
            if at != number or len(data) != min(CHUNK, size - length):
                return f"chunk {number} is missing or has another length"
            found.update(data)
            length, number = length + len(data), number + 1
        if len(rows) < _CHUNKS:
            break
    if length != size:
        return f"chunk {number} is missing"
    return None if found.hexdigest() == digest else "the bytes have another digest"
