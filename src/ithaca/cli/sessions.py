"""`ithaca sessions`."""

from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ithaca.cli.arguments import Cursor, ExpectedRevision, Incognito, Limit, SessionId, SessionIds, option, time
from ithaca.cli.here import Here, command, decoded, group, read_text
from ithaca.cli.removals import report_removed
from ithaca.cli.text import as_json, in_a_line

if TYPE_CHECKING:
    from ithaca import Session
    from ithaca.arguments import Reading

app = group("Conversations: list, show, make, change and delete them.")

Archived = Annotated[bool | None, typer.Option("--archived/--not-archived", help="Only these; both unless told.")]
Starred = Annotated[bool | None, typer.Option("--starred/--not-starred", help="Only these; both unless told.")]
Sort = Annotated[
    Literal["activity", "created", "name", "messages"],
    typer.Option("--sort", show_default=False, help="The order; by last activity unless told."),
]
HeadersFile = Annotated[
    str | None,
    typer.Option(
        "--headers-file",
        metavar="FILE",
        help="Headers to send to the endpoint, a line `Name: value` each; - is standard input."
        " They may be secret, so they are not taken from the command line, where others could see them.",
    ),
]


@command(app, "list")
def list_(
    here: Here,
    archived: Archived = None,
    starred: Starred = None,
    folder: Annotated[str | None, option("--folder", "In this folder; '' for in none.")] = None,
    model: Annotated[str | None, option("--model", "With this model.")] = None,
    mode: Annotated[str | None, option("--mode", "In this mode: chat, agent, research …")] = None,
    name: Annotated[str | None, option("--name", "With this anywhere in their name.")] = None,
    active_since: Annotated[
        str | None, option("--active-since", "Active since this time, such as 2026-03-12 or 2026-03-12T09:14Z.", "TIME")
    ] = None,
    sort: Sort = "activity",
    starred_first: Annotated[bool, typer.Option("--starred-first", help="The starred ones first.")] = False,
    incognito: Incognito = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> None:
    """List sessions, the last active first."""
    page = here.manager.list_sessions(
        archived=archived, important=starred, folder=folder, model=model, mode=mode, name=name,
        active_since=time(active_since, "--active-since"), sort=sort, important_first=starred_first, limit=limit,
        cursor=cursor, incognito=here.incognito if incognito is None else incognito,
    )  # fmt: skip
    if here.json:
        here.write_json(page.to_dict())
    else:
        from ithaca.cli.tables import show_sessions

        show_sessions(here, page)


@command(app, "show")
def show(
    here: Here,
    session: SessionId,
    last: Annotated[
        int | None, typer.Option("--last", metavar="N", min=0, help="Only the last N messages; all unless told.")
    ] = None,
    references: Annotated[
        bool, typer.Option("--references", help="With --json, put references in the places of images and files.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As Markdown, to keep or to give away.")] = False,
) -> None:
    """Show a session and what was said in it."""
    reading: Reading = "inline" if here.json and not references else "reference"
    shown = here.manager.get_session(session, last=last or 0, attachments=reading)
    messages = here.manager.iter_messages(session, attachments=reading) if last is None else iter(shown.history)
    # Whether the session is still there is found out before a half-written answer is on its way.
    messages = chain(islice(messages, 1), messages)
    if here.json:
        here.write_json_list(shown.to_dict(), "messages", (message.to_dict() for message in messages))
    elif markdown:
        from ithaca.cli.exporting import markdown as written

        here.console.file.writelines(written(shown, messages))
    else:
        from ithaca.cli.transcript import show_transcript

        show_transcript(here, shown, messages)


@command(app, "create")
def create(
    here: Here,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="What it is called.")] = "New chat",
    id: Annotated[str | None, option("--id", "An id of your own; otherwise one is made.", "ID")] = None,
    endpoint: Annotated[str, option("--endpoint", "Where the model is reached.", "URL")] = "",
    model: Annotated[str, option("--model", "The model that answers.")] = "",
    folder: Annotated[str | None, option("--folder", "The folder that it goes to.")] = None,
    mode: Annotated[str | None, option("--mode", "chat, agent, research …")] = None,
    rag: Annotated[bool, typer.Option("--rag", help="Answer from documents.")] = False,
    headers_file: HeadersFile = None,
) -> None:
    """Make a session."""
    headers = None if headers_file is None else _headers(headers_file)
    session = here.manager.create_session(id, name, endpoint, model, rag, folder=folder, mode=mode, headers=headers)
    _report(here, session, "Created")


@command(app, "fork")
def fork(
    here: Here,
    session: SessionId,
    at: Annotated[str | None, option("--at", "The id of the last message to copy; all unless told.", "MESSAGE")] = None,
    name: Annotated[str | None, option("--name", "What the copy is called; the same unless told.")] = None,
    id: Annotated[str | None, option("--id", "An id of your own; otherwise one is made.", "ID")] = None,
) -> None:
    """Copy a session, or its beginning, into a new one."""
    _report(here, here.manager.fork_session(session, at=at, name=name, new_id=id), "Forked")


@command(app, "rename")
def rename(
    here: Here,
    session: SessionId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called from now on.")],
    expected_revision: ExpectedRevision = None,
) -> None:
    """Give a session another name."""
    _report(here, here.manager.rename_session(session, name, expected_revision=expected_revision), "Renamed")


@command(app, "archive")
def archive(here: Here, session: SessionId, expected_revision: ExpectedRevision = None) -> None:
    """Put a session aside, without losing any of it."""
    _report(here, here.manager.archive_session(session, expected_revision=expected_revision), "Archived")


@command(app, "unarchive")
def unarchive(here: Here, session: SessionId, expected_revision: ExpectedRevision = None) -> None:
    """Bring an archived session back among the others."""
    _report(here, here.manager.unarchive_session(session, expected_revision=expected_revision), "Unarchived")


@command(app, "star")
def star(
    here: Here,
    session: SessionId,
    off: Annotated[bool, typer.Option("--off", help="Take the star away.")] = False,
    expected_revision: ExpectedRevision = None,
) -> None:
    """Star a session. Neither clean-up nor deletion of several takes it then."""
    starred = here.manager.mark_important(session, not off, expected_revision=expected_revision)
    _report(here, starred, "Unstarred" if off else "Starred")


@command(app, "delete")
def delete(
    here: Here,
    sessions: SessionIds,
    starred: Annotated[bool, typer.Option("--starred", help="Of several sessions, the starred ones too.")] = False,
    expected_revision: ExpectedRevision = None,
) -> None:
    """Move sessions to the trash, with their messages. Their documents stay.

    Of several sessions the starred ones are kept, unless --starred is given.
    """
    if len(sessions) == 1:
        removed = here.manager.delete_session(sessions[0], expected_revision=expected_revision)
    elif expected_revision is not None:
        raise typer.BadParameter("it is for a single session.", param_hint="--expected-revision")
    else:
        removed = here.manager.delete_sessions(sessions, important=starred)
    report_removed(here, removed, "session", sessions, "they are not there, or starred (--starred deletes those too)")


def _report(here: Here, session: "Session", done: str) -> None:
    here.report(session.to_dict(), f"{done} {as_json(session.name)}, session {in_a_line(session.id)}.")


def _headers(file: str) -> dict[str, str]:
    text = read_text("-") if file == "-" else decoded(Path(file).read_bytes(), "--headers-file")
    pairs = [line.partition(":") for line in text.splitlines() if line.strip()]
    if not all(colon for _, colon, _ in pairs):
        raise typer.BadParameter("a line has no colon.", param_hint="--headers-file")
    return {name.strip(): value.strip() for name, _, value in pairs}
