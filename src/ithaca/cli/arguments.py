"""The arguments and options that several commands take, and how a shell completes them."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ithaca.cli.here import Here
from ithaca.errors import IthacaError


def _sessions(context: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """The sessions that were active last."""
    with suppress(IthacaError), Here.of(context) as here:
        if is_there(here.database):
            for session in here.manager.list_sessions(limit=200):
                yield session.id, session.name


def _documents(context: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """The documents that were changed last."""
    with suppress(IthacaError), Here.of(context) as here:
        if is_there(here.database):
            for document in here.manager.list_documents(limit=200):
                yield document.id, document.title


def is_there(database: str | None) -> bool:
    """Whether a database can be read without making a new one, as neither pressing Tab nor incognito is to."""
    from ithaca.config import read_settings

    file = read_settings(database).database.removeprefix("sqlite:///")
    return "://" in file or Path(file).exists()


def option(name: str, help: str, metavar: str = "TEXT") -> Any:
    return typer.Option(name, metavar=metavar, help=help)


SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="The session's id.", autocompletion=_sessions)]
SessionIds = Annotated[list[str], typer.Argument(metavar="SESSION...", help="Their ids.", autocompletion=_sessions)]
DocumentId = Annotated[str, typer.Argument(metavar="DOCUMENT", help="The document's id.", autocompletion=_documents)]
MessageId = Annotated[str, typer.Argument(metavar="MESSAGE", help="The message's id.")]
MessageIds = Annotated[list[str], typer.Argument(metavar="MESSAGE...", help="Their ids.")]
Text = Annotated[str, typer.Argument(metavar="TEXT", help="What it says; - takes it from standard input, as it is.")]
Limit = Annotated[int, option("--limit", "How many at most; 50 unless told.", "N")]
Cursor = Annotated[str | None, option("--cursor", "Go on where the page with this cursor ended.", "CURSOR")]
Incognito = Annotated[
    bool | None,
    typer.Option("--incognito/--stored", help="Only these; `ithaca incognito` takes the former unless told."),
]
ExpectedRevision = Annotated[
    int | None, option("--expected-revision", "Change it only if it is at this revision still.", "N")
]


def time(text: str | None, parameter: str) -> datetime | None:
    """A time that was given; without a time zone, it is in UTC."""
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time in ISO 8601.", param_hint=parameter) from None
    return given if given.tzinfo else given.replace(tzinfo=UTC)
