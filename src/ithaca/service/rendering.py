"""Messages with what they say as HTML, for the page and for whoever else shows them in a browser."""

import asyncio
from collections.abc import Sequence
from typing import Any

from ithaca import ChatMessage
from ithaca.service.wire.shapes import message_json
from ithaca.web.markdown import Markdown

#: Where a block's text stands, by its type.
_TEXTS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "refusal": "refusal",
    "thinking": "thinking",
    "reasoning": "text",
}


async def with_html(markdown: Markdown, messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """The messages as JSON, with `html`; what was never rendered is, on a thread: others are not kept waiting."""
    texts = [_texts(message) for message in messages]
    if all(
        text is None or markdown.knows(text, lines=_lines(m))
        for m, own in zip(messages, texts, strict=True)
        for text in own
    ):
        return _shown(markdown, messages, texts)
    return await asyncio.to_thread(_shown, markdown, messages, texts)


def _shown(markdown: Markdown, messages: Sequence[ChatMessage], texts: list[list[str | None]]) -> list[dict[str, Any]]:
    return [
        message_json(message)
        | {"html": [None if text is None else markdown.html(text, lines=_lines(message)) for text in own]}
        for message, own in zip(messages, texts, strict=True)
    ]


def _lines(message: ChatMessage) -> bool:
    """Whether each line is meant as one: a person ends a line where it shall end."""
    return message.role == "user"


def _texts(message: ChatMessage) -> list[str | None]:
    """The text of each part of the content; None where it has none, or is a tool's, which is no Markdown."""
    content = message.content
    parts = [] if content is None else [content] if isinstance(content, str) else content
    return [None if message.role == "tool" else _text(part) for part in parts]


def _text(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return None
    text = part.get(_TEXTS.get(str(part.get("type")), ""))
    return text if isinstance(text, str) else _summary(part)


def _summary(part: dict[str, Any]) -> str | None:
    """What OpenAI tells of a model's thoughts."""
    summary = part.get("summary") if part.get("type") == "reasoning" else None
    said = [each.get("text") for each in summary or [] if isinstance(each, dict)] if isinstance(summary, list) else []
    return "\n\n".join(text for text in said if isinstance(text, str)) or None
