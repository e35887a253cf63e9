"""Counts and times of requests, in the text format of Prometheus (version 0.0.4).

Where several processes serve, each writes down every second what it has counted, in a folder that they share. Whichever
is asked adds up what all have counted, those that have ended too; so a counter never falls, and it makes no
difference who is asked. What the others counted may be a second old.
"""

import asyncio
import json
import os
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

#: Upper bounds of times, in seconds.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

#: What is so many at a moment: the metric's name, and what it says.
GAUGES = {
    "ithaca_http_requests_under_way": "Requests that are being answered.",
    "ithaca_http_connections": "Connections that are open.",
    "ithaca_event_listeners": "Clients that listen to live events.",
    "ithaca_processes": "Processes that serve.",
}

#: Seconds after which what was counted is written down.
WRITE_EVERY = 1.0

#: What a process that has ended leaves behind is renamed to end so.
_ENDED = ".ended"


def _none() -> list[int]:
    return [0] * (len(BOUNDS) + 1)


@dataclass
class Counts:
    """What a process has counted since it began; or what several have, added up."""

    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    #: How many took longer than each bound, but not longer than the next.
    slower: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(_none))
    seconds: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    gauges: Counter[str] = field(default_factory=Counter)

    def add(self, others: "Counts") -> None:
        """Adds what others counted."""
        self.requests.update(others.requests)
        self.gauges.update(others.gauges)
        for place, counts in others.slower.items():
            self.slower[place] = [ours + theirs for ours, theirs in zip(self.slower[place], counts, strict=True)]
            self.seconds[place] += others.seconds[place]

    def to_json(self) -> bytes:
        """As it is written down."""
        requests = [[*place, count] for place, count in self.requests.items()]
        times = [[*place, counts, self.seconds[place]] for place, counts in self.slower.items()]
        return json.dumps([requests, times, dict(self.gauges)]).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Counts":
        requests, times, gauges = json.loads(text)
        counts = cls(gauges=Counter(gauges))
        counts.requests.update({(method, route, status): count for method, route, status, count in requests})
        for method, route, slower, seconds in times:
            counts.slower[method, route], counts.seconds[method, route] = slower, seconds
        return counts


class Meters:
    """What was asked since the process began; changed on the event loop only."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is where other processes of this server write down what they count."""
        self.under_way = 0
        #: What tells how many there are of something at a moment.
        self.gauges: dict[str, Callable[[], int]] = {"ithaca_http_requests_under_way": lambda: self.under_way}
        self._folder = folder
        self._counts = Counts()

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Takes note of a request; `route` is its pattern, so that ids are in no label."""
        self._counts.requests[method, route, status] += 1
        self._counts.slower[method, route][bisect_left(BOUNDS, seconds)] += 1
        self._counts.seconds[method, route] += seconds

    def exposition(self) -> str:
        """All of it, of all processes, a line each."""
        all_counts = Counts()
        all_counts.add(self._now())
        if self._folder is not None:
            self._write(self._folder)  # so that what was told once is told by the others, too
        for others in self._others():
            all_counts.add(others)
        return "\n".join((*_lines(all_counts), ""))

    async def keep_writing(self) -> None:
        """Writes down what is counted, until it is cancelled, and then for the last time."""
        try:
            while self._folder is not None:
                self._write(self._folder)
                await asyncio.sleep(WRITE_EVERY)
        finally:
            if self._folder is not None:
                self._write(self._folder)

    def _now(self) -> Counts:
        self._counts.gauges = Counter({name: tell() for name, tell in self.gauges.items()} | {"ithaca_processes": 1})
        return self._counts

    def _write(self, folder: Path) -> None:
        draft = folder / f"{os.getpid()}.draft"
        draft.write_bytes(self._now().to_json())
        draft.replace(_file(folder, os.getpid()))

    def _others(self) -> Iterator[Counts]:
        for file in self._folder.iterdir() if self._folder is not None else ():
            if file.suffix in (".json", _ENDED) and file.stem != str(os.getpid()):
                yield _read(file if file.exists() else file.with_suffix(_ENDED))


def _file(folder: Path, process: int) -> Path:
    return folder / f"{process}.json"


def _read(file: Path) -> Counts:
    counts = Counts.from_json(file.read_bytes())
    if file.suffix == _ENDED:
        counts.gauges.clear()  # there is nothing of it any more but what it has counted
    return counts


def sign_of_life(folder: Path, process: int) -> int:
    """Something that is another at each time that a process has written down what it counts; 0 before it has."""
    try:
        return _file(folder, process).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def mark_as_ended(folder: Path, process: int) -> None:
    """Keeps the counts of a process that has ended, until the server ends."""
    file = _file(folder, process)
    with suppress(FileNotFoundError):
        file.rename(file.with_suffix(_ENDED))


def _lines(counts: Counts) -> Iterator[str]:
    yield "# HELP ithaca_http_requests_total Requests that were answered."
    yield "# TYPE ithaca_http_requests_total counter"
    for (method, route, status), count in sorted(counts.requests.items()):
        yield f'ithaca_http_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
    yield "# HELP ithaca_http_request_seconds Times until a response was sent whole."
    yield "# TYPE ithaca_http_request_seconds histogram"
    for (method, route), slower in sorted(counts.slower.items()):
        yield from _histogram(f'method="{method}",route="{route}"', slower, counts.seconds[method, route])
    for name, says in GAUGES.items():
        yield from (f"# HELP {name} {says}", f"# TYPE {name} gauge", f"{name} {counts.gauges[name]}")


def _histogram(labels: str, counts: list[int], seconds: float) -> Iterator[str]:
    for bound, count in zip((*BOUNDS, "+Inf"), accumulate(counts), strict=True):
        yield f'ithaca_http_request_seconds_bucket{{{labels},le="{bound}"}} {count}'
    yield f"ithaca_http_request_seconds_sum{{{labels}}} {seconds:.6f}"
    yield f"ithaca_http_request_seconds_count{{{labels}}} {sum(counts)}"
