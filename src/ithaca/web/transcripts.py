"""A conversation as a file to keep or to give away: Markdown, plain text, or a page that needs nothing else."""

import json
import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any, Literal, TypeAlias

from ithaca.columns import iso
from ithaca.models import ChatMessage, Session
from ithaca.web.markdown import Markdown

Format: TypeAlias = Literal["markdown", "text", "html"]

#: Format → its media type, and how the file's name ends.
KINDS: dict[str, tuple[str, str]] = {
    "markdown": ("text/markdown; charset=utf-8", "md"),
    "text": ("text/plain; charset=utf-8", "txt"),
    "html": ("text/html; charset=utf-8", "html"),
}

_SPEAKERS = {"user": "You", "assistant": "Assistant", "system": "Instructions", "developer": "Instructions"}

_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|avif);base64,[A-Za-z0-9+/=]+")


class Transcript:
    """Writes a conversation in one of the formats, message by message."""

    def __init__(self, format: Format, markdown: Markdown) -> None:
        self._format: Format = format
        self._markdown = markdown

    def begin(self, session: Session) -> str:
        """What stands before the first message."""
        facts = " · ".join(filter(None, (session.model, session.folder, iso(session.created_at)[:10])))
        if self._format == "html":
            style = (files("ithaca.web") / "static" / "frames" / "transcript.css").read_text(encoding="utf-8")
            name = escape(session.name)
            return (
                f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{name}</title>\n'
                f"<style>{style}</style>\n"
                f'<header><h1 dir="auto">{name}</h1><p>{escape(facts)}</p></header>\n'
            )
        mark = "# " if self._format == "markdown" else ""
        return f"{mark}{session.name}\n\n{facts}\n"

    def message(self, message: ChatMessage) -> str:
        """One message."""
        who = _SPEAKERS.get(message.role, message.name or message.role)
        when = "" if message.created_at is None else iso(message.created_at)[:16].replace("T", " ")
        if self._format == "html":
            said = "".join(self._html(part, message.role) for part in _parts(message))
            heading = f"<h2>{escape(who)} <time>{when}</time></h2>"
            return f'<article class="{"mine" if message.role == "user" else "other"}">{heading}{said}</article>\n'
        heading = f"## {who} ({when})" if self._format == "markdown" else f"{who} ({when}):"
        said = "\n\n".join(self._plain(part) for part in _parts(message))
        return f"\n{heading}\n\n{said}\n"

    def end(self) -> str:
        """What stands after the last message."""
        return "</html>\n" if self._format == "html" else ""

    def _html(self, part: Any, role: str) -> str:
        text = _text(part)
        if text is not None and role != "tool":
            return self._markdown.html(text, lines=role == "user")
        if picture := _picture(part):
            return f'<p><img src="{picture}" alt="Image"></p>'
        return f"<pre>{escape(text if text is not None else _described(part))}</pre>"

    def _plain(self, part: Any) -> str:
        text = _text(part)
        if text is not None:
            return text
        described = _described(part)
        return f"```\n{described}\n```" if self._format == "markdown" else described


def _parts(message: ChatMessage) -> Iterator[Any]:
    content = message.content
    if isinstance(content, list):
        yield from content
    elif content is not None:
        yield content
    yield from message.tool_calls or ()


def _text(part: Any) -> str | None:
    text = part.get("text", part.get("thinking")) if isinstance(part, dict) else part
    return text if isinstance(text, str) else None


def _picture(part: Any) -> str | None:
    given = part.get("image_url") if isinstance(part, dict) else None
    url = given.get("url") if isinstance(given, dict) else given
    return url if isinstance(url, str) and _PICTURE.fullmatch(url) else None


def _described(part: Any) -> str:
    """A tool call, or a block that has no text: as JSON, with its bytes left out."""
    written = json.dumps(part, ensure_ascii=False, indent=2, default=lambda _: "…")
    return re.sub(r'"((?:data:[\w/+.-]+;base64,)?)[A-Za-z0-9+/=]{400,}"', r'"\1…"', written)
