"""What a reply says, put together of its pieces, and the message that is made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ithaca.columns import from_json, from_text, to_json
from ithaca.config import Limits
from ithaca.connection import Connection
from ithaca.content import MOST, draft
from ithaca.models import ChatMessage
from ithaca.operations import messages, versions
from ithaca.operations.scope import Scope
from ithaca.reply import Reply, ReplyState


@dataclass(slots=True)
class Said:
    """What a reply says, put together."""

    state: ReplyState
    model: str
    size: int = 0
    text: str = ""
    reasoning: str = ""
    calls: list[Any] = field(default_factory=list)
    invalid_calls: Sequence[dict[str, Any]] = ()
    error: dict[str, Any] | None = None

    def __bool__(self) -> bool:
        """Whether a message comes of it: where it ended early before it said anything, none does."""
        return bool(self.size or self.invalid_calls or self.state == "complete")

    def tokens(self, scope: Scope) -> int:
        calls = to_json(self.calls) if self.calls else ""
        return sum(map(scope.count_tokens, filter(None, (self.text, self.reasoning, calls))))

    def metadata(self) -> dict[str, Any]:
        """What the message tells of its making; its state only where it isn't complete."""
        told = {
            "model": self.model,
            "reasoning": self.reasoning,
            "invalid_tool_calls": list(self.invalid_calls),
            "state": "" if self.state == "complete" else self.state,
            "error": self.error,
        }
        return {name: value for name, value in told.items() if value}


async def put_together(
    conn: Connection,
    reply: Reply,
    state: ReplyState,
    invalid_calls: Sequence[dict[str, Any]],
    error: dict[str, Any] | None,
) -> Said:
    """What a reply has said, which ends in a state."""
    rows = await conn.rows(
        "SELECT kind, text, stop FROM reply_pieces WHERE owner = :owner AND reply_id = :id ORDER BY stop",
        {"owner": reply.owner, "id": reply.id},
    )
    said = Said(state, reply.model, invalid_calls=invalid_calls, error=error)
    said.size = rows[-1][2] if rows else 0
    said.text = "".join(from_text(text) for kind, text, _ in rows if kind == "text")
    said.reasoning = "".join(from_text(text) for kind, text, _ in rows if kind == "reasoning")
    said.calls = [from_json(from_text(text)) for kind, text, _ in rows if kind == "tool_call"]
    return said


async def keep(conn: Connection, scope: Scope, reply: Reply, said: Said) -> str:
    """Makes the message of it; the id of that."""
    target = None
    if reply.target_id is not None:
        found = await messages.by_id(conn, reply.owner, reply.session_id, [reply.target_id])
        target = found.get(reply.target_id)
    if target is not None and reply.kind == "continue":
        return await _go_on(conn, scope, reply, target, said)
    content = said.text if said.text or not said.calls else None
    message = ChatMessage("assistant", content, said.metadata(), tool_calls=said.calls or None, id=reply.id)
    new = draft(message, _unlimited(scope), scope.count_tokens, scope.clock())
    if target is not None:
        await versions.add_version(conn, scope, reply.session_id, str(target.id), new, None)
    else:
        await messages.append(conn, scope, reply.session_id, [new], [reply.id], None)
    return reply.id


async def _go_on(conn: Connection, scope: Scope, reply: Reply, target: ChatMessage, said: Said) -> str:
    """Adds it to the end of the message that it continues."""
    content: Any = target.content
    if isinstance(content, list):
        content = [*content, {"type": "text", "text": said.text}] if said.text else content
    else:
        content = (content or "") + said.text
    old = {name: value for name, value in target.metadata.items() if name not in ("state", "error")}
    told = said.metadata()
    before = old.get("reasoning")
    if isinstance(before, str):  # whoever wrote the message may have put anything there
        told["reasoning"] = before + said.reasoning
    calls = [*(target.tool_calls or ()), *said.calls] or None
    message = ChatMessage("assistant", content, {**old, **told}, tool_calls=calls)
    columns = draft(message, _unlimited(scope), scope.count_tokens, scope.clock())
    changes = {name: getattr(columns, name) for name in _EDITED}
    await messages.edit(conn, scope, reply.session_id, str(target.id), changes, None)
    return str(target.id)


_EDITED = ("text", "blocks", "tool_calls", "tokens", "attachments", "metadata")


def _unlimited(scope: Scope) -> Limits:
    """What a model has said is kept, however long it is."""
    return replace(scope.limits, max_message_bytes=MOST, max_metadata_bytes=MOST, max_name_length=MOST)
