"""Tables for people: as wide as the terminal, or as wide as they need to be where nobody looks on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import OverflowMethod
from rich.table import Table
from rich.text import Text

from ithaca.cli.here import Here
from ithaca.cli.text import as_json, in_a_line, on_one_line, shortened

if TYPE_CHECKING:
    from ithaca import Attachment, Document, DocumentVersion, MessageVersion, Page, Problem, Session, TrashEntry
    from ithaca.models import Content

#: The width of a terminal from which on a table has room for what is merely good to know.
ROOMY = 120


@dataclass(frozen=True, slots=True)
class Column:
    heading: str
    cell: Callable[[Any], str | None]
    right: bool = False
    #: It gives way when the terminal is narrow; the others are never cut.
    yields: bool = False
    #: It is left out where there is little room.
    spare: bool = False


def when(time: datetime | None) -> str:
    return "" if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%MZ}"


def star(session: "Session") -> str:
    return "★" if session.is_important else " "


def _aside(thing: "Session | Document", name: str) -> str:
    return f"{name} (archived)" if thing.archived else name


SESSIONS = [
    Column("Name", lambda session: _aside(session, f"{star(session)} {session.name}"), yields=True),
    Column("Model", lambda session: session.model, spare=True),
    Column("Folder", lambda session: session.folder, spare=True),
    Column("Owner", lambda session: session.owner, spare=True),
    Column("Messages", lambda session: f"{session.message_count:,}", right=True),
    Column("Last active", lambda session: when(session.last_message_at or session.created_at)),
    Column("Id", lambda session: session.id),
]

DOCUMENTS = [
    Column("Title", lambda document: _aside(document, document.title), yields=True),
    Column("Language", lambda document: document.language, spare=True),
    Column("Owner", lambda document: document.owner, spare=True),
    Column("Version", lambda document: f"{document.version}", right=True),
    Column("Changed", lambda document: when(document.updated_at)),
    Column("Id", lambda document: document.id),
    Column("Session", lambda document: document.session_id, spare=True),
]

VERSIONS = [
    Column("Version", lambda version: f"{version.version}", right=True),
    Column("Made", lambda version: when(version.created_at)),
    Column("By", lambda version: version.source),
    Column("Characters", lambda version: f"{version.size:,}", right=True),
    Column("Title", lambda version: version.title, yields=True),
    Column("What changed", lambda version: version.summary, yields=True),
]


def _says(content: "Content") -> str:
    return shortened(on_one_line(content if isinstance(content, str) else as_json(content)), 200)


TRASH = [
    Column("Removed", lambda entry: when(entry.created_at)),
    Column("By", lambda entry: entry.kind),
    Column("Of", lambda entry: entry.name, yields=True),
    Column("Owner", lambda entry: entry.owner, spare=True),
    Column("Sessions", lambda entry: f"{entry.sessions:,}", right=True, spare=True),
    Column("Messages", lambda entry: f"{entry.messages:,}", right=True),
    Column("Until", lambda entry: when(entry.expires_at), spare=True),
    Column("Entry", lambda entry: entry.id),
]

MESSAGE_VERSIONS = [
    Column("", lambda version: "●" if version.shown else "○"),
    Column("Made", lambda version: when(version.message.created_at)),
    Column("Messages", lambda version: f"{version.messages:,}", right=True),
    Column("Says", lambda version: _says(version.message.content), yields=True),
    Column("Message", lambda version: version.message.id),
]

ATTACHMENTS = [
    Column("Type", lambda attachment: attachment.media_type, yields=True),
    Column("Bytes", lambda attachment: f"{attachment.size:,}", right=True),
    Column("Owner", lambda attachment: attachment.owner, spare=True),
    Column("Last used", lambda attachment: when(attachment.used_at), spare=True),
    Column("Digest", lambda attachment: attachment.digest),
]

PROBLEMS = [
    Column("What is broken", lambda problem: problem.name),
    Column("Owner", lambda problem: problem.owner, spare=True),
    Column("Where", lambda problem: problem.id),
    Column("How", lambda problem: problem.detail, yields=True),
]


def show_sessions(here: Here, page: "Page[Session]") -> None:
    nothing = "No sessions."
    if not page.items and not here.incognito:  # a database that isn't there is made: its name may have been mistyped
        nothing = f"No sessions in {in_a_line(here.manager.info().database)}."
    show(here, SESSIONS, page.items, nothing, faint=lambda session: session.archived)
    show_way_on(here, page.cursor)


def show_documents(here: Here, page: "Page[Document]") -> None:
    show(here, DOCUMENTS, page.items, "No documents.", faint=lambda document: document.archived)
    show_way_on(here, page.cursor)


def show_versions(here: Here, page: "Page[DocumentVersion]") -> None:
    show(here, VERSIONS, page.items, "No versions.")
    show_way_on(here, page.cursor)


def show_attachments(here: Here, page: "Page[Attachment]") -> None:
    show(here, ATTACHMENTS, page.items, "No attachments.")
    show_way_on(here, page.cursor)


def show_trash(here: Here, page: "Page[TrashEntry]") -> None:
    show(here, TRASH, page.items, "Nothing is in the trash.")
    show_way_on(here, page.cursor)


def show_message_versions(here: Here, versions: "list[MessageVersion]") -> None:
    show(here, MESSAGE_VERSIONS, versions, "No versions.", faint=lambda version: not version.shown)


def show_problems(here: Here, problems: "list[Problem]") -> None:
    show(here, PROBLEMS, problems, "Nothing is broken.")


def show_way_on(here: Here, cursor: str | None) -> None:
    if cursor is not None:
        here.say(f"\nThere are more: --cursor {cursor}")


def show(
    here: Here,
    columns: Iterable[Column],
    items: list[Any],
    nothing: str,
    *,
    faint: Callable[[Any], bool] = lambda _: False,
) -> None:
    if not items:
        here.say(nothing)
        return
    shown = [column for column in columns if _is_worth_it(column, items, here.console.width)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in shown:
        table.add_column(column.heading, justify="right" if column.right else "left", no_wrap=not column.yields)
    for item in items:
        table.add_row(*(_cell(column, item) for column in shown), style="dim" if faint(item) else None)
    here.console.print(table)


def _is_worth_it(column: Column, items: list[Any], width: int) -> bool:
    return not column.spare or (width >= ROOMY and any(column.cell(item) for item in items))


def _cell(column: Column, item: Any) -> Text:
    # What doesn't yield is folded where even so there is too little room: half an id is of no use.
    overflow: OverflowMethod = "ellipsis" if column.yields else "fold"
    return Text(in_a_line(column.cell(item) or ""), no_wrap=column.yields, overflow=overflow)
