"""Versions of a message: another text, another answer, each with the conversation that followed it.

The messages of the version that is shown stand in the session; those of the others lie in the trash as entries
of the kind "version", which the trash doesn't list and nothing purges while their session is there. So a long
history of rejected versions costs the shown one nothing.

Versions lie within versions: what is set aside takes along the versions that it shows. A message that is not shown is
therefore brought back in steps, outermost first.
"""

from dataclasses import dataclass
from typing import Any

from ithaca.columns import Row, to_json
from ithaca.connection import Connection
from ithaca.content import Changes, Draft, new_id, says_the_same
from ithaca.errors import MessageConflict, MessageNotFound, RevisionConflict, SessionNotFound
from ithaca.models import ChatMessage, MessageVersion
from ithaca.operations import attachments, search, trash
from ithaca.operations.messages import by_id, insert_known
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import Head, advance, lock
from ithaca.operations.statements import MESSAGE_COLUMNS

_MINE = "owner = :owner AND session_id = :session_id"
_OF_M = ", ".join(f"m.{column}" for column in MESSAGE_COLUMNS.split(", "))

# A message of a session that is set aside as a version, or behind one: by its id, or those of a group.
_ASIDE = """
    FROM trashed_messages m INDEXED BY {index} JOIN trash t ON t.owner = m.owner AND t.id = m.trash_id
    WHERE m.owner = :owner AND m.session_id = :session_id AND m.aside AND t.parent_id IS NULL AND m.{column} = :{param}
"""
_BY_ID = _ASIDE.format(index="trashed_messages_aside", column="id", param="id")
_BY_GROUP = _ASIDE.format(index="trashed_messages_versions", column="version_group", param="group")

# Of several entries, the one that was set aside last.
_LAST = " ORDER BY t.revision DESC, t.id DESC LIMIT 1"

_WITH_COUNT = f"""
    SELECT {_OF_M}, CASE WHEN t.version_group = m.version_group THEN t.messages ELSE (
            SELECT count(*) FROM trashed_messages l
            WHERE l.owner = m.owner AND l.trash_id = m.trash_id AND l.session_id = m.session_id AND l.seq >= m.seq) END
"""

_SHOWN_WITH_COUNT = f"""
    SELECT {MESSAGE_COLUMNS}, (SELECT count(*) FROM messages l
        WHERE l.owner = m.owner AND l.session_id = m.session_id AND l.seq >= m.seq)
    FROM messages m INDEXED BY {{index}} WHERE {_MINE} AND {{column}} = :{{param}}
"""
_SHOWN_BY_ID = _SHOWN_WITH_COUNT.format(index="messages_by_id", column="id", param="id")
_SHOWN_BY_GROUP = _SHOWN_WITH_COUNT.format(index="messages_versions", column="version_group", param="group")

# The entry that a message which is not shown lies in; the last one, should its id have been used again.
_ENTRY_WITH = f"SELECT t.id, t.version_group {_BY_ID}{_LAST}"

# The entry of a version of another message, within which a message of a group lies.
_WITHIN = f"SELECT t.id, t.version_group {_BY_GROUP} AND t.version_group <> :group{_LAST}"

_SHOWN = f"SELECT seq FROM messages INDEXED BY messages_versions WHERE {_MINE} AND version_group = :group"

_IS_SHOWN = f"SELECT 1 FROM messages INDEXED BY messages_by_id WHERE {_MINE} AND id = :id"


@dataclass(slots=True)
class Stage:
    """A locked session while messages go and come: how many it shows, and the number that comes next."""

    head: Head
    count: int
    next_seq: int

    @classmethod
    def of(cls, head: Head) -> "Stage":
        return cls(head, head.message_count, head.next_seq)

    @property
    def place(self) -> dict[str, Any]:
        return {"owner": self.head.owner, "session_id": self.head.id}

    async def end(self, conn: Connection, scope: Scope, now: int, *, at: int | None = None) -> None:
        """Records the change, once however many steps it took."""
        numbers = self.next_seq - self.head.next_seq
        await advance(conn, scope, self.head, now, count=self.count, numbers=numbers, at=at, gone=True)


