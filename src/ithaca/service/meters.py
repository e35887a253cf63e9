"""Counts and times of requests, in the text format of Prometheus (version 0.0.4)."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import accumulate

#: Upper bounds of times, in seconds.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meters:
    """What was asked since the process began; changed on the event loop only."""

    def __init__(self) -> None:
        self.under_way = 0
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._slower: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * (len(BOUNDS) + 1))
        self._seconds: Counter[tuple[str, str]] = Counter()

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Takes note of a request; `route` is its pattern, so that ids are in no label."""
        self._requests[method, route, status] += 1
        self._slower[method, route][bisect_left(BOUNDS, seconds)] += 1
        self._seconds[method, route] += seconds  # type: ignore[assignment]

    def exposition(self) -> str:
        """All of it, a line each."""
        return "\n".join((*self._lines(), ""))

    def _lines(self) -> Iterator[str]:
        yield "# HELP ithaca_http_requests_total Requests that were answered."
        yield "# TYPE ithaca_http_requests_total counter"
        for (method, route, status), count in sorted(self._requests.items()):
            yield f'ithaca_http_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
        yield "# HELP ithaca_http_request_seconds Times until a response was sent whole."
        yield "# TYPE ithaca_http_request_seconds histogram"
        for (method, route), counts in sorted(self._slower.items()):
            yield from self._histogram(f'method="{method}",route="{route}"', counts, self._seconds[method, route])
        yield "# HELP ithaca_http_requests_under_way Requests that are being answered."
        yield "# TYPE ithaca_http_requests_under_way gauge"
        yield f"ithaca_http_requests_under_way {self.under_way}"

    def _histogram(self, labels: str, counts: list[int], seconds: float) -> Iterator[str]:
        for bound, count in zip((*BOUNDS, "+Inf"), accumulate(counts), strict=True):
            yield f'ithaca_http_request_seconds_bucket{{{labels},le="{bound}"}} {count}'
        yield f"ithaca_http_request_seconds_sum{{{labels}}} {seconds:.6f}"
        yield f"ithaca_http_request_seconds_count{{{labels}}} {sum(counts)}"
