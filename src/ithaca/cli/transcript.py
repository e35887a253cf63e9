"""A conversation as a person reads it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from ithaca.attached import AttachmentReference
from ithaca.cli.here import Here
from ithaca.cli.tables import star, when
from ithaca.cli.text import as_json, counted, in_a_line, in_lines, on_one_line, shortened

if TYPE_CHECKING:
    from ithaca import ChatMessage, Document, DocumentVersion, SearchHit, Session

ROLE_STYLES = {"user": "bold green", "assistant": "bold cyan", "tool": "bold yellow"}
OTHER_ROLE_STYLE = "bold magenta"

#: Characters of a tool call's arguments that are shown.
CALL_LENGTH = 300

#: Columns that messages stand to the right of their heading's number.
INDENT = 5


def show_transcript(here: Here, session: "Session", messages: "Iterable[ChatMessage]") -> None:
    """The session, then its messages one by one as they come."""
    show_heading(here, session)
    for message in messages:
        here.console.print()
        show_message(here, message)


def show_messages(here: Here, messages: "Iterable[ChatMessage]") -> None:
    """Messages one by one as they come."""
    for number, message in enumerate(messages):
        if number:
            here.console.print()
        show_message(here, message)


def show_heading(here: Here, session: "Session") -> None:
    facts = [
        session.model,
        session.mode,
        session.folder and f"in {session.folder}",
        session.owner and f"of {session.owner}",
        "archived" if session.archived else None,
        counted(session.message_count, "message"),
        f"last active {when(session.last_message_at or session.created_at)}",
    ]
    name = f"{star(session)} {session.name}".strip()
    _line(here, Text(in_a_line(name), "bold"))
    _line(here, Text(in_a_line(" · ".join(fact for fact in facts if fact)), "dim"))
    _line(here, Text(in_a_line(session.id), "dim"))


def show_message(here: Here, message: "ChatMessage") -> None:
    _line(here, _heading(message))
    for part in _parts(message.content):
        _body(here, Text(in_lines(part)))
    for call in message.tool_calls or []:
        _body(here, Text(shortened(on_one_line(f"→ {_call(call)}"), CALL_LENGTH), "yellow"))


def _heading(message: "ChatMessage") -> Text:
    notes = [message.name, when(message.created_at), *_remarks(message)]
    return Text.assemble(
        (f"{message.seq:>3}  ", "dim"),
        (in_a_line(message.role), ROLE_STYLES.get(message.role, OTHER_ROLE_STYLE)),
        ("  " + in_a_line(" · ".join(note for note in notes if note)), "dim"),
    )


def show_hits(here: Here, hits: "list[SearchHit]") -> None:
    """What a search found, each with the part where it was found."""
    for number, hit in enumerate(hits):
        if number:
            here.console.print()
        _line(here, Text.assemble((in_a_line(hit.session_name), "bold"), (f"  {in_a_line(hit.session_id)}", "dim")))
        for message in hit.before:
            _neighbour(here, message)
        _line(here, _heading(hit.message))
        _body(here, _marked(hit))
        for message in hit.after:
            _neighbour(here, message)
    if not hits:
        here.say("Nothing was found.")


def _marked(hit: "SearchHit") -> Text:
    text, shown = Text(), 0
    for start, end in hit.highlights:
        text.append(_in_a_row(hit.snippet[shown:start]))
        text.append(_in_a_row(hit.snippet[start:end]), "bold yellow")
        shown = end
    return text.append(_in_a_row(hit.snippet[shown:]))


def _neighbour(here: Here, message: "ChatMessage") -> None:
    _line(here, _heading(message))
    _body(here, Text(shortened(on_one_line(" ".join(_parts(message.content))), CALL_LENGTH), "dim"))


def _in_a_row(text: str) -> str:
    return in_a_line(re.sub(r"\s+", " ", text))


def show_document(here: Here, document: "Document", old: "DocumentVersion | None") -> None:
    """The document; or, under its name, what an older version said."""
    shown = old or document
    facts = [
        shown.language,
        f"version {shown.version}" + (f" of {document.version}" if old else ""),
        document.owner and f"of {document.owner}",
        document.session_id and f"in session {document.session_id}",
        "archived" if document.archived else None,
        f"made {when(old.created_at)}" if old else f"changed {when(document.updated_at)}",
    ]
    _line(here, Text(in_a_line(shown.title), "bold"))
    _line(here, Text(in_a_line(" · ".join(fact for fact in facts if fact)), "dim"))
    _line(here, Text(in_a_line(document.id), "dim"))
    here.console.print()
    _body(here, Text(in_lines(shown.content or "")), indent=0)


def _remarks(message: "ChatMessage") -> list[str]:
    remarks = {
        "edited": message.edited_at is not None,
        "hidden": message.metadata.get("hidden") is True,
        "slash command": message.metadata.get("source") == "slash",
    }
    return [remark for remark, applies in remarks.items() if applies]


def _parts(content: Any) -> Iterable[str]:
    if content is None:
        return []
    return [content] if isinstance(content, str) else map(_block, content)


def _block(block: Any) -> str:
    """A content block in words: its text, or what kind of thing it is and how large."""
    if not isinstance(block, Mapping):
        return block if isinstance(block, str) else as_json(block)
    text = block.get("text")
    if isinstance(text, str):
        return text
    kind = str(block.get("type", "block"))
    if references := list(_references(block)):
        described = (f"{it.media_type}, {counted(it.size, 'byte')}, {it}" for it in references)
        return f"[{kind}: {'; '.join(described)}]"
    return shortened(f"[{kind}: {_described(block.get(kind, ''))}]", CALL_LENGTH)


def _references(value: Any) -> Iterator[AttachmentReference]:
    """What of a block lies elsewhere."""
    if isinstance(value, AttachmentReference):
        yield value
    elif isinstance(value, (Mapping, list)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _references(item)


def _described(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("url") or value.get("filename") or as_json(value)
    text = value if isinstance(value, str) else as_json(value)
    return text if len(text) <= CALL_LENGTH // 2 and not text.startswith("data:") else f"{len(text):,} characters"


def _call(call: Any) -> str:
    """A tool call, in whichever of the providers' shapes it is."""
    if not isinstance(call, Mapping):
        return as_json(call)
    function = call.get("function")
    named = function if isinstance(function, Mapping) else call
    if "name" not in named:
        return as_json(call)
    given = named.get("arguments", named.get("input", ""))
    return f"{named['name']}({given if isinstance(given, str) else as_json(given)})"


def _line(here: Here, text: Text) -> None:
    here.console.print(text, soft_wrap=True)


def _body(here: Here, text: Text, indent: int = INDENT) -> None:
    """An indented text: wrapped for a person, in its own lines for a program."""
    if here.watched:
        here.console.print(Padding(text, (0, 0, 0, indent)))
        return
    for line in text.plain.split("\n"):
        here.console.file.write(f"{' ' * indent}{line}\n" if line else "\n")
