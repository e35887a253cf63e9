"""`ithaca messages`."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ithaca.cli.arguments import ExpectedRevision, MessageId, MessageIds, SessionId, Text, option
from ithaca.cli.here import Here, command, group, read_text
from ithaca.cli.removals import report_moved, report_removed
from ithaca.cli.text import counted, in_a_line

if TYPE_CHECKING:
    from ithaca import ChatMessage

app = group("What is said in a session: add, edit and delete it.")


@command(app, "add")
def add(
    here: Here,
    session: SessionId,
    text: Text,
    role: Annotated[
        str, option("--role", "Who says it: user (unless told), assistant, system, tool …", "ROLE")
    ] = "user",
    id: Annotated[
        str | None, option("--id", "An id of your own: added again under the same id, it is stored once.", "ID")
    ] = None,
    name: Annotated[str | None, option("--name", "The name of who says it.")] = None,
    tool_call_id: Annotated[str | None, option("--tool-call-id", "The tool call that it answers.", "ID")] = None,
    metadata: Annotated[str | None, option("--metadata", "A JSON object to keep with it.", "JSON")] = None,
    expected_revision: ExpectedRevision = None,
) -> None:
    """Add a message at the end of a session. Prints its number and its id."""
    from ithaca import ChatMessage

    message = ChatMessage(role, read_text(text), _json_object(metadata), id=id, name=name, tool_call_id=tool_call_id)
    _report(here, here.manager.add_message(session, message, expected_revision=expected_revision), "Added")


@command(app, "edit")
def edit(
    here: Here,
    session: SessionId,
    message: MessageId,
    text: Text,
    branch: Annotated[
        bool, typer.Option("--branch", help="Keep the old message, and all that followed it, as a version.")
    ] = False,
    expected_revision: ExpectedRevision = None,
) -> None:
    """Change what a message says. What it said before goes to the trash."""
    edited = here.manager.edit_message(
        session, message, read_text(text), branch=branch, expected_revision=expected_revision
    )
    _report(here, edited, "Edited")


@command(app, "regenerate")
def regenerate(
    here: Here,
    session: SessionId,
    message: MessageId,
    text: Text,
    role: Annotated[str, option("--role", "Who says it: assistant (unless told), user …", "ROLE")] = "assistant",
    id: Annotated[str | None, option("--id", "An id of your own.", "ID")] = None,
    expected_revision: ExpectedRevision = None,
) -> None:
    """Put another answer in the place of a message. The old one, and all that followed it, is kept as a version."""
    from ithaca import ChatMessage

    new = ChatMessage(role, read_text(text), id=id)
    _report(here, here.manager.add_version(session, message, new, expected_revision=expected_revision), "Added")


@command(app, "versions")
def versions(here: Here, session: SessionId, message: MessageId) -> None:
    """List the versions of a message, the oldest first."""
    found = here.manager.list_versions(session, message)
    if here.json:
        items = [version.to_dict() for version in found]
        here.write_json({"items": items})
    else:
        from ithaca.cli.tables import show_message_versions

        show_message_versions(here, found)


@command(app, "switch")
def switch(here: Here, session: SessionId, message: MessageId, expected_revision: ExpectedRevision = None) -> None:
    """Show another version of a message, and what followed it."""
    shown = here.manager.switch_version(session, message, expected_revision=expected_revision)
    here.report(
        {"messages": [it.to_dict() for it in shown]},
        f"Shown now: {counted(len(shown), 'message')} from number {shown[0].seq} on.",
    )


@command(app, "delete")
def delete(here: Here, session: SessionId, messages: MessageIds, expected_revision: ExpectedRevision = None) -> None:
    """Move messages to the trash."""
    removed = here.manager.delete_messages(session, messages, expected_revision=expected_revision)
    report_removed(here, removed, "message", messages, "the session has no such messages")


@command(app, "truncate")
def truncate(
    here: Here,
    session: SessionId,
    keep: Annotated[int, typer.Argument(metavar="KEEP", help="How many messages stay, from the first on.", min=0)],
    expected_revision: ExpectedRevision = None,
) -> None:
    """Keep a session's first messages. The others go to the trash."""
    report_moved(here, here.manager.truncate_messages(session, keep, expected_revision=expected_revision))


def _report(here: Here, message: "ChatMessage", done: str) -> None:
    here.report(message.to_dict(), f"{done} message {message.seq}: {in_a_line(message.id or '')}")


def _json_object(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise typer.BadParameter("it is not a JSON object.", param_hint="--metadata")
    return value
