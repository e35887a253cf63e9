"""How the messages that a client sends with each request stand to what is stored of its session.

A client sends all that was said, again and again. What it says anew comes after the last message that is stored. It may
also ask for another answer to what it said last, have lost the beginning, or have changed it: nothing that is stored is
removed for that.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ithaca.connection import Connection, repeatable
from ithaca.context.window import set_aside
from ithaca.errors import SessionNotFound
from ithaca.models import ChatMessage, Session
from ithaca.operations import attachments, replies, sessions
from ithaca.operations.backward import backward
from ithaca.operations.replies import NewReply
from ithaca.operations.scope import Scope
from ithaca.reply import Reply

#: Messages at the end of what is stored that are compared.
COMPARED = 2


class Aligned(NamedTuple):
    """What is to be stored, or the answer that is to be made anew."""

    new: Sequence[ChatMessage] = ()
    again: str | None = None


async def look(
    conn: Connection, scope: Scope, session_id: str, given: Sequence[ChatMessage]
) -> tuple[Session | None, Aligned]:
    """The session, if it is there, and what a client's messages say that is not stored in it.

    Raises `ReplyRunning`; `begin` does too, but by then the endpoint is being asked.
    """
    try:
        session = await sessions.get_bare(conn, scope, session_id)
    except SessionNotFound:
        return None, Aligned(given)
    await replies.refuse_running(conn, session.owner, session_id)
    return session, await align(conn, scope.of(session.owner), session_id, given)


@repeatable
async def begin(
    conn: Connection, scope: Scope, session_id: str, session: dict[str, Any] | None, new: NewReply
) -> Reply:
    """Begins a reply, in a session that is made of these columns if there are any and it isn't there."""
    if session is not None:
        await sessions.ensure(conn, scope, session)
    return await replies.begin(conn, scope, session_id, new, None)


async def align(conn: Connection, scope: Scope, session_id: str, given: Sequence[ChatMessage]) -> Aligned:
    """What a client's messages say that is not stored yet. Without bound only in what a client has made up."""
    owner = await scope.owner_of_session(conn, session_id)
    rows: list[Any] = []
    async for row in backward(conn, owner, session_id):
        if not set_aside(ChatMessage.from_row(row)):
            rows.insert(0, row)
        if len(rows) == COMPARED:
            break
    return aligned(await attachments.messages(conn, owner, rows, inline=True), given)


def aligned(stored: Sequence[ChatMessage], given: Sequence[ChatMessage]) -> Aligned:
    """As `align`, of the last messages that are stored."""
    if not stored:
        return Aligned(given)
    ends = [count for count in range(len(given), 0, -1) if _ends(stored, given[:count])]
    if ends:
        return Aligned(given[ends[0] :])
    if stored[-1].role == "assistant" and stored[:-1] and _ends(stored[:-1], given):
        return Aligned(again=stored[-1].id)
    answered = [count for count, message in enumerate(given, 1) if message.role == "assistant"]
    return Aligned(given[answered[-1] if answered else 0 :])


def _ends(stored: Sequence[ChatMessage], given: Sequence[ChatMessage]) -> bool:
    """Whether these are the last messages of a conversation, as far as both are known."""
    return all(_same(ours, theirs) for ours, theirs in zip(reversed(stored), reversed(given), strict=False))


def _same(ours: ChatMessage, theirs: ChatMessage) -> bool:
    return all(
        (
            ours.role == theirs.role,
            _said(ours.content) == _said(theirs.content),
            [_call(call) for call in ours.tool_calls or ()] == [_call(call) for call in theirs.tool_calls or ()],
            ours.tool_call_id == theirs.tool_call_id,
        )
    )


def _said(content: Any) -> Any:
    """A text is the same alone, in a list, and where clients trim it."""
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        content = "".join(str(part.get("text", "")) for part in content)
    return (content or "").strip() if isinstance(content, str) or content is None else content


def _call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    return (call.get("id"), function) if function else call