async def add_version(
    conn: Connection, scope: Scope, session_id: str, message_id: str, draft: Draft, expected: int | None
) -> ChatMessage:
    """Puts another version in the place of a message; it and what followed it are kept as a version.

    A version whose id is stored already is not stored again if it says the same.
    """
    head = await lock(conn, scope, session_id, None)
    if (stored := await _stored_before(conn, head, message_id, draft)) is not None:
        return (await attachments.filled(conn, head.owner, [stored]))[0]
    if expected is not None and head.revision != expected:
        raise RevisionConflict(session_id, head.revision, expected)
    return await _put_version(conn, scope, head, await _shown(conn, head, message_id), draft)


async def _stored_before(conn: Connection, head: Head, message_id: str, draft: Draft) -> ChatMessage | None:
    """The version that a caller who heard no answer adds again. Any other message of that id is a conflict."""
    place = {"owner": head.owner, "session_id": head.id, "id": draft.id}
    row = await conn.row(f"SELECT {MESSAGE_COLUMNS} FROM messages{trash.BY_ID} WHERE {_MINE} AND id = :id", place)
    row = row or await conn.row(f"SELECT {_OF_M} {_BY_ID}{_LAST}", place)
    if row is None:
        return None
    stored = ChatMessage.from_row(row)
    group = await _group(conn, head.id, {**place, "id": message_id})
    if stored.id == message_id or group is None or stored.version_group != group or not says_the_same(draft, stored):
        raise MessageConflict(head.id, draft.id)
    return stored


async def edit_as_version(
    conn: Connection, scope: Scope, session_id: str, message_id: str, changes: Changes, expected: int | None
) -> ChatMessage:
    """Puts an edited copy in the place of a message; it and what followed it are kept as a version."""
    head = await lock(conn, scope, session_id, expected)
    message = await _shown(conn, head, message_id)
    if "tokens" in changes and "tool_calls" not in changes and message.tool_calls:
        changes = {**changes, "tokens": changes["tokens"] + scope.count_tokens(to_json(message.tool_calls))}
    columns = message.columns(MESSAGE_COLUMNS)
    del columns["seq"]
    edited = Draft(**columns)._replace(**changes, id=new_id(), created_at=scope.clock())
    return await _put_version(conn, scope, head, message, edited)


async def _shown(conn: Connection, head: Head, message_id: str) -> ChatMessage:
    found = await by_id(conn, head.owner, head.id, [message_id])
    if not found:
        raise MessageNotFound(head.id, message_id)
    return found[message_id]


async def _put_version(conn: Connection, scope: Scope, head: Head, message: ChatMessage, draft: Draft) -> ChatMessage:
    """Puts a draft in the place of a message of a locked session."""
    group = message.version_group or new_id()
    if message.version_group is None:
        await conn.run(
            f"UPDATE messages SET version_group = :group WHERE {_MINE} AND seq = :seq",
            {"owner": head.owner, "session_id": head.id, "group": group, "seq": message.seq},
        )
    stage = Stage.of(head)
    await set_aside(conn, scope, stage, group, message.seq or 0)
    now = scope.clock()
    stored = await insert_known(conn, head, [draft._replace(edited_at=None, version_group=group)], now)
    stage.count, stage.next_seq = stage.count + 1, stage.next_seq + 1
    await stage.end(conn, scope, now, at=draft.created_at)
    return (await attachments.filled(conn, head.owner, stored))[0]


async def set_aside(conn: Connection, scope: Scope, stage: Stage, group: str, first: int) -> None:
    """Keeps the shown message of a group, which has this number, and all that follows it as a version."""
    head, now = stage.head, scope.clock()
    chosen = trash.Chosen(head.owner, head.id, "seq >= :first", {"first": first})
    removed = await trash.remove_messages(conn, chosen, "version", now, head.revision + 1, version_group=group)
    stage.count -= removed.messages


async def list_versions(conn: Connection, scope: Scope, session_id: str, message_id: str) -> list[MessageVersion]:
    """Every version of a message in their order; a message that was never changed is its only one."""
    owner = await scope.owner_of_session(conn, session_id)
    place: dict[str, Any] = {"owner": owner, "session_id": session_id, "id": message_id}
    group = await _group(conn, session_id, place)
    place["group"] = group
    found = [(row, True) for row in await conn.rows(_SHOWN_BY_ID if group is None else _SHOWN_BY_GROUP, place)]
    if group is not None:
        found += [(row, False) for row in await conn.rows(f"{_WITH_COUNT} {_BY_GROUP}", place)]
    elif not found:
        found = [(row, False) for row in await conn.rows(f"{_WITH_COUNT} {_BY_ID}{_LAST}", place)]
    found.sort(key=lambda version: version[0][:2])  # by their numbers
    firsts = await attachments.messages(conn, owner, [row[:-1] for row, _ in found])
    return [MessageVersion(first, shown, row[-1]) for first, (row, shown) in zip(firsts, found, strict=True)]


