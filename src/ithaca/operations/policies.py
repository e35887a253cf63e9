"""Retention policies: set by owner and folder, and applied in batches of their own transactions.

A session is governed by the policy of its folder, or by its owner's policy without a folder. It is used when it is
changed, read, or gets a message: its last use is the later one of `last_accessed` and `active_at`.
"""

from datetime import timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

from ithaca.connection import Connection, one_statement
from ithaca.errors import InvalidArgument, LegalHold, RetentionNotFound
from ithaca.operations import answered, holds, retention, trash
from ithaca.operations.scope import Scope
from ithaca.operations.statements import MESSAGE_COLUMNS, SLOT
from ithaca.retention import PolicyOutcome, RetentionPolicy

_POLICY = "owner, folder, archive_after, delete_after, keep_starred, keep_newest, legal_hold, updated_at"

_SET = f"""
    INSERT INTO retention_policies ({_POLICY})
    VALUES (:owner, :folder, :archive_after, :delete_after, :keep_starred, :keep_newest, :legal_hold, :now)
    ON CONFLICT (owner, folder) DO UPDATE SET
        archive_after = excluded.archive_after, delete_after = excluded.delete_after,
        keep_starred = excluded.keep_starred, keep_newest = excluded.keep_newest,
        legal_hold = excluded.legal_hold, updated_at = excluded.updated_at
    RETURNING {_POLICY}
"""

_FIND = f"SELECT {_POLICY} FROM retention_policies WHERE owner = :owner AND folder = :folder"

#: Before any time that can be.
_NEVER = -(2**63)

Action: TypeAlias = Literal["archive", "delete"]


async def set_policy(conn: Connection, scope: Scope, columns: dict[str, Any], hold: bool | None) -> RetentionPolicy:
    """Sets a policy. `hold` None leaves the hold as it is; only trusted code puts and lifts one."""
    await holds.begin_change(conn)
    before = await _find(conn, columns)
    held = before is not None and before.legal_hold
    if scope.owner is not None and hold not in (None, held):
        raise InvalidArgument("legal_hold", hold, "left to a manager that is not confined to an owner")
    row = await conn.row(_SET, {**columns, "legal_hold": held if hold is None else hold, "now": scope.clock()})
    return RetentionPolicy.from_row(row or ())


async def _find(conn: Connection, place: dict[str, Any]) -> RetentionPolicy | None:
    row = await conn.row(_FIND, {"owner": place["owner"], "folder": place["folder"]})
    return None if row is None else RetentionPolicy.from_row(row)


@one_statement
async def list_policies(conn: Connection, scope: Scope, owner: str | None) -> list[RetentionPolicy]:
    """Every policy, by owner and folder."""
    asked = {"owner = :owner": ("owner", scope.owner), "owner = :of_owner": ("of_owner", owner)}
    given = {condition: pair for condition, pair in asked.items() if pair[1] is not None}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    rows = await conn.rows(
        f"SELECT {_POLICY} FROM retention_policies{where} ORDER BY owner, folder", dict(given.values())
    )
    return list(map(RetentionPolicy.from_row, rows))


async def delete_policy(conn: Connection, scope: Scope, place: dict[str, Any]) -> None:
    """Deletes a policy, unless it is a hold: that is lifted first, in so many words."""
    await holds.begin_change(conn)
    policy = await _find(conn, place)
    if policy is None:
        raise RetentionNotFound(place["owner"], place["folder"] or None)
    if policy.legal_hold:
        raise LegalHold(policy.owner)
    await conn.run("DELETE FROM retention_policies WHERE owner = :owner AND folder = :folder", place)


# Applying

_IN_FOLDER = "s.folder = :folder"
_IN_NO_OTHER = """
    NOT EXISTS (SELECT 1 FROM retention_policies p WHERE p.owner = s.owner AND p.folder = s.folder AND p.folder <> '')
"""

_DELETE_DUE = "s.active_at < :delete_before AND s.last_accessed < :delete_before"
_ARCHIVE_DUE = f"""
    s.archived = FALSE AND s.active_at < :archive_before AND s.last_accessed < :archive_before
    AND NOT ({_DELETE_DUE})
"""
# An index has those that are archived, and those that are not, in the order of their activity.
_BY_ACTIVITY = "sessions s INDEXED BY sessions_by_activity WHERE s.owner = :owner"
_NEWEST = f"""
    SELECT s.active_at, s.id FROM {_BY_ACTIVITY} AND s.archived = {{archived}} AND {{which}}
    ORDER BY s.active_slot DESC, s.active_at DESC, s.id DESC LIMIT :kept
"""
_DUE = {"delete": _DELETE_DUE, "archive": _ARCHIVE_DUE}


class Mark(NamedTuple):
    """Where a batch ended: the next one goes on from there. Those that are not archived come first."""

    archived: bool
    active_at: int
    id: str


START = Mark(False, _NEVER, "")


class Governed(NamedTuple):
    """The sessions of a policy: what governs them, and what spares some of them."""

    which: str
    starred: str
    newest: str
    params: dict[str, Any]

    @property
    def unspared(self) -> str:
        """The condition that nothing spares a session, but a hold."""
        return f"NOT ({self.starred}) AND NOT ({self.newest})"


