"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) as a `Stream`, piece by piece."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Generic, TypeVar

from ithaca.client.asking import Request

T = TypeVar("T")

#: Seconds without a word after which a connection is taken for dead; a server says something every 15 seconds.
DEAD = 45.0


class Events(Generic[T]):
    """A stream of events, which is asked for again until it is over."""

    def __init__(self) -> None:
        self.over = False
        self._headers = {"Accept": "text/event-stream"}
        self._pending = b""

    def asked(self) -> Request:
        """What to ask for, from where it has got."""
        raise NotImplementedError

    def heard(self, kind: str, data: str) -> Iterable[T]:
        """What an event tells."""
        raise NotImplementedError

    def noted(self, fields: dict[str, str]) -> None:
        """Notes an event's `id` and `retry`."""

    def request(self) -> Request | None:
        self._pending = b""
        return None if self.over else replace(self.asked(), repeatable=True, dead_after=DEAD)

    def take(self, piece: bytes) -> Iterable[T]:
        *events, self._pending = (self._pending + piece).split(b"\n\n")
        for fields in map(_fields, events):
            if "event" in fields:
                yield from self.heard(fields["event"], fields["data"])
            self.noted(fields)


def _fields(event: bytes) -> dict[str, str]:
    """The fields of an event, each of which the server writes on one line; none of a comment."""
    lines = (line.partition(":") for line in event.decode().split("\n"))
    return {name: value.removeprefix(" ") for name, _, value in lines if name}
