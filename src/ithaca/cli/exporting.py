"""A conversation as Markdown."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ithaca.cli.text import as_json, in_a_line, in_lines

if TYPE_CHECKING:
    from ithaca import ChatMessage, Session

NAMES = {"user": "You", "assistant": "Assistant", "system": "System", "tool": "Tool"}


def markdown(session: "Session", messages: "Iterable[ChatMessage]") -> Iterator[str]:
    """The heading, then each message, as they come."""
    yield f"# {in_a_line(session.name)}\n"
    for message in messages:
        yield f"\n## {NAMES.get(message.role, in_a_line(message.role))}\n"
        for part in _parts(message.content):
            yield f"\n{in_lines(part)}\n"
        for call in message.tool_calls or ():
            yield f"\n```json\n{as_json(call)}\n```\n"


def _parts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for block in content if isinstance(content, list) else ():
        text = block.get("text") if isinstance(block, dict) else None
        kind = block.get("type") if isinstance(block, dict) else "something"
        yield text if isinstance(text, str) else f"*({kind})*"
