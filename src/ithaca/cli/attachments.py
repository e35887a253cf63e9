"""`ithaca attachments`."""

import mimetypes
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ithaca.cli.arguments import Cursor, Limit, option
from ithaca.cli.here import Here, command, group, standard_input
from ithaca.cli.text import counted, in_a_line

if TYPE_CHECKING:
    from ithaca import Attachment

app = group("Images and files of messages: list, fetch, store them.")

Digest = Annotated[
    str, typer.Argument(metavar="DIGEST", help="Its SHA-256 digest, or the reference that stands in a message.")
]


@command(app, "list")
def list_(
    here: Here,
    session: Annotated[str | None, option("--session", "Only what this session refers to.", "SESSION")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> None:
    """List attachments, the last stored first."""
    page = here.manager.list_attachments(session, limit=limit, cursor=cursor)
    if here.json:
        here.write_json(page.to_dict())
    else:
        from ithaca.cli.tables import show_attachments

        show_attachments(here, page)


@command(app, "get")
def get(
    here: Here,
    digest: Digest,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="A new file to write it to.")
    ] = None,
) -> None:
    """Write an attachment to a file, or to standard output."""
    found = here.manager.get_attachment(digest)
    pieces = here.manager.read_attachment(digest, owner=found.owner)
    if output is not None:
        _write(output, pieces)
        _report(here, found, f"Wrote {in_a_line(str(output))}:")
    elif here.watched:
        raise typer.BadParameter("a terminal cannot show bytes: name a file.", param_hint="--output")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.writelines(pieces)


def _write(output: Path, pieces: Iterable[bytes]) -> None:
    with output.open("xb") as file:
        try:
            file.writelines(pieces)
        except BaseException:
            output.unlink()  # half a file is worse than none
            raise


@command(app, "put")
def put(
    here: Here,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to store; - for standard input.")],
    media_type: Annotated[
        str | None, option("--media-type", "What it is, as image/png; told by its name or its bytes otherwise.", "TYPE")
    ] = None,
) -> None:
    """Store a file, once however often. Prints its digest, by which a message may refer to it."""
    if str(file) == "-":
        stored = here.manager.put_attachment(standard_input(), media_type or _UNKNOWN)
    else:
        with file.open("rb") as data:
            stored = here.manager.put_attachment(data, media_type or _media_type(file))
    _report(here, stored, "Stored")


_UNKNOWN = "application/octet-stream"


def _media_type(file: Path) -> str:
    """What the file's bytes are, or else what its name says."""
    from ithaca.media_types import HEAD, recognized

    with file.open("rb") as data:
        return recognized(data.read(HEAD)) or mimetypes.guess_type(file.name)[0] or _UNKNOWN


@command(app, "collect")
def collect(
    here: Here,
    min_age_hours: Annotated[
        float, option("--min-age-hours", "Only those that were not used for so many hours; 24 unless told.", "N")
    ] = 24,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
) -> None:
    """Remove attachments that no message refers to. Those of messages in the trash stay."""
    done = here.manager.collect_attachments(min_age_hours=min_age_hours, dry_run=dry_run)
    would = "Would remove" if dry_run else "Removed"
    here.report(
        done.to_dict(), f"{would} {counted(done.count, 'attachment')} of {counted(done.bytes, 'byte')} together."
    )


def _report(here: Here, attachment: "Attachment", done: str) -> None:
    what = f"{attachment.media_type}, {counted(attachment.size, 'byte')}, {attachment.digest}"
    here.report(attachment.to_dict(), f"{done} {what}")
