"""A clock for tests, and patience."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")


def before_long(look: Callable[[], T], expected: T) -> T:
    """What is seen once it is as expected, or after ten seconds: a server does some things after it has answered."""
    end = time.monotonic() + 10
    while (seen := look()) != expected and time.monotonic() < end:
        time.sleep(0.01)
    return seen


class FakeClock:
    """A clock that stands still until it is moved; gives microseconds since 1970."""

    def __init__(self, start: datetime = datetime(2026, 3, 1, 5, tzinfo=UTC)) -> None:
        self.time = start

    def __call__(self) -> int:
        return (self.time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    def move(self, **by: float) -> datetime:
        """The new time; `by` is what `timedelta` takes, such as `days=-1`."""
        self.time += timedelta(**by)
        return self.time
