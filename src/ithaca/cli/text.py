"""Stored text on its way to a terminal.

What people and models wrote may hold escape sequences: printed as they are, they could move the cursor, retitle
the window, or show something else than what is stored. So control characters are written out.
"""

import json
import re
from typing import Any

from ithaca.columns import iso

# C0 and C1 controls, marks that reorder what is shown, separators that terminals break lines at, lone surrogates
_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_IN_LINES = re.compile(f"[{_CONTROLS}]")
_IN_A_LINE = re.compile(f"[{_CONTROLS}\t\n]")


def in_lines(text: str) -> str:
    """The text with its lines and tabs; other control characters are written as `\\x1b`."""
    return _IN_LINES.sub(_written_out, text.replace("\r\n", "\n"))


def in_a_line(text: str) -> str:
    """The text without line breaks, for a cell of a table."""
    return _IN_A_LINE.sub(_written_out, text)


def on_one_line(text: str) -> str:
    """The text with each run of white space as one space."""
    return in_a_line(" ".join(text.split()))


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def as_json(value: Any, *, ascii_only: bool = False) -> str:
    """JSON on one line, which means the same value as ever, without raw control characters."""
    text = json.dumps(value, ensure_ascii=ascii_only, default=_plain)
    return _IN_A_LINE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        from ithaca.attached import base64_of

        return base64_of(value)
    return iso(value)


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
