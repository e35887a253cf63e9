"""What every command has: the options that all share, the manager, and the way its result goes out."""

import inspect
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Concatenate, NoReturn, ParamSpec, Self

import typer

from ithaca.cli.text import as_json

if TYPE_CHECKING:
    from rich.console import Console

    from ithaca import SessionManager

P = ParamSpec("P")

#: Columns of a table that nobody watches: enough that nothing is ever cut off or wrapped.
ENDLESS = 1_000_000

Database = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="A file or a URL; otherwise ITHACA_DATABASE_URL or your own file."),
]
Owner = Annotated[
    str | None, typer.Option("--owner", metavar="NAME", help="Work only on what this owner has; '' for nobody's.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Here:
    """Where a command runs: on which database, for whom, and who reads its output."""

    #: Whether the sessions that are made here are incognito.
    incognito = False

    def __init__(self, database: str | None, owner: str | None, json: bool) -> None:
        self.database = database
        self.owner = owner
        self.json = json
        self._exits = ExitStack()

    @classmethod
    def of(cls, context: typer.Context) -> "Here":
        """Where the command of a context runs: on its own, or where who runs it says."""
        here: Callable[[str | None, str | None, bool], Here] = context.obj or cls
        return here(given(context, "database"), given(context, "owner"), bool(given(context, "as_json")))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    @cached_property
    def manager(self) -> "SessionManager":
        return self.open(self.database)

    def open(self, database: str | None) -> "SessionManager":
        """A manager for the owner that was named, closed when the command ends."""
        manager = self.open_for_all(database)
        return manager if self.owner is None else manager.for_owner(self.owner)

    def open_for_all(self, database: str | None) -> "SessionManager":
        """A manager for every owner's data, closed when the command ends."""
        from ithaca import SessionManager

        return self._exits.enter_context(SessionManager(database))

    @cached_property
    def console(self) -> "Console":
        from rich.console import Console

        return Console(markup=False, emoji=False, highlight=False, width=None if self.watched else ENDLESS)

    @property
    def watched(self) -> bool:
        """Whether a person looks on, rather than a pipe or a file."""
        return sys.stdout.isatty()

    def say(self, text: str) -> None:
        """A line for people, made by us: what was stored goes through `text` first."""
        self.console.print(text, soft_wrap=True)

    def write_json(self, value: Any) -> None:
        sys.stdout.write(self.dumped(value) + "\n")

    def dumped(self, value: Any) -> str:
        return as_json(value, ascii_only="utf" not in (sys.stdout.encoding or "").lower())

    def write_json_list(self, head: dict[str, Any], name: str, values: Iterable[Any]) -> None:
        """An object whose last field is a list that is written as it comes, an item a line."""
        start = self.dumped(head)[:-1] + (", " if head else "")
        sys.stdout.write(f"{start}{self.dumped(name)}: [")
        for number, value in enumerate(values):
            sys.stdout.write((",\n" if number else "\n") + self.dumped(value))
        sys.stdout.write("\n]}\n")

    def report(self, value: Any, sentence: str) -> None:
        """What was done: as JSON, or in words."""
        if self.json:
            self.write_json(value)
        else:
            self.say(sentence)

    def fail(self, sentence: str, status: int = 1) -> NoReturn:
        """Ends the command, which could not do all of what it was asked for."""
        sys.stderr.write(f"Error: {sentence}\n")
        raise typer.Exit(status)


def given(context: typer.Context, name: str) -> Any:
    """An option's value, wherever it was given: after the command, or before it."""
    at: Any = context
    while at is not None:
        value = at.params.get(name)
        if value is not None and value is not False:
            return value
        at = at.parent
    return None


def group(help: str, **options: Any) -> typer.Typer:
    """A group of commands; it takes the shared options too, for the commands in it."""
    app = typer.Typer(
        help=help,
        rich_markup_mode=None,  # Rich would be imported to show a help text
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **{"add_completion": False, **options},
    )
    app.callback(invoke_without_command=True)(_group)
    return app


def _group(context: typer.Context, database: Database = None, owner: Owner = None, as_json: Json = False) -> None:
    help_without_command(context)


def help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


def command(
    app: typer.Typer, name: str
) -> Callable[[Callable[Concatenate[Here, P], None]], Callable[Concatenate[Here, P], None]]:
    """Makes a function a command that takes its own parameters and those that all share."""

    def add(function: Callable[Concatenate[Here, P], None]) -> Callable[Concatenate[Here, P], None]:
        def run(context: typer.Context, **values: Any) -> None:
            for shared in _SHARED:
                del values[shared.name]
            with Here.of(context) as here:
                function(here, **values)  # type: ignore[call-arg]

        own = list(inspect.signature(function).parameters.values())[1:]
        signature = inspect.Signature([_CONTEXT, *own, *_SHARED])
        run.__dict__["__signature__"] = signature
        run.__annotations__ = {it.name: it.annotation for it in signature.parameters.values()}
        app.command(name, help=inspect.getdoc(function))(run)
        return function

    return add


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


_CONTEXT = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
_SHARED = [
    _parameter("database", Database, None),
    _parameter("owner", Owner, None),
    _parameter("as_json", Json, False),
]


def read_text(argument: str) -> str:
    """A text that was given; `-` stands for standard input, taken as it is, to the last byte."""
    return decoded(standard_input().read() if argument == "-" else os.fsencode(argument), "TEXT")


def standard_input() -> BinaryIO:
    """What was piped in. Where standard input was closed that is not an empty text, but a mistake."""
    if getattr(sys.stdin, "name", None) == os.devnull:
        raise typer.BadParameter("standard input is closed.", param_hint="'-'")
    return sys.stdin.buffer


def decoded(text: bytes, parameter: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise typer.BadParameter("it is not UTF-8.", param_hint=parameter) from None
