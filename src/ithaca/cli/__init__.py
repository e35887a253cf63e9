"""The command line: `ithaca`."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ithaca.errors import AmbiguousId, InvalidInput, IthacaError

if TYPE_CHECKING:
    from ithaca.cli.here import Here

INTERRUPTED = 130
USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit status. Whatever went wrong is one sentence on standard error.

    0: done; 1: it could not be done (not found, a conflict, the database); 2: it was asked for wrongly.
    """
    _open_what_is_closed()
    _write_what_cannot_be_encoded()
    return run(arguments)


def run(arguments: Sequence[str] | None, here: "Callable[..., Here] | None" = None) -> int:
    """Runs a command, as `main` does; `here` makes what it runs on of the options that all share."""
    try:
        from ithaca.cli.app import UsageError, app
    except KeyboardInterrupt:
        return INTERRUPTED
    try:
        status = app(args=arguments, prog_name="ithaca", standalone_mode=False, obj=here)
        sys.stdout.flush()
    except UsageError as error:
        return complain(f"{error.format_message()} Try '{_command(error)} --help'.", USAGE)
    except IthacaError as error:
        return complain(_sentence(error), USAGE if isinstance(error, InvalidInput) else 1)
    except BrokenPipeError:
        return _reader_has_gone()
    except OSError as error:
        return complain(f"{error.filename}: {error.strerror}." if error.filename else f"{error}.", 1)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status or 0


def _sentence(error: IthacaError) -> str:
    if isinstance(error, AmbiguousId):
        return f"{error.id!r} belongs to several owners: name one with --owner."
    return str(error)


def _command(error: object) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context else "ithaca"


def complain(sentence: str, status: int) -> int:
    """Says on standard error what is wrong; returns the status."""
    from ithaca.cli.text import on_one_line

    sys.stderr.write(f"Error: {on_one_line(sentence)}\n")
    return status


def _open_what_is_closed() -> None:
    """Standard streams that were closed when the program began lead to nowhere, as whoever closed them meant.

    Else the next file that is opened would get the number of one, and what is written to the stream.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115, open until the end


def _write_what_cannot_be_encoded() -> None:
    """Lets a terminal that doesn't speak UTF-8 show what it can, instead of failing at the first other letter."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def _reader_has_gone() -> int:
    # Python flushes standard output once more at its end, and would complain there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