async def _group(conn: Connection, session_id: str, place: dict[str, Any]) -> str | None:
    """The group of a message, shown or not; None if it is its only version."""
    row = await conn.row(f"SELECT version_group FROM messages{trash.BY_ID} WHERE {_MINE} AND id = :id", place)
    if row is None:
        row = await conn.row(f"SELECT m.version_group {_BY_ID}{_LAST}", place)
    if row is None:
        there = await conn.row("SELECT 1 FROM sessions WHERE owner = :owner AND id = :session_id", place)
        raise SessionNotFound(session_id) if there is None else MessageNotFound(session_id, place["id"])
    return None if row[0] is None else str(row[0])


async def switch_version(
    conn: Connection, scope: Scope, session_id: str, message_id: str, expected: int | None
) -> list[ChatMessage]:
    """Shows the conversation that a message is in; returns the message and what follows it."""
    head = await lock(conn, scope, session_id, expected)
    stage = Stage.of(head)
    if await show(conn, scope, stage, message_id):
        await stage.end(conn, scope, scope.clock())
    rows = await conn.rows(
        f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE {_MINE} AND seq >="
        f" (SELECT seq FROM messages{trash.BY_ID} WHERE {_MINE} AND id = :id) ORDER BY seq",
        {**stage.place, "id": message_id},
    )
    if not rows:
        raise MessageNotFound(session_id, message_id)
    return await attachments.messages(conn, head.owner, rows)


async def show(conn: Connection, scope: Scope, stage: Stage, message_id: str) -> bool:
    """Brings a message back that is set aside, in a version or behind one; whether there was anything to do."""
    if await conn.row(_IS_SHOWN, {**stage.place, "id": message_id}) is not None:
        return False
    entry = await conn.row(_ENTRY_WITH, {**stage.place, "id": message_id})
    if entry is None:
        return False
    await _show_entry(conn, scope, stage, entry, set())
    return True


async def _show_entry(conn: Connection, scope: Scope, stage: Stage, entry: Row, on_the_way: set[str]) -> None:
    group = {**stage.place, "group": entry[1]}
    if await conn.row(_SHOWN, group) is None:
        within = await conn.row(_WITHIN, group)
        if within is not None and within[0] not in on_the_way:
            await _show_entry(conn, scope, stage, within, on_the_way | {entry[0]})
    await _bring_back(conn, scope, stage, entry)


async def _bring_back(conn: Connection, scope: Scope, stage: Stage, entry: Row) -> None:
    """Puts a version in the place of the one that is shown; at the end, if that one was removed."""
    shown = await conn.row(_SHOWN, {**stage.place, "group": entry[1]})
    if shown is not None:
        await set_aside(conn, scope, stage, entry[1], shown[0])
    bin = trash.Bin(stage.head.owner, entry[0])
    shift, end = await _numbers(conn, stage, bin)
    await search.look_again(conn, {**bin.params, "session_id": stage.head.id}, shift=shift)
    came, in_use = await trash.put_back(conn, bin, stage.head.id, shift)
    if in_use:
        raise MessageConflict(stage.head.id, in_use[0])
    stage.count += came
    stage.next_seq = max(stage.next_seq, end + 1)
    await trash.remove_entry(conn, bin)


async def _numbers(conn: Connection, stage: Stage, bin: trash.Bin) -> tuple[int, int]:
    """What is added to the numbers of a version so that it follows what is shown, mostly nothing; and the last one."""
    row = await conn.row(
        f"SELECT (SELECT max(seq) FROM messages WHERE {_MINE}),"
        " (SELECT min(seq) FROM trashed_messages WHERE owner = :owner AND trash_id = :trash_id),"
        " (SELECT max(seq) FROM trashed_messages WHERE owner = :owner AND trash_id = :trash_id)",
        {**bin.params, **stage.place},
    )
    before, first, last = row or (None, 0, 0)
    shift = stage.next_seq - int(first) if before is not None and before >= first else 0
    return shift, int(last) + shift
