"""Usage: what each reply used, recorded with its session's totals, and summed up from an index alone."""

from typing import Any

from ithaca.columns import Row
from ithaca.connection import Connection, one_statement, repeatable
from ithaca.errors import RevisionConflict, UsageConflict
from ithaca.operations import changes
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import Head, lock
from ithaca.usage import Usage, UsageRecord, day_of, from_millionths

_RECORD = "id, owner, session_id, message_id, model, input_tokens, output_tokens, cost, created_at"

#: What has to be the same in a record that is recorded again.
_SAID = ("session_id", "message_id", "model", "input_tokens", "output_tokens", "cost")

_INSERT = f"""
    INSERT INTO usage (owner, session_id, id, day, model, message_id, input_tokens, output_tokens, cost, created_at)
    VALUES (:owner, :session_id, :id, :day, :model, :message_id, :input_tokens, :output_tokens, :cost, :created_at)
    ON CONFLICT (owner, id) DO NOTHING
    RETURNING {_RECORD}
"""

_RAISE_TOTALS = """
    UPDATE sessions SET total_input_tokens = total_input_tokens + :input_tokens,
        total_output_tokens = total_output_tokens + :output_tokens,
        revision = revision + 1, updated_at = :now, last_accessed = :now
    WHERE owner = :owner AND id = :session_id
"""


@repeatable
async def record(
    conn: Connection, scope: Scope, session_id: str, columns: dict[str, Any], expected: int | None
) -> UsageRecord:
    """Records what a reply used, and raises its session's totals in the same transaction; once for each id."""
    head = await lock(conn, scope, session_id, None)
    entry = {**columns, "owner": head.owner, "session_id": session_id, "now": scope.clock()}
    row = await conn.row(_INSERT, entry)
    if row is None:
        return await _recorded_before(conn, entry)
    _refuse_unseen(head, expected)
    await conn.run(_RAISE_TOTALS, entry)
    await changes.record(conn, head.owner, session_id, "updated", head.revision + 1, entry["now"])
    scope.leaves(session_id, head.revision + 1)
    return UsageRecord.from_row(row)


def _refuse_unseen(head: Head, expected: int | None) -> None:
    if expected is not None and head.revision != expected:
        raise RevisionConflict(head.id, head.revision, expected)


async def _recorded_before(conn: Connection, entry: dict[str, Any]) -> UsageRecord:
    said = f"{', '.join(_SAID)}, {_RECORD}"
    row = await conn.row(f"SELECT {said} FROM usage WHERE owner = :owner AND id = :id", entry)
    if row is None or list(row[: len(_SAID)]) != [entry[name] for name in _SAID]:
        raise UsageConflict(entry["id"])
    return UsageRecord.from_row(row[len(_SAID) :])


@one_statement
async def summed(conn: Connection, scope: Scope, wanted: dict[str, Any], by: tuple[str, ...]) -> list[Usage]:
    """Sums by the keys, in their order. `wanted`: owner, session_id, model, since and until, as day numbers."""
    sql, params = summing(scope, wanted, by)
    rows = await conn.rows(sql, params)
    # Sorted here: databases order text by rules of their own.
    rows.sort(key=lambda row: [(value is not None, value) for value in row[4:]])
    return [_usage(row, by) for row in rows]


def summing(scope: Scope, wanted: dict[str, Any], by: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """The statement that sums up, and its parameters."""
    asked = {
        "owner = :owner": ("owner", scope.owner),
        "owner = :of_owner": ("of_owner", wanted["owner"]),
        "session_id = :session_id": ("session_id", wanted["session_id"]),
        "model = :model": ("model", wanted["model"]),
        "day >= :since": ("since", wanted["since"]),
        "day <= :until": ("until", wanted["until"]),
    }
    given = {condition: pair for condition, pair in asked.items() if pair[1] is not None}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    groups = f" GROUP BY {', '.join(by)}" if by else ""
    columns = "".join(f", {key}" for key in by)
    return f"SELECT {_SUMS}{columns} FROM usage{where}{groups}", dict(given.values())


_SUMS = ", ".join(f"CAST(coalesce(sum({name}), 0) AS BIGINT)" for name in ("input_tokens", "output_tokens", "cost"))
_SUMS += ", count(*)"


def _usage(row: Row, by: tuple[str, ...]) -> Usage:
    input_tokens, output_tokens, cost, count, *values = row
    keys: dict[str, Any] = dict(zip(by, values, strict=True))
    if "day" in keys:
        keys["day"] = day_of(keys["day"])
    return Usage(input_tokens, output_tokens, from_millionths(cost), count, **keys)
