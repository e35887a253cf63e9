"""The commands, put together."""

from typing import Annotated, Any

import typer

from ithaca.cli import (
    attachments,
    demo,
    documents,
    endpoints,
    importing,
    incognito,
    keys,
    messages,
    replies,
    retention,
    search,
    serve,
    sessions,
    trash,
    upkeep,
    usage,
    users,
    watching,
)
from ithaca.cli import chat as chats
from ithaca.cli import config as configuration
from ithaca.cli import context as contexts
from ithaca.cli.here import Database, Json, Owner, command, group, help_without_command

#: What Typer raises for a wrong command line. It has a public name only for a special case of it.
UsageError: Any = typer.BadParameter.__mro__[1]

app = group("Keeps conversations between people and language models.", add_completion=True)
app.add_typer(sessions.app, name="sessions")
app.add_typer(messages.app, name="messages")
app.add_typer(documents.app, name="documents")
app.add_typer(attachments.app, name="attachments")
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(importing.app, name="import")
command(app, "search")(search.search)
command(app, "context")(contexts.context)
command(app, "compact")(contexts.compact)
app.add_typer(replies.app, name="reply")
command(app, "title")(replies.title)
command(app, "summarize")(replies.summarize)
command(app, "undo")(trash.undo)
app.add_typer(trash.app, name="trash")
command(app, "cleanup")(upkeep.cleanup)
app.add_typer(retention.app, name="retention")
command(app, "usage")(usage.usage)
command(app, "erase")(trash.erase)
app.add_typer(upkeep.database, name="db")
command(app, "incognito")(incognito.incognito)
command(app, "watch")(watching.watch)
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
command(app, "chat")(chats.chat)
command(app, "serve")(serve.serve)
command(app, "config")(configuration.config)
command(app, "demo")(demo.demo)


def _version(asked: bool) -> None:
    if asked:
        from ithaca import __version__

        typer.echo(f"ithaca {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _ithaca(
    context: typer.Context,
    database: Database = None,
    owner: Owner = None,
    as_json: Json = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    help_without_command(context)
