"""How often somebody may ask: so many requests a second, ten seconds' worth of them at once.

Counted by who asks, and for who isn't known, by the address; by each process for itself. The count is a time: when
all that was asked would be paid off at the rate (the generic cell rate algorithm, ITU-T I.371).
"""

import time
from collections.abc import Callable, Hashable
from math import ceil

from ithaca.service.problems import Refused

#: Seconds whose requests may come at once.
BURST = 10

#: So many who ask are remembered before those who have nothing to pay off are forgotten.
_MANY = 10_000


class Rates:
    """Counts requests."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._paid_off: dict[Hashable, float] = {}

    def spend(self, who: Hashable) -> None:
        """Counts a request. Raises `Refused` (429) where it is one too many."""
        if not self._rate:
            return
        now = self._clock()
        paid_off = max(self._paid_off.get(who, now), now) + 1 / self._rate
        if paid_off - now > BURST:
            raise self._too_many(ceil(paid_off - now - BURST))
        if len(self._paid_off) > _MANY and who not in self._paid_off:
            self._paid_off = {each: then for each, then in self._paid_off.items() if then > now}
        self._paid_off[who] = paid_off

    def _too_many(self, seconds: int) -> Refused:
        refused = Refused(429, "TooManyRequests", f"Ask again in {seconds} s.", retry_after=seconds)
        refused.headers = {
            "retry-after": str(seconds),
            # https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
            "ratelimit-policy": f'"requests";q={self._rate * BURST};w={BURST}',
            "ratelimit": f'"requests";r=0;t={seconds}',
        }
        return refused
