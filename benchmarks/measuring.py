"""How two sides are compared: pairs of samples in turn, and the median of what each pair says.

Disks and neighbours change from second to second, so a sample of ours is only ever compared with the sample of the
floor that was taken next to it. The order is ours, floor, floor, ours, …, so that neither side is always the later one.
"""

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

#: What a sample says: quantity → value. Seconds, bytes, or something a second.
Reading: TypeAlias = Mapping[str, float]
Sampler: TypeAlias = Callable[[], Reading]

Kind: TypeAlias = Literal["ratio", "difference", "value"]


@dataclass(frozen=True, slots=True)
class Target:
    """What the issue asks for: a bound of ours ÷ floor, of ours − floor, or of ours alone."""

    limit: float
    most: bool = True
    kind: Kind = "ratio"

    def is_met(self, figure: float) -> bool:
        return figure <= self.limit if self.most else figure >= self.limit


def at_most(limit: float, kind: Kind = "ratio") -> Target:
    return Target(limit, True, kind)


def at_least(limit: float) -> Target:
    return Target(limit, False)


@dataclass(frozen=True, slots=True)
class Result:
    """What was found out about one quantity of one case; medians and quartiles over pairs."""

    workload: str
    case: str
    quantity: str
    ours: float
    floor: float
    #: The median of ours ÷ floor (or − floor, or ours) over pairs, and its quartiles.
    figure: float
    low: float
    high: float
    pairs: int
    target: Target | None = None
    #: How much was stored, where the workload shows growth.
    stored: int | None = None

    @property
    def is_met(self) -> bool | None:
        return None if self.target is None else self.target.is_met(self.figure)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A case that could not be measured here, and why."""

    workload: str
    case: str
    reason: str


Outcome: TypeAlias = Result | Skipped


class Timed:
    """A sampler: the time that a call takes, over as many calls as fill a sample."""

    def __init__(
        self,
        call: Callable[[], object],
        *,
        before: Callable[[], object] | None = None,
        times: int | None = None,
        messages: int = 0,
    ) -> None:
        self._call = call
        #: What is done before each sample, outside its time.
        self._before = before
        self._fixed = times is not None
        #: Calls in a sample.
        self.times = times or 1
        #: Messages that a call stores; then what is read is their rate.
        self._messages = messages

    def __call__(self) -> Reading:
        if self._before is not None:
            self._before()
        seconds = self._seconds() / self.times
        return {"messages/s": self._messages / seconds} if self._messages else {"time": seconds}

    def warm_up(self, seconds: float, least: float) -> None:
        """Calls for so long, and finds out how many calls fill a sample of at least so many seconds."""
        deadline = time.perf_counter() + seconds
        while True:
            if self._before is not None:
                self._before()
            took = self._seconds()
            if took < least and not self._fixed:
                self.times *= 2
            elif time.perf_counter() >= deadline:
                return

    def _seconds(self) -> float:
        call = self._call
        started = time.perf_counter()
        for _ in range(self.times):
            call()
        return time.perf_counter() - started


class TimedAwaits(Timed):
    """The same on an event loop, which is started once."""

    def __init__(self, runner: asyncio.Runner, call: Callable[[], Awaitable[object]]) -> None:
        super().__init__(call)
        self._runner = runner
        self._awaited = call

    def _seconds(self) -> float:
        return self._runner.run(self._seconds_awaited())

    async def _seconds_awaited(self) -> float:
        started = time.perf_counter()
        for _ in range(self.times):
            await self._awaited()
        return time.perf_counter() - started


def in_turn(ours: Sampler, floor: Sampler, count: int) -> Iterator[tuple[Reading, Reading]]:
    """So many pairs of samples: ours, floor, floor, ours, ours, …"""
    gc.collect()
    gc.freeze()  # what is there already is looked through no more
    try:
        for number in range(count):
            if number % 2:
                later = floor()
                yield ours(), later
            else:
                yield ours(), floor()
    finally:
        gc.unfreeze()


@dataclass(frozen=True, slots=True)
class Summary:
    """The middle of some figures and its quartiles."""

    median: float
    low: float
    high: float


def summary(figures: Sequence[float]) -> Summary:
    if len(figures) == 1:
        return Summary(figures[0], figures[0], figures[0])
    low, median, high = statistics.quantiles(figures, n=4, method="inclusive")
    return Summary(median, low, high)


def figure_of(ours: float, floor: float, kind: Kind) -> float:
    """What a pair says."""
    if kind == "ratio":
        return ours / floor
    return ours - floor if kind == "difference" else ours


def p99(values: Sequence[float]) -> float:
    """The value that one in a hundred exceeds."""
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]
