"""Versions of a message: another text, another answer, each with the conversation that followed it.

The messages of the version that is shown stand in the session; those of the others lie in the trash as entries
of the kind "version", which the trash doesn't list and nothing purges while their session is there. So a long
history of rejected versions costs the shown one nothing.
"""

from typing import Any

from ithaca.content import Draft, new_id
from ithaca.errors import MessageNotFound
from ithaca.models import ChatMessage, MessageVersion
from ithaca.operations import attachments, trash
from ithaca.operations.messages import by_id, insert_known
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import Head, advance, lock
from ithaca.operations.statements import MESSAGE_COLUMNS
from ithaca.storage.connection import Connection

# The first message of a version that is not shown names it.
_FIRSTS = f"""
    SELECT {MESSAGE_COLUMNS}, version_id, messages FROM (
        SELECT id AS version_id, messages FROM trash
        WHERE owner = :owner AND session_id = :session_id AND kind = 'version'
        AND parent_id IS NULL AND version_group = :group
    ) t JOIN (
        SELECT trash_id, {MESSAGE_COLUMNS} FROM trashed_messages m WHERE owner = :owner AND seq = (
            SELECT min(seq) FROM trashed_messages f
            WHERE f.owner = m.owner AND f.trash_id = m.trash_id AND f.session_id = :session_id)
    ) m ON m.trash_id = t.version_id
"""


async def add_version(
    conn: Connection, scope: Scope, session_id: str, message_id: str, draft: Draft, expected: int | None
) -> ChatMessage:
    """Puts another version in the place of a message; it and what followed it are kept as a version."""
    head = await lock(conn, scope, session_id, expected)
    found = await by_id(conn, head.owner, session_id, [message_id])
    if not found:
        raise MessageNotFound(session_id, message_id)
    return await put_version(conn, scope, head, found[message_id], draft)


async def edit_as_version(
    conn: Connection, scope: Scope, session_id: str, message_id: str, changes: Draft, expected: int | None
) -> ChatMessage:
    """Puts an edited copy in the place of a message; it and what followed it are kept as a version."""
    head = await lock(conn, scope, session_id, expected)
    found = await by_id(conn, head.owner, session_id, [message_id])
    if not found:
        raise MessageNotFound(session_id, message_id)
    new = {"id": new_id(), "created_at": scope.clock(), "edited_at": None}
    draft = {**found[message_id].columns(MESSAGE_COLUMNS), **changes, **new}
    return await put_version(conn, scope, head, found[message_id], draft)


async def put_version(conn: Connection, scope: Scope, head: Head, message: ChatMessage, draft: Draft) -> ChatMessage:
    """Puts a draft in the place of a message of a locked session."""
    group = message.version_group or new_id()
    if message.version_group is None:
        await conn.run(
            "UPDATE messages SET version_group = :group WHERE owner = :owner AND session_id = :id AND seq = :seq",
            {"owner": head.owner, "id": head.id, "group": group, "seq": message.seq},
        )
    removed = await _set_aside(conn, scope, head, group, message.seq or 0)
    now = scope.clock()
    stored = await insert_known(conn, head, [{"edited_at": None, **draft, "version_group": group}], now)
    count = head.message_count - removed + 1
    await advance(conn, head, now, count=count, numbers=1, at=draft["created_at"])
    return stored[0]


async def _set_aside(conn: Connection, scope: Scope, head: Head, group: str, first: int) -> int:
    bin = await trash.open_bin(
        conn, head.owner, "version", scope.clock(), session_id=head.id, version_group=group, revision=head.revision + 1
    )
    removed = await trash.remove_messages(conn, bin, head.id, "seq >= :first", {"first": first})
    await trash.close_bin(conn, bin, messages=removed)
    return removed


