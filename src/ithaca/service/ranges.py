"""Parts of what is long: `Range: bytes=…` (RFC 9110, 14)."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` up to, and without, `stop`."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start

    def of(self, size: int) -> str:
        """As `Content-Range` says it."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


class Unsatisfiable(Exception):
    """Nothing of it is there."""


def asked_span(header: str | None, size: int) -> Span | None:
    """The part that is asked for; None for all of it.

    What is written in another way, or asks for several parts, is answered with all of it, as the standard allows.
    Raises `Unsatisfiable`.
    """
    found = _ONE_RANGE.fullmatch(header.replace(" ", "")) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        span = Span(max(0, size - int(last)), size)
    else:
        span = Span(int(first), min(size, int(last) + 1) if last else size)
        if last and int(last) < int(first):
            return None
    if span.size <= 0:
        raise Unsatisfiable
    return span