async def _governed(conn: Connection, policy: RetentionPolicy, now: int) -> Governed:
    which = _IN_NO_OTHER if policy.folder is None else _IN_FOLDER
    params = {
        "owner": policy.owner,
        "folder": policy.folder,
        "archive_before": _before(policy.archive_after, now),
        "delete_before": _before(policy.delete_after, now),
    }
    starred = "s.is_important = TRUE" if policy.keep_starred else "FALSE"
    if not policy.keep_newest:
        return Governed(which, starred, "FALSE", params)
    newest = [f"SELECT * FROM ({_NEWEST.format(archived=archived, which=which)}) AS run" for archived in (False, True)]
    oldest_kept = await conn.row(
        f"{' UNION ALL '.join(newest)} ORDER BY active_at DESC, id DESC LIMIT 1 OFFSET :kept - 1",
        {**params, "kept": policy.keep_newest},
    )
    if oldest_kept is None:
        return Governed(which, starred, "TRUE", params)
    bound = {"newest_at": oldest_kept[0], "newest_id": oldest_kept[1]}
    return Governed(which, starred, "(s.active_at, s.id) >= (:newest_at, :newest_id)", params | bound)


def _before(age: timedelta | None, now: int) -> int:
    return _NEVER if age is None else now - age // timedelta(microseconds=1)


@one_statement
async def survey(conn: Connection, scope: Scope, policy: RetentionPolicy, now: int) -> PolicyOutcome:
    """What applying a policy would do."""
    governed = await _governed(conn, policy, now)
    held, free = f"NOT ({holds.NOT_HELD})", f"({holds.NOT_HELD})"
    kinds = {
        "held": held,
        "kept_starred": f"{free} AND {governed.starred}",
        "kept_newest": f"{free} AND NOT ({governed.starred}) AND {governed.newest}",
        "deleted": f"{free} AND {governed.unspared} AND {_DELETE_DUE}",
        "archived": f"{free} AND {governed.unspared} AND {_ARCHIVE_DUE}",
    }
    counts = ", ".join(f"count(CASE WHEN {which} THEN 1 END)" for which in kinds.values())
    row = await conn.row(
        f"SELECT {counts} FROM {_BY_ACTIVITY} AND s.archived IN (FALSE, TRUE)"
        f" AND s.active_slot <= :due_before / {SLOT} AND s.active_at < :due_before AND {governed.which}"
        f" AND ({_DELETE_DUE} OR {_ARCHIVE_DUE})",
        {**governed.params, "due_before": max(governed.params["archive_before"], governed.params["delete_before"])},
    )
    return PolicyOutcome(policy, **dict(zip(kinds, row or (), strict=True)))


async def apply_some(
    conn: Connection, scope: Scope, policy: RetentionPolicy, action: Action, now: int, after: Mark, batch: int
) -> tuple[int, Mark | None]:
    """Archives, or deletes, the next few sessions whose time is up; how many, and where to go on."""
    await holds.keep_steady(conn)
    if await _find(conn, {"owner": policy.owner, "folder": policy.folder or ""}) != policy:
        return 0, None  # it was changed meanwhile: what it said doesn't hold any more
    governed = await _governed(conn, policy, now)
    rows = await conn.rows(
        f"SELECT s.archived, s.active_at, s.id FROM {_BY_ACTIVITY}"
        f" AND (s.archived, s.active_slot) >= (:after_archived, :after_at / {SLOT})"
        " AND (s.archived, s.active_at, s.id) > (:after_archived, :after_at, :after_id)"
        f" AND {_DUE[action]} AND {governed.which} AND {governed.unspared} AND {holds.NOT_HELD}"
        " ORDER BY s.archived, s.active_slot, s.active_at, s.id LIMIT :batch FOR UPDATE",
        {
            **governed.params,
            "after_archived": after.archived,
            "after_at": after.active_at,
            "after_id": after.id,
            "batch": batch,
        },
    )
    if not rows:
        return 0, None
    ids = [row[2] for row in rows]
    await _DO[action](conn, scope.of(policy.owner), ids)
    archived, active_at, id = rows[-1]
    return len(ids), Mark(bool(archived), active_at, id) if len(rows) == batch else None


async def _archive(conn: Connection, scope: Scope, ids: list[str]) -> None:
    params = {"owner": scope.owner, "ids": ids, "now": scope.clock()}
    for told in await retention.tell(conn, scope, "'archived'", "id IN (EACH(:ids))", params):
        await retention.archive(conn, told)


async def _delete(conn: Connection, scope: Scope, ids: list[str]) -> None:
    await answered.stop(conn, scope, ids)
    now = scope.clock()
    bin = await trash.open_bin(conn, scope.owner or "", "retention", now)
    params = {**bin.params, "ids": ids, "now": now}
    theirs = "owner = :owner AND session_id IN (EACH(:ids))"
    messages = await conn.run(
        f"INSERT INTO trashed_messages (owner, trash_id, session_id, {MESSAGE_COLUMNS})"
        f" SELECT owner, :trash_id, session_id, {MESSAGE_COLUMNS} FROM messages WHERE {theirs}",
        params,
    )
    await conn.run(f"DELETE FROM messages WHERE {theirs}", params)
    told = await retention.tell(conn, scope, "'deleted'", "id IN (EACH(:ids))", params)
    sessions = sum([await retention.move_to_trash(conn, some) for some in told])
    await trash.close_bin(conn, bin, sessions=sessions, messages=messages)


_DO = {"archive": _archive, "delete": _delete}


@one_statement
async def purgeable(conn: Connection, scope: Scope, before: int) -> tuple[int, int]:
    """How many entries of the trash would be purged, and how many a hold keeps from it."""
    mine = "" if scope.owner is None else "owner = :owner AND "
    row = await conn.row(
        f"SELECT count(CASE WHEN {holds.OWNER_NOT_HELD} THEN 1 END), count(*) FROM trash"
        f" WHERE {mine}created_at <= :before AND kind <> 'version' AND parent_id IS NULL",
        {"owner": scope.owner, "before": before},
    )
    free, due = row or (0, 0)
    return int(free), int(due - free)
