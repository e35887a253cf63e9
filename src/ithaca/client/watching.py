"""The calls for those who watch: what changes, as it is committed."""

import json
from collections.abc import Iterable
from typing import Any

from ithaca.client import values
from ithaca.client.asking import Asking, Request, Stream, at, call, stream, with_query
from ithaca.client.base import Calls
from ithaca.models import Change

#: Seconds without a word after which a connection is taken for dead; a server says something every 15 seconds.
DEAD = 45.0

#: Seconds until a stream that ended is asked for again, unless the server says.
COME_BACK = 2.0


class Watching(Calls):
    """The calls for those who watch."""

    @stream
    def watch(
        self,
        *,
        owner: str | None = None,
        session: str | None = None,
        after: str | int | None = None,
        timeout: float | None = None,
    ) -> Stream[Change]:
        """Changes of sessions as they are committed, by any process, in order; all, an owner's, or one session's.

        When a connection breaks, or the server is stopped, it comes back and misses nothing; if it finds no server,
        `ServerUnavailable` is raised. Closing the client ends it with the next word of the server.
        """
        watched, _ = self._door.watched(owner, session, after, timeout)
        of_another = self.owner is not None and watched.owner not in (None, self.owner)
        everybodys = self._is_over_all and owner is None and session is None
        path = at("admin", "events") if everybodys else at("events")
        return News(path, self._headers(owner), {"session": session, "timeout": timeout}, after, over=of_another)

    @call
    def latest_cursor(self) -> Asking[str]:
        """Where the news stand: `watch(after=…)` with it tells of all that is committed from now on."""
        return str((yield self._get(at("events:latest"))).value["cursor"])


class News:
    """Changes as server-sent events; where they are cut off, they go on after the last that was heard.

    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """

    def __init__(
        self, path: str, headers: dict[str, str], asked: dict[str, Any], after: str | int | None, *, over: bool
    ) -> None:
        self._path = path
        self._headers = headers | {"Accept": "text/event-stream"}
        self._asked = asked
        self._after = after
        self._over = over
        self._come_back = COME_BACK
        self._pending = b""

    def request(self) -> Request | None:
        if self._over:
            return None
        self._pending = b""
        path = with_query(self._path, self._asked | {"after": self._after})
        return Request("GET", path, self._headers, repeatable=True, dead_after=DEAD)

    def take(self, piece: bytes) -> Iterable[Change]:
        *events, self._pending = (self._pending + piece).split(b"\n\n")
        for event in events:
            yield from self._heard(_fields(event.decode()))

    def _heard(self, event: dict[str, str]) -> Iterable[Change]:
        self._after = event.get("id", self._after)
        if "retry" in event:
            self._come_back = int(event["retry"]) / 1000
        if event.get("event") == "change":
            yield values.change(json.loads(event["data"]))
        elif event.get("event") == "end":
            self._over = json.loads(event["data"])["reason"] == "timeout"

    def ended(self) -> float:
        return self._come_back


def _fields(event: str) -> dict[str, str]:
    """The fields of an event, each of which the server writes on one line; none of a comment."""
    lines = (line.partition(":") for line in event.split("\n"))
    return {name: value.removeprefix(" ") for name, _, value in lines if name}
