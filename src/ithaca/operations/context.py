"""The context of a model: read from the newest message backward, only as far as it reaches."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ithaca.columns import Row
from ithaca.connection import Connection
from ithaca.context import Context, ContextInfo, Provider
from ithaca.context.calls import ALWAYS
from ithaca.context.window import LEAD, Unit, Window, is_always_sent
from ithaca.errors import ContextTooSmall, SessionNotFound
from ithaca.models import ChatMessage, Compaction
from ithaca.operations import attachments, compaction
from ithaca.operations.backward import LAST, backward
from ithaca.operations.scope import Scope
from ithaca.operations.statements import MESSAGE_COLUMNS
from ithaca.tokens import TOKENS_PER_MESSAGE

#: What stands before a summary. It is said in the user's name, since it is made of what anybody said: as a system
#: message, a web page that a tool once read would speak with the authority of the application.
SUMMARY_LEAD = "Summary of the conversation up to here, in place of its messages:\n\n"

# The roles as they stand in the condition of the partial index `messages_always_sent`.
_ALWAYS = f"""
    SELECT {MESSAGE_COLUMNS} FROM messages INDEXED BY messages_always_sent
    WHERE owner = :owner AND session_id = :session_id AND role IN ('system', 'developer') AND seq <= :upto ORDER BY seq
"""

_COUNTED = """
    SELECT message_count - (
        SELECT count(*) FROM messages m WHERE m.owner = s.owner AND m.session_id = s.id AND m.seq > :upto)
    FROM sessions s WHERE s.owner = :owner AND s.id = :session_id
"""


class Ask(NamedTuple):
    """How large the context may be, and for whom."""

    max_tokens: int
    reserve: int
    provider: Provider
    #: The number of the last message that is considered.
    upto: int = LAST

    @property
    def room(self) -> int:
        return self.max_tokens - self.reserve


class Selection(NamedTuple):
    """What is sent: the messages that always are, the newest summary, and the window."""

    owner: str
    rows: dict[int, Row]
    always: list[ChatMessage]
    summary: Compaction | None
    window: Window
    #: Tokens that must be there, whatever else is sent.
    needed: int
    used: int
    left_out: dict[str, int]


async def context(conn: Connection, scope: Scope, session_id: str, ask: Ask) -> Context:
    """What to send to a model. Raises `ContextTooSmall` if not even what must be sent fits."""
    selection = await _select(conn, scope, session_id, ask)
    if selection.needed > ask.room:
        raise ContextTooSmall(session_id, selection.needed, ask.room)
    messages = await _messages(conn, scope, selection)
    return Context(selection.used, ask.max_tokens, ask.reserve, selection.left_out, messages)


async def context_info(conn: Connection, scope: Scope, session_id: str, ask: Ask) -> ContextInfo:
    """How full the context is, and what is left out of it."""
    selection = await _select(conn, scope, session_id, ask)
    used = max(selection.used, selection.needed)
    return ContextInfo(used, ask.max_tokens, ask.reserve, selection.left_out)


async def _select(conn: Connection, scope: Scope, session_id: str, ask: Ask) -> Selection:
    owner = await scope.owner_of_session(conn, session_id)
    place = {"owner": owner, "session_id": session_id, "upto": ask.upto}
    counted = await conn.row(_COUNTED, place)
    if counted is None:
        raise SessionNotFound(session_id)
    summary = await compaction.newest(conn, owner, session_id, ask.upto)
    always_rows = await conn.rows(_ALWAYS, place)
    always, left_out = _kept(always_rows)
    fixed = sum((message.tokens or 0) + TOKENS_PER_MESSAGE for message in always)
    fixed += summary.tokens + TOKENS_PER_MESSAGE if summary else 0
    window = Window(ask.room - fixed, scope.count_tokens, user_begins=ask.provider == "anthropic" and not summary)
    rows = await _fill(conn, place, window, summary.through if summary else 0)
    unread = counted[0] - len(always_rows) - window.seen
    window.left_out["too old" if window.full or not summary else "compacted"] += unread
    window.left_out.update(left_out)
    reasons = {reason: count for reason, count in window.left_out.items() if count > 0}
    rows |= {row[0]: row for row in always_rows}
    return Selection(owner, rows, always, summary, window, fixed + window.needed, fixed + window.used, reasons)


def _kept(rows: Sequence[Row]) -> tuple[list[ChatMessage], dict[str, int]]:
    """Those of the system and developer messages that are sent, and why the others are not."""
    messages, left_out = [], dict[str, int]()
    for message in map(ChatMessage.from_row, rows):
        if reason := is_always_sent(message):
            left_out[reason] = left_out.get(reason, 0) + 1
        else:
            messages.append(message)
    return messages, left_out


async def _fill(conn: Connection, place: dict[str, Any], window: Window, after: int) -> dict[int, Row]:
    """Fills the window; returns the rows that it was filled from, by number."""
    rows: dict[int, Row] = {}
    async for row in backward(conn, after=after, **place):
        if row[2] in ALWAYS:
            continue
        rows[row[0]] = row
        window.take(row)
        if window.full:
            break
    window.close()
    return rows


async def _messages(conn: Connection, scope: Scope, selection: Selection) -> list[ChatMessage]:
    """The messages in the order in which they are sent, with their attachments."""
    window, summary = selection.window, selection.summary
    sent = {piece.seq for unit in window.units for piece in unit.pieces} | {m.seq or 0 for m in selection.always}
    rows = [selection.rows[seq] for seq in sent]
    whole = {m.seq or 0: m for m in await attachments.messages(conn, selection.owner, rows)}
    # By number; what is added stands before the message with its number, and the summary after the last it covers.
    ordered: list[tuple[int, int, list[ChatMessage]]] = [(m.seq or 0, 1, [whole[m.seq or 0]]) for m in selection.always]
    ordered += [(unit.seq, 1, _of(unit, whole, scope)) for unit in window.units]
    if summary is not None:
        ordered.append((summary.through, 2, [_said_by_user(SUMMARY_LEAD + summary.summary, summary.tokens)]))
    if window.lead is not None:
        ordered.append((window.lead, 0, [_said_by_user(LEAD, scope.count_tokens(LEAD))]))
    ordered.sort(key=lambda entry: entry[:2])
    return [message for _, _, messages in ordered for message in messages]


def _of(unit: Unit, whole: dict[int, ChatMessage], scope: Scope) -> list[ChatMessage]:
    return [piece.of(whole[piece.seq], scope.count_tokens) for piece in unit.pieces]


def _said_by_user(text: str, tokens: int) -> ChatMessage:
    return ChatMessage("user", text, {"source": "ithaca"}).altered(tokens=tokens)
