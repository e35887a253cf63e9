"""`ithaca documents`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ithaca.cli.arguments import Cursor, DocumentId, ExpectedRevision, Limit, SessionId, option
from ithaca.cli.here import Here, command, decoded, group, read_text
from ithaca.cli.removals import report_moved
from ithaca.cli.text import as_json, in_a_line, in_lines

if TYPE_CHECKING:
    from ithaca import Document

app = group("Texts with versions: list, show, make and change them.")

Content = Annotated[
    str | None, typer.Argument(metavar="[TEXT]", help="What it says; - takes it from standard input, as it is.")
]
File = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Take what it says from a file.")]
Language = Annotated[str | None, option("--language", "Its language: markdown, python …")]


@command(app, "list")
def list_(
    here: Here,
    session: Annotated[str | None, option("--session", "Of this session; '' for of none.", "SESSION")] = None,
    archived: Annotated[
        bool | None, typer.Option("--archived/--not-archived", help="Only these; both unless told.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> None:
    """List documents, the last changed first."""
    page = here.manager.list_documents(session_id=session, archived=archived, limit=limit, cursor=cursor)
    if here.json:
        here.write_json(page.to_dict())
    else:
        from ithaca.cli.tables import show_documents

        show_documents(here, page)


@command(app, "show")
def show(
    here: Here,
    document: DocumentId,
    version: Annotated[int | None, option("--version", "An older version; the current one unless told.", "N")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Only what it says, to the last character.")] = False,
) -> None:
    """Show a document."""
    shown = here.manager.get_document(document)
    old = None if version is None else here.manager.get_document_version(document, version)
    if here.json:
        here.write_json((old or shown).to_dict())
    elif raw:
        _write_raw((old or shown).content or "")
    else:
        from ithaca.cli.transcript import show_document

        show_document(here, shown, old)


@command(app, "create")
def create(
    here: Here,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What it is called.")],
    text: Content = None,
    file: File = None,
    language: Language = None,
    session: Annotated[str | None, option("--session", "The session that it belongs to.", "SESSION")] = None,
    id: Annotated[str | None, option("--id", "An id of your own; otherwise one is made.", "ID")] = None,
) -> None:
    """Make a document."""
    content = _content(text, file) or ""
    document = here.manager.create_document(
        title, content, language=language, session_id=session, document_id=id, source="user"
    )
    _report(here, document, "Created")


@command(app, "edit")
def edit(
    here: Here,
    document: DocumentId,
    text: Content = None,
    file: File = None,
    title: Annotated[str | None, option("--title", "Another title.")] = None,
    language: Language = None,
    summary: Annotated[str | None, option("--summary", "What was changed, in words.")] = None,
    expected_revision: ExpectedRevision = None,
) -> None:
    """Change a document. It gets a new version, and the old one is kept."""
    given = {"content": _content(text, file), "title": title, "language": language}
    edited = here.manager.edit_document(
        document,
        summary=summary,
        source="user",
        expected_revision=expected_revision,
        **{field: value for field, value in given.items() if value is not None},
    )
    _report(here, edited, "Edited")


@command(app, "versions")
def versions(here: Here, document: DocumentId, limit: Limit = 50, cursor: Cursor = None) -> None:
    """List a document's versions, the newest first."""
    page = here.manager.list_document_versions(document, limit=limit, cursor=cursor)
    if here.json:
        here.write_json(page.to_dict())
    else:
        from ithaca.cli.tables import show_versions

        show_versions(here, page)


@command(app, "restore")
def restore(
    here: Here,
    document: DocumentId,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="The version to go back to.")],
    expected_revision: ExpectedRevision = None,
) -> None:
    """Make a new version that says what an older one said."""
    restored = here.manager.restore_document_version(document, version, expected_revision=expected_revision)
    _report(here, restored, "Restored")


@command(app, "attach")
def attach(here: Here, document: DocumentId, session: SessionId, expected_revision: ExpectedRevision = None) -> None:
    """Let a document belong to a session."""
    _report(here, here.manager.attach_document(document, session, expected_revision=expected_revision), "Attached")


@command(app, "detach")
def detach(here: Here, document: DocumentId, expected_revision: ExpectedRevision = None) -> None:
    """Let a document belong to no session."""
    _report(here, here.manager.detach_document(document, expected_revision=expected_revision), "Detached")


@command(app, "archive")
def archive(here: Here, document: DocumentId, expected_revision: ExpectedRevision = None) -> None:
    """Put a document aside, without losing any of it."""
    _report(here, here.manager.archive_document(document, expected_revision=expected_revision), "Archived")


@command(app, "unarchive")
def unarchive(here: Here, document: DocumentId, expected_revision: ExpectedRevision = None) -> None:
    """Bring an archived document back among the others."""
    _report(here, here.manager.unarchive_document(document, expected_revision=expected_revision), "Unarchived")


@command(app, "delete")
def delete(here: Here, document: DocumentId, expected_revision: ExpectedRevision = None) -> None:
    """Move a document with its versions to the trash."""
    report_moved(here, here.manager.delete_document(document, expected_revision=expected_revision))


def _content(text: str | None, file: Path | None) -> str | None:
    if text is not None and file is not None:
        raise typer.BadParameter("it is given as TEXT already.", param_hint="--file")
    if file is None:
        return None if text is None else read_text(text)
    return decoded(file.read_bytes(), "--file")


def _write_raw(content: str) -> None:
    """What is stored, exactly; but a terminal is not handed control characters."""
    if sys.stdout.isatty():
        sys.stdout.write(in_lines(content))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content.encode("utf-8", "surrogatepass"))


def _report(here: Here, document: "Document", done: str) -> None:
    what = f"{as_json(document.title)}, version {document.version}, document {in_a_line(document.id)}"
    here.report(document.to_dict(), f"{done} {what}.")
