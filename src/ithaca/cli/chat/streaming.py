"""Markdown as it comes: what is whole is printed for good, what is still growing is drawn anew below it.

A paragraph that ended, a list, a fence that was closed stay as they are, so the terminal scrolls as ever, and a long
answer costs no more to draw than a short one.
"""

import re
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.text import Text

from ithaca.cli.text import in_lines

#: Drawings a second, at most.
PACE = 12

_FENCE = re.compile(r" {0,3}(```+|~~~+)")


class Streaming:
    """Draws an answer; a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._growing = ""
        self._thoughts = ""
        self._live = Live(
            console=console, get_renderable=lambda: Tail(self._drawn()), refresh_per_second=PACE, transient=True
        )

    def __enter__(self) -> "Streaming":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        self._print(self._growing)
        self._growing = ""

    def think(self, text: str) -> None:
        """Some of what the model thinks before it speaks; it is shown until then."""
        self._thoughts += in_lines(text)

    def say(self, text: str) -> None:
        """Some more of what it says."""
        self._thoughts = ""
        self._growing += in_lines(text)
        whole, self._growing = split(self._growing)
        if whole:
            self._print(whole)

    def note(self, text: str) -> None:
        """A line of ours, after what was said so far."""
        self._print(self._growing)
        self._growing = ""
        self._console.print(Text(text, "yellow"))

    def _print(self, text: str) -> None:
        if text.strip():
            self._console.print(Markdown(text.strip("\n")))
            self._console.print()

    def _drawn(self) -> Any:
        if self._thoughts:
            return Text(self._thoughts, "dim italic")
        return Markdown(self._growing) if self._growing.strip() else Text("…", "dim")


class Tail:
    """The last lines of something, as many as fit on the screen."""

    def __init__(self, drawn: Any) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._drawn, options.update(height=None), pad=False)
        for line in lines[-max(1, options.size.height - 2) :]:
            yield from line
            yield Segment.line()


def split(text: str) -> tuple[str, str]:
    """What is whole, up to the last blank line outside of a fence, and what may still grow.

    What comes after a blank line has to have begun, and not with white space, which would belong to a list before it.
    """
    fence, at, blank, cut = "", 0, False, 0
    for line in text.splitlines(keepends=True):
        found = _FENCE.match(line)
        if blank and not fence and line.strip() and not line[0].isspace():
            cut = at
        if found and not fence:
            fence = found[1]
        elif found and found[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        blank = not line.strip()
        at += len(line)
    return text[:cut], text[cut:]
