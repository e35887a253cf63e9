"""What stands around every request: its id, its line in the log, its place in the metrics, and the last net.

What nobody thought of becomes a problem response without a word of what went wrong, and a line in the log without a
word of what anybody said. Where a response had begun already, the connection is cut, so that nobody takes half for all.
"""

import logging
import re
import time
from uuid import uuid4

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ithaca.service.meters import Meters
from ithaca.service.methods import METHODS
from ithaca.service.problems import unforeseen

_log = logging.getLogger("ithaca.service.requests")

#: An id that somebody before us has given the request, if it can't do harm in a log.
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


#: Where a request remembers its trace.
TRACE_ID = "ithaca.trace_id"


class ResponseCut(Exception):
    """A response was cut off, for a reason that stands in the log before this."""


class Around:
    """Gives each request an id, writes it down and counts it."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Sent(send, _id(scope))
        began = time.perf_counter()
        self._meters.under_way += 1
        try:
            await self._app(scope, receive, sent)
        except ClientDisconnect:  # amid its body: nobody is there to be answered
            pass
        except Exception as error:  # noqa: BLE001, the last net
            answer = unforeseen(error)
            if sent.status is not None:
                raise ResponseCut from None
            await answer.response()(scope, receive, sent)
        finally:
            self._meters.under_way -= 1
            self._note(scope, sent, time.perf_counter() - began)

    def _note(self, scope: Scope, sent: "Sent", seconds: float) -> None:
        method, route, status = scope["method"], _route(scope), sent.status or 499
        self._meters.count(method if method in METHODS else "OTHER", route, status, seconds)
        milliseconds = round(seconds * 1000, 1)
        trace = {"trace_id": scope[TRACE_ID]} if TRACE_ID in scope else {}
        facts = {"request_id": sent.id, **trace, "method": method, "route": route, "status": status, "ms": milliseconds}
        _log.info("%s %s %s %s ms", method, route, status, milliseconds, extra={"facts": facts})


class Sent:
    """Sends, adds the request's id, and remembers the status; None before it began."""

    def __init__(self, send: Send, id: str) -> None:
        self._send = send
        self.id = id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message["headers"], (b"x-request-id", self.id.encode())]}
        await self._send(message)


def _id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if _ID.fullmatch(given) else uuid4().hex


def _route(scope: Scope) -> str:
    """The route's pattern, not the path: ids stay out of logs and metrics."""
    return str(getattr(scope.get("route"), "path", "none"))
