"""`ithaca import`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ithaca.cli.here import Here, command, group
from ithaca.cli.text import counted, in_a_line

if TYPE_CHECKING:
    from ithaca import ImportReport

app = group("Take over conversations from other programs.")

#: Oddities that are shown to a person; --json gives all.
SHOWN_ODDITIES = 20


@command(app, "odysseus")
def odysseus(
    here: Here,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Its database, such as app.db.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what a first import would bring in.")] = False,
) -> None:
    """Take over the sessions and messages of an Odysseus database. Documents come with them.

    The file is only read. Doing it again adds what is new there, and nothing twice.
    """
    from ithaca.interchange.odysseus import inspect

    report = inspect(file) if dry_run else _import(here, file)
    if here.json:
        here.write_json(report.to_dict())
    else:
        _summarise(here, report, "A first import would bring in" if dry_run else "Brought in")


def _import(here: Here, file: Path) -> "ImportReport":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from ithaca.interchange.odysseus import import_database, read

    with read(file) as legacy:
        _, messages, _ = legacy.counts()
    screen = Console(stderr=True)
    with Progress(
        TextColumn("Importing messages"), BarColumn(), MofNCompleteColumn(), console=screen, transient=True,
        disable=here.json or not screen.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=messages)
        return import_database(here.manager, file, progress=lambda done: bar.update(task, completed=done))


def _summarise(here: Here, report: "ImportReport", did: str) -> None:
    numbers = {
        "session": report.sessions,
        "message": report.messages,
        "document": report.documents,
        "version": report.versions,
    }
    here.say(f"{did} {', '.join(counted(number, thing) for thing, number in numbers.items())}.")
    if report.unchanged:
        here.say(f"Left alone, as they were here already or were deleted here: {report.unchanged:,}.")
    if report.oddities:
        here.say(f"\nOdd, but no reason to stop ({len(report.oddities):,}):")
    for oddity in report.oddities[:SHOWN_ODDITIES]:
        here.say(f"  - {in_a_line(oddity)}")
    if len(report.oddities) > SHOWN_ODDITIES:
        here.say(f"  … and {len(report.oddities) - SHOWN_ODDITIES:,} more; --json shows them all")