async def list_versions(conn: Connection, scope: Scope, session_id: str, message_id: str) -> list[MessageVersion]:
    """Every version of a message, the oldest first; a message that was never changed is its only one."""
    owner = await scope.owner_of_session(conn, session_id)
    place = {"owner": owner, "session_id": session_id, "id": message_id}
    group = await _group(conn, session_id, place)
    shown = await conn.rows(
        f"SELECT {MESSAGE_COLUMNS}, '' AS trash_id, (SELECT count(*) FROM messages l WHERE l.owner = m.owner"
        " AND l.session_id = m.session_id AND l.seq >= m.seq) FROM messages m"
        " WHERE owner = :owner AND session_id = :session_id"
        f" AND {'id = :id' if group is None else 'version_group = :group'}",
        {**place, "group": group},
    )
    aside = await conn.rows(_FIRSTS, {**place, "group": group}) if group is not None else []
    rows = shown + aside
    firsts = await attachments.messages(conn, owner, [row[:-2] for row in rows])
    versions = [MessageVersion(first, row[-2] == "", row[-1]) for first, row in zip(firsts, rows, strict=True)]
    return sorted(versions, key=lambda version: (version.message.created_at, version.message.id))


async def _group(conn: Connection, session_id: str, place: dict[str, Any]) -> str | None:
    """The group of a message that is shown, or that begins a version that isn't."""
    row = await conn.row(
        "SELECT version_group FROM messages WHERE owner = :owner AND session_id = :session_id AND id = :id", place
    )
    if row is None:
        row = await conn.row(
            "SELECT t.version_group FROM trashed_messages m JOIN trash t ON t.owner = m.owner AND t.id = m.trash_id"
            " WHERE m.owner = :owner AND m.session_id = :session_id AND m.id = :id AND t.kind = 'version'"
            " AND t.version_group = m.version_group AND t.parent_id IS NULL",
            place,
        )
    if row is None:
        raise MessageNotFound(session_id, place["id"])
    return None if row[0] is None else str(row[0])


async def switch_version(
    conn: Connection, scope: Scope, session_id: str, message_id: str, expected: int | None
) -> list[ChatMessage]:
    """Shows another version with the conversation that followed it; returns that, from the version on."""
    head = await lock(conn, scope, session_id, expected)
    place = {"owner": head.owner, "session_id": session_id, "id": message_id}
    group = await _group(conn, session_id, place)
    shown = await conn.row(
        "SELECT seq, id FROM messages WHERE owner = :owner AND session_id = :session_id AND version_group = :group",
        {**place, "group": group},
    )
    if group is not None and (shown is None or shown[1] != message_id):
        await _bring_back(conn, scope, head, {**place, "group": group}, None if shown is None else shown[0])
    rows = await conn.rows(
        f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE owner = :owner AND session_id = :session_id AND seq >="
        " (SELECT seq FROM messages WHERE owner = :owner AND session_id = :session_id AND id = :id) ORDER BY seq",
        place,
    )
    return await attachments.messages(conn, head.owner, rows)


async def _bring_back(conn: Connection, scope: Scope, head: Head, place: dict[str, Any], shown: int | None) -> None:
    wanted = [row for row in await conn.rows(_FIRSTS, place) if row[1] == place["id"]]
    bin = trash.Bin(head.owner, wanted[0][-2])
    removed = 0 if shown is None else await _set_aside(conn, scope, head, place["group"], shown)
    shift = await _shift(conn, head, bin)
    renumbered = MESSAGE_COLUMNS.replace("seq", "seq + :shift", 1)
    restored = await conn.run(
        f"INSERT INTO messages (owner, session_id, {MESSAGE_COLUMNS}) SELECT owner, session_id, {renumbered}"
        " FROM trashed_messages WHERE owner = :owner AND trash_id = :trash_id",
        {**bin.params, "shift": shift},
    )
    await conn.run("DELETE FROM trash WHERE owner = :owner AND id = :trash_id", bin.params)
    top = await conn.row(
        "SELECT max(seq) FROM messages WHERE owner = :owner AND session_id = :id", {"owner": head.owner, "id": head.id}
    )
    numbers = max(0, (top[0] if top else 0) + 1 - head.next_seq)
    await advance(conn, head, scope.clock(), count=head.message_count - removed + restored, numbers=numbers)


async def _shift(conn: Connection, head: Head, bin: trash.Bin) -> int:
    """What is added to the numbers of a version so that it comes after what it follows; mostly nothing."""
    row = await conn.row(
        "SELECT (SELECT max(seq) FROM messages WHERE owner = :owner AND session_id = :session_id),"
        " (SELECT min(seq) FROM trashed_messages WHERE owner = :owner AND trash_id = :trash_id)",
        {**bin.params, "session_id": head.id},
    )
    before, first = row or (None, None)
    return head.next_seq - int(first) if before is not None and before >= first else 0
