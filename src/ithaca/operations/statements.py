"""Statements and lists of columns that several modules share."""

from ithaca.content import Draft

#: The columns of a message in the order in which `ChatMessage` reads a row.
MESSAGE_COLUMNS = ", ".join(("seq", *Draft._fields))

#: All columns of a message, as `Connection.add_messages` takes them.
ALL_OF_MESSAGE = f"owner, session_id, {MESSAGE_COLUMNS}"

#: All columns of a session but its owner.
SESSION_COLUMNS = (
    "id, name, name_key, endpoint_url, model, rag, archived, is_important, folder, mode, headers, extra, next_seq,"
    " message_count, total_input_tokens, total_output_tokens, revision, created_at, updated_at, last_accessed,"
    " last_message_at, active_at, active_slot, size_class, forked_from, forked_at, indexed_seq"
)

#: Microseconds in a slot of `sessions.active_slot`. Sessions are listed by slots and, within one, by `active_at`: so
#: an append leaves the indexes of its session alone, and a list sorts no more than what was active in ten seconds.
SLOT = 10_000_000


def slot_of(active_at: int) -> int:
    """The slot of a time, as the databases divide: toward zero."""
    return active_at // SLOT if active_at >= 0 else -(-active_at // SLOT)


def size_class(count: int) -> int:
    """Of a number of messages: 0 up to 7, 1 up to 15, 2 up to 31 … Sessions are listed by it as by slots."""
    return (count // 8).bit_length()


_OWNED = "owner = :owner"

#: The owner of the only session of an id: nothing if there is none, or if several owners have one.
OWNER_OF_ANYBODY = "SELECT min(owner) FROM sessions WHERE id = :session_id HAVING count(*) = 1"

_LATEST = "CASE WHEN last_message_at > :at THEN last_message_at ELSE :at END"

_TAKEN = f"""
        next_seq = next_seq + :count, message_count = message_count + :count, revision = revision + 1,
        updated_at = :now, last_accessed = :now, last_message_at = {_LATEST}, active_at = {_LATEST}"""

_TAKE = f"""
    UPDATE sessions SET {{taken}}
    WHERE id = :session_id AND {_OWNED}
      AND (CAST(:expected AS BIGINT) IS NULL OR revision = :expected) AND in_turn(owner, :session_id)
    RETURNING next_seq - :count, revision, owner{{tell}}
"""


def of_anybody(take: str) -> str:
    """The same for trusted code, which names no owner."""
    return take.replace(_OWNED, f"owner = ({OWNER_OF_ANYBODY})")


_PLACED = f"to_index AND active_slot = active_at / {SLOT}"
_SIZED = "(2 * (message_count / 8) + 1) >> size_class = 1"

#: The lock, the numbers, and the proof that the session exists, in one statement. SQLite writes the entry of an index
#: anew even if nothing in it changes; so there the statement tells whether the entries are right, and if not, `PLACE`
#: and `RESIZE` see to it.
TAKE_NUMBERS = _TAKE.format(taken=_TAKEN, tell=f", {_PLACED}, {_SIZED}, message_count")

PLACE = f"""
    UPDATE sessions SET active_slot = active_at / {SLOT}, to_index = TRUE WHERE owner = :owner AND id = :session_id
"""

RESIZE = "UPDATE sessions SET size_class = :size_class WHERE owner = :owner AND id = :session_id"

#: What taking numbers sets where PostgreSQL compares what an index has with what it had.
TAKEN_AND_PLACED = (
    f"{_TAKEN}, active_slot = ({_LATEST}) / {SLOT}, to_index = TRUE,"
    " size_class = length(ltrim(CAST(CAST((message_count + :count) / 8 AS BIT(64)) AS TEXT), '0'))"
)

TAKE_NUMBERS_AND_PLACE = _TAKE.format(taken=TAKEN_AND_PLACED, tell="")

RECORD_CHANGE = """
    INSERT INTO changes (owner, session_id, kind, revision, created_at)
    VALUES (:owner, :session_id, :kind, :revision, :now)
"""

#: News that are kept at least; a watcher that was away for longer is told that it missed something.
CHANGES_KEPT = 100_000

PRUNE_CHANGES = "DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - :kept"

HOLDS_ANY = """
    SELECT 1 FROM messages INDEXED BY messages_by_id
    WHERE owner = :owner AND session_id = :session_id AND id IN (EACH(:ids)) LIMIT 1
"""
