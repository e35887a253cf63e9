"""The calls for those who watch: what changes, as it is committed."""

import json
from collections.abc import Iterable
from typing import Any

from ithaca.client import values
from ithaca.client.asking import Asking, Request, Stream, at, call, stream, with_query
from ithaca.client.base import Calls
from ithaca.client.events import Events
from ithaca.models import Change

#: Seconds until a stream that ended is asked for again, unless the server says.
COME_BACK = 2.0


class Watching(Calls):
    """The calls for those who watch."""

    @stream
    def watch(
        self,
        *,
        owner: str | None = None,
        session_id: str | None = None,
        after: str | int | None = None,
        timeout: float | None = None,
    ) -> Stream[Change]:
        """Changes of sessions as they are committed, by any process, in order; all, an owner's, or one session's.

        When a connection breaks, or the server is stopped, it comes back and misses nothing; if it finds no server,
        `ServerUnavailable` is raised. Closing the client ends it with the next word of the server.
        """
        watched, _ = self._door.watched(owner, session_id, after, timeout)
        of_another = self.owner is not None and watched.owner not in (None, self.owner)
        everybodys = self._is_over_all and owner is None and session_id is None
        path = at("admin", "events") if everybodys else at("events")
        return News(path, self._headers(owner), {"session_id": session_id, "timeout": timeout}, after, over=of_another)

    @call
    def latest_cursor(self) -> Asking[str]:
        """Where the news stand: `watch(after=…)` with it tells of all that is committed from now on."""
        return str((yield self._get(at("events:latest"))).value["cursor"])


class News(Events[Change]):
    """Changes as they are committed; where they are cut off, they go on after the last that was heard."""

    def __init__(
        self, path: str, headers: dict[str, str], asked: dict[str, Any], after: str | int | None, *, over: bool
    ) -> None:
        super().__init__()
        self._path = path
        self._headers |= headers
        self._asked = asked
        self._after = after
        self._come_back = COME_BACK
        self.over = over

    def asked(self) -> Request:
        return Request("GET", with_query(self._path, self._asked | {"after": self._after}), self._headers)

    def noted(self, fields: dict[str, str]) -> None:
        self._after = fields.get("id", self._after)
        if "retry" in fields:
            self._come_back = int(fields["retry"]) / 1000

    def heard(self, kind: str, data: str) -> Iterable[Change]:
        if kind == "change":
            yield values.change(json.loads(data))
        elif kind == "end":
            self.over = json.loads(data)["reason"] == "timeout"

    def ended(self) -> float:
        return 0 if self.over else self._come_back
