"""Which messages a context holds, worked out the other way round: from the oldest message on, with all at hand."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ithaca import ChatMessage
from ithaca.tokens import TOKENS_PER_MESSAGE, count_message, estimate_tokens

LEAD = estimate_tokens("(continue)") + TOKENS_PER_MESSAGE


@dataclass
class Unit:
    """What goes together: parts of messages by number, and their tokens."""

    seq: int
    role: str
    parts: list[tuple[int, int]] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        return sum(tokens for _, tokens in self.parts)


@dataclass
class Expected:
    numbers: list[int]
    used: int
    left_out: dict[str, int]


def expect(
    stored: Sequence[ChatMessage], room: int, *, user_begins: bool, summary: tuple[int, int] | None = None
) -> Expected | None:
    """What the context of these messages is; None if not even what must be sent fits.

    A summary is told by the number of its last message and by its tokens.
    """
    through, user_begins = (summary[0], False) if summary else (0, user_begins)
    left_out: Counter[str] = Counter()
    always, spoken = [], []
    for message in stored:
        reason = "hidden" if message.metadata.get("hidden") else None
        reason = reason or ("slash" if message.metadata.get("source") == "slash" else None)
        system = message.role in ("system", "developer")
        if not reason and system and not sayable(message.content):
            reason = "empty"
        if not reason and not system and message.role not in ("user", "assistant", "tool"):
            reason = "unknown role"
        if reason and (system or not reason):
            left_out[reason] += 1
        elif system:
            always.append(message)
        elif (message.seq or 0) > through:
            spoken.append((message, reason))
    used = sum((message.tokens or 0) + TOKENS_PER_MESSAGE for message in always)
    used += summary[1] + TOKENS_PER_MESSAGE if summary else 0
    units = units_of([message for message, reason in spoken if not reason])
    kept, total, full = [], used, False
    for unit in reversed(units):
        if total + unit.tokens > room:
            full = True
            break
        kept.insert(0, unit)
        total += unit.tokens
    while True:
        if full and any(unit.role == "user" for unit in kept):
            while kept[0].role != "user":
                total -= kept.pop(0).tokens
        lead = LEAD if user_begins and kept and kept[0].role != "user" else 0
        if total + lead <= room:
            break
        if not kept:
            return None
        total, full = total - kept.pop(0).tokens, True
    if units and not kept:
        return None
    parts = [(message.seq or 0, 0, [message.seq or 0]) for message in always]
    parts += [(unit.seq, 1, [seq for seq, _ in unit.parts]) for unit in kept]
    numbers = [seq for _, _, seqs in sorted(parts) for seq in seqs]
    return Expected(numbers, total + lead, dict(left_out))


def units_of(messages: Sequence[ChatMessage]) -> list[Unit]:
    """The units, oldest first."""
    owner: dict[str, int] = {}  # call id → the message that made it last
    answered: dict[tuple[int, str], tuple[int, int | None]] = {}  # call → the first result: message, block
    for message in messages:
        for id in calls(message):
            owner[id] = message.seq or 0
        for id, block in results(message):
            if id in owner:
                answered.setdefault((owner[id], id), (message.seq or 0, block))
    by_seq = {message.seq or 0: message for message in messages}
    units = []
    for message in messages:
        seq = message.seq or 0
        mine = [id for id in calls(message) if (seq, id) in answered]
        content, kept = cut(message, mine)
        if not mine and not sayable(content):
            continue
        unit = Unit(seq, message.role, [(seq, weigh(message, content, kept))])
        found = [answered[seq, id] for id in mine]
        for at in sorted({at for at, _ in found}):
            brought = by_seq[at]
            which = sorted(block for where, block in found if where == at and block is not None)
            part = [brought.content[block] for block in which] if which else brought.content  # type: ignore[index]
            unit.parts.append((at, weigh(brought, part, brought.tool_calls)))
        units.append(unit)
    return units


def calls(message: ChatMessage) -> list[str]:
    if message.role != "assistant":
        return []
    used = [b["id"] for b in blocks(message) if b.get("type") == "tool_use"]
    return list(dict.fromkeys(used + [c["id"] for c in message.tool_calls or () if sound(c)]))


def sound(call: Any) -> bool:
    return isinstance(call, dict) and bool(call.get("id")) and ("function" in call or "custom" in call)


def results(message: ChatMessage) -> list[tuple[str, int | None]]:
    if message.role == "tool" and message.tool_call_id:
        return [(message.tool_call_id, None)]
    if message.role not in ("user", "tool") or not isinstance(message.content, list):
        return []
    found: dict[str, int] = {}
    for index, block in enumerate(message.content):
        if isinstance(block, dict) and block.get("type") == "tool_result":
            found.setdefault(block["tool_use_id"], index)
    return list(found.items())


def blocks(message: ChatMessage) -> list[dict[str, Any]]:
    content = message.content if isinstance(message.content, list) else []
    return [block for block in content if isinstance(block, dict)]


def cut(message: ChatMessage, answered: list[str]) -> tuple[Any, list[Any] | None]:
    """What of a message is sent where it stands: its words and its answered calls."""
    if message.role == "tool":
        return None, None
    left = list(answered)
    content: Any = message.content
    if isinstance(content, list):
        content = [block for block in message.content or () if stays(block, left)]
        content = without_thoughts(message.role, without_lone_server_tools(message.role, content), answered)
    kept = [call for call in message.tool_calls or () if sound(call) and take(call["id"], left)]
    return content, kept or None


def stays(block: Any, left: list[str]) -> bool:
    kind = block.get("type") if isinstance(block, dict) else None
    return take(block["id"], left) if kind == "tool_use" else kind != "tool_result"


def without_lone_server_tools(role: str, content: list[Any]) -> list[Any]:
    """Of the tools that the provider runs, results and the newest call of the same id before each."""
    paired: set[int] = set()
    for place, block in enumerate(content):
        kind = (block.get("type") or "") if isinstance(block, dict) else ""
        if kind.endswith("_tool_result") and role == "assistant":
            calls = [at for at in range(place) if is_server_call(content[at], block["tool_use_id"])]
            if calls and calls[-1] not in paired:
                paired |= {calls[-1], place}
    return [block for place, block in enumerate(content) if place in paired or not of_server_tool(block)]


def is_server_call(block: Any, id: str) -> bool:
    return isinstance(block, dict) and block.get("type") == "server_tool_use" and block["id"] == id


def of_server_tool(block: Any) -> bool:
    kind = (block.get("type") or "") if isinstance(block, dict) else ""
    return kind == "server_tool_use" or kind.endswith("_tool_result")


def without_thoughts(role: str, content: list[Any], answered: list[str]) -> list[Any]:
    """Thoughts are the assistant's, and something has to follow them."""
    if role != "assistant":
        return [block for block in content if not thinks(block)]
    if answered:
        return content
    last = max((place for place, block in enumerate(content) if speaks(block)), default=-1)
    return [block for place, block in enumerate(content) if place < last or not thinks(block)]


def thinks(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in ("thinking", "redacted_thinking")


def take(id: str, left: list[str]) -> bool:
    if id not in left:
        return False
    left.remove(id)
    return True


def weigh(message: ChatMessage, content: Any, calls: list[Any] | None) -> int:
    whole = content == message.content and (calls or None) == (message.tool_calls or None)
    tokens = message.tokens if whole else count_message(content, calls, estimate_tokens)
    return (tokens or 0) + TOKENS_PER_MESSAGE


def sayable(content: Any) -> bool:
    if not isinstance(content, list):
        return bool(content and content.strip())
    return any(speaks(block) for block in content)


def speaks(block: Any) -> bool:
    if isinstance(block, str):
        return bool(block.strip())
    if not isinstance(block, dict) or block.get("type") in (
        None, "thinking", "redacted_thinking", "tool_use", "tool_result",
    ):  # fmt: skip
        return False
    if block["type"] == "refusal":
        return bool(block["refusal"].strip())
    if block["type"] in ("text", "input_text", "output_text", "summary_text"):
        return bool(block.get("text", "").strip())
    return True
