"""How often a request is sent, and when again.

    no connection was made                       any request is sent again: nobody got it
    429                                          any request is sent again, when the server says
    the connection broke, 503                    what may be sent twice is sent again
    502, 504, not Ithaca's own                   as well: what stands between found no server

What may be sent twice is what changes nothing, and what has an `Idempotency-Key`. A server that takes longer than the
time limit is not asked again: it may be at it still.
"""

import random
import time
from dataclasses import dataclass

from ithaca.client.asking import Reply, Request
from ithaca.errors import ServerUnavailable

#: Seconds before the second attempt, if the server names none; twice as long before each later one.
FIRST_PAUSE = 0.1

#: Seconds that a server may ask for.
LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Loss:
    """A request without an answer."""

    reason: str
    #: Whether the server may have got it.
    sent: bool
    #: Whether it would end the same way again.
    final: bool = False


class Attempts:
    """The attempts of one request, or of a stream."""

    def __init__(self, request: Request, address: str, retries: int, seconds: float | None) -> None:
        self._request = request
        self._address = address
        self._retries = retries
        self._seconds = seconds
        self._repeated = False
        self.begin()

    def begin(self) -> None:
        """Counts from here: something came."""
        self._left, self._pause = self._retries, FIRST_PAUSE
        self._end = None if self._seconds is None else time.monotonic() + self._seconds

    def after(self, reply: Reply) -> float | None:
        """Seconds until the next attempt; None if this reply is the answer."""
        again = reply.status == 429 or (self._request.repeatable and _may_pass(reply))
        if again or (self._repeated and _is_still_running(reply)):
            return self._next(reply.headers.get("retry-after"))
        return None

    def after_loss(self, loss: Loss) -> float:
        """Seconds until the next attempt. Raises `ServerUnavailable` if there is none."""
        again = (self._request.repeatable or not loss.sent) and not loss.final
        if (pause := self._next(None) if again else None) is None:
            raise ServerUnavailable(self._address, loss.reason)
        return pause

    def _next(self, asked: str | None) -> float | None:
        if self._left <= 0:
            return None
        pause = self._pause * random.uniform(0.5, 1)  # noqa: S311, so that many don't come back at once
        if asked is not None and asked.isascii() and asked.isdigit():
            pause = min(float(asked), LONGEST_PAUSE)
        if self._end is not None and time.monotonic() + pause > self._end:
            return None
        self._left, self._pause, self._repeated = self._left - 1, self._pause * 2, True
        return pause


def _may_pass(reply: Reply) -> bool:
    """Whether another attempt may find a server that does it. Ithaca's own 502 and 504 tell of a model's provider."""
    return reply.status == 503 or (reply.status in (502, 504) and not _is_problem(reply))


def _is_problem(reply: Reply) -> bool:
    return reply.headers.get("content-type", "").startswith("application/problem+json")


def _is_still_running(reply: Reply) -> bool:
    """Whether it is the first attempt that the server is at, whose connection broke."""
    return reply.status == 409 and _is_problem(reply) and reply.value["error"] == "StillRunning"
