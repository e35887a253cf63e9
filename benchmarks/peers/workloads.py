"""The workloads, as they run inside a store's own environment: with the standard library only.

A plan is read from standard input as JSON. Each thing that is begun, measured or found to be wrong is written
to standard output as a line of JSON.
"""

import asyncio
import inspect
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from importlib.metadata import version
from itertools import accumulate
from math import ceil
from typing import Any, ClassVar, Literal, Protocol

CHARACTERS = 300
NEWEST = 50
_WARM_UP = 3
_WORDS, _PHRASES = 20_000, 2_000


class CannotDo(Exception):
    """The store has no such call; the text says what it lacks."""


class Store(Protocol):
    """What the file of a store offers. Its methods are all plain, or all coroutines.

    A session is whatever the framework's own calls want to be given: each writer has one of its own, from
    `new_session` or `attach`.
    """

    #: How many writers at once are: plain stores get threads, coroutines tasks.
    writers: ClassVar[Literal["threads", "tasks"]]
    #: Distributions whose versions belong to the results.
    packages: ClassVar[tuple[str, ...]]
    #: Workload → what a reader must know about how it was done.
    notes: ClassVar[dict[str, str]]
    #: How often an append was refused and, as the framework asks, tried again.
    retries: int

    def open(self, url: str) -> Any:
        """Connect, and make the tables if there are none; `url` is `sqlite:////path` or `postgresql://…`."""

    def settings(self) -> Any:
        """What the store's own connection says about its durability: name → value."""

    def new_session(self, owner: str) -> Any: ...

    def attach(self, session: Any) -> Any:
        """The same session for another writer, with a connection of its own where the framework wants one."""

    def name(self, session: Any) -> str:
        """The id that `newest` gives the session."""

    def append(self, session: Any, role: str, text: str) -> Any: ...

    def fill(self, session: Any, texts: list[str]) -> Any:
        """Append many at once; raises `CannotDo` if there is no call for it."""

    def last(self, session: Any, n: int) -> Any:
        """The texts of the newest n messages, oldest first."""

    def history(self, session: Any) -> Any:
        """The texts of all messages, oldest first."""

    def newest(self, owner: str) -> Any:
        """The ids of the owner's 50 newest sessions, newest first."""

    def close(self) -> Any: ...


@dataclass(frozen=True)
class Plan:
    """How much of each workload to do."""

    url: str
    #: Messages that the session already holds when appends are measured.
    sizes: list[int]
    appends: int
    lasts: int
    histories: int
    #: Sessions to list among; 0 leaves it out.
    listed: int
    lists: int
    writers: int
    #: Messages of each of the writers at once.
    each: int
    #: Seconds after which a measurement ends with what it has.
    seconds: float
    #: Seconds that storing what is read or listed may take.
    filling_seconds: float


@dataclass
class Appended:
    """An append that returned: its text, and when it began and ended."""

    text: str
    began: float
    ended: float


@dataclass
class Attempts:
    """What one writer met."""

    appended: list[Appended] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  #: text → the error


@dataclass(frozen=True)
class Fault:
    """What the store holds, against what it said that it stored."""

    lost: int
    doubled: int
    #: Messages that stand behind one that was begun after they were stored.
    disordered: int
    #: Messages whose append raised, and which are there nevertheless.
    stored_though_refused: int


def main(store: Callable[[], Any]) -> None:
    """Run the plan that standard input holds on the store."""
    # What a framework prints must not get between the results.
    results = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    plan = Plan(**json.load(sys.stdin))

    def report(**line: Any) -> None:
        results.write(json.dumps(line) + "\n")

    asyncio.run(Run(store, plan, report).all())


class Run:
    """One store, one plan. `report` takes each result."""

    def __init__(self, new_store: Callable[[], Store], plan: Plan, report: Callable[..., None]) -> None:
        self._new_store = new_store
        self._store = new_store()
        self._plan = plan
        self._report = report
        self._expected: list[str] = []  # the texts that the one long session holds

    async def all(self) -> None:
        begun = time.perf_counter()
        await _result(self._store.open(self._plan.url))
        session = await _result(self._store.new_session("penelope"))
        await self._describe(begun)
        for size in self._plan.sizes:
            await self._grow(session, size)
            if size == max(self._plan.sizes):
                await self._measured("last", lambda: self._last(session))
                await self._measured("history", lambda: self._history(session))
                await self._measured("again", lambda: self._again(session))
            await self._measured("append", lambda: self._append(session))
        await self._measured("kept", lambda: self._kept(session))
        await self._measured("list", self._list)
        await self._measured("own", lambda: self._at_once(shared=False))
        await self._measured("shared", lambda: self._at_once(shared=True))
        await _result(self._store.close())

    async def _describe(self, begun: float) -> None:
        self._report(
            kind="store",
            versions={package: version(package) for package in self._store.packages},
            settings=await _result(self._store.settings()),
            writers=self._store.writers,
            opening_seconds=time.perf_counter() - begun,
        )

    async def _measured(self, workload: str, measure: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """Report what the workload gives, or in words why it gives nothing."""
        self._report(kind="begin", workload=workload)
        about: dict[str, Any] = {"kind": "result", "workload": workload, "stored": len(self._expected)}
        if note := self._store.notes.get(workload):
            about["note"] = note
        self._store.retries = 0
        try:
            about |= await measure()
        except CannotDo as reason:
            about["cannot"] = str(reason)
        except Exception as error:  # noqa: BLE001 - whatever a framework raises is its result
            about["failed"] = _in_words(error)
        if self._store.retries:
            about["retries"] = self._store.retries
        self._report(**about)

    async def _grow(self, session: Any, size: int) -> None:
        self._report(kind="begin", workload=f"storing {size:,} messages")
        texts = [_text("long", n) for n in range(len(self._expected), size)]
        deadline = time.perf_counter() + self._plan.filling_seconds
        for start in range(0, len(texts), 1000):
            if time.perf_counter() > deadline:
                return
            await self._fill(session, texts[start : start + 1000], deadline)

    async def _fill(self, session: Any, texts: list[str], deadline: float) -> None:
        try:
            await _result(self._store.fill(session, texts))
            self._expected += texts
        except CannotDo:
            for text in texts:
                await _result(self._store.append(session, _role(len(self._expected)), text))
                self._expected.append(text)
                if time.perf_counter() > deadline:
                    return

    async def _append(self, session: Any) -> dict[str, Any]:
        start, times = len(self._expected), self._plan.appends + _WARM_UP
        messages = iter([(_role(number), _text("long", number)) for number in range(start, start + times)])

        async def append() -> None:
            role, text = next(messages)
            await _result(self._store.append(session, role, text))
            self._expected.append(text)

        return await self._repeated(append, self._plan.appends)

    async def _last(self, session: Any) -> dict[str, Any]:
        expected = self._expected[-NEWEST:]
        found: list[str] = []

        async def last() -> None:
            found[:] = await _result(self._store.last(session, NEWEST))

        return await self._repeated(last, self._plan.lasts) | _faults(expected, found)

    async def _history(self, session: Any) -> dict[str, Any]:
        """The first reading: each by a store opened anew, so that none can answer from what it has kept."""
        other = await _result(self._store.new_session("penelope"))
        await _result(self._store.append(other, "user", _text("other", 0)))
        found: list[str] = []

        async def history(store: Store, mine: Any) -> None:
            found[:] = await _result(store.history(mine))

        seconds: list[float] = []
        deadline = time.perf_counter() + self._plan.seconds
        while len(seconds) < self._plan.histories and time.perf_counter() < deadline:
            store = self._new_store()
            await _result(store.open(self._plan.url))
            await _result(store.history(await _result(store.attach(other))))  # connects and prepares
            mine = await _result(store.attach(session))
            seconds.append(await _seconds(partial(history, store, mine)))
            await _result(store.close())
        return _timed(seconds, self._plan.histories) | _faults(self._expected, found)

    async def _again(self, session: Any) -> dict[str, Any]:
        """The same session by the same store, unchanged."""
        found: list[str] = []

        async def history() -> None:
            found[:] = await _result(self._store.history(session))

        return await self._repeated(history, self._plan.histories) | _faults(self._expected, found)

    async def _kept(self, session: Any) -> dict[str, Any]:
        """Whether the long session holds what one caller appended."""
        return _faults(self._expected, (await self._stored([session]))[0])

    async def _list(self) -> dict[str, Any]:
        await _result(self._store.newest("nobody"))  # before a thousand sessions are made for nothing
        names: list[str] = []
        deadline = time.perf_counter() + self._plan.filling_seconds
        for number in range(self._plan.listed):
            session = await _result(self._store.new_session("telemachus"))
            await _result(self._store.append(session, "user", _text("listed", number)))
            names.append(self._store.name(session))
            if time.perf_counter() > deadline:
                break
        found: list[str] = []

        async def newest() -> None:
            found[:] = await _result(self._store.newest("telemachus"))

        about = await self._repeated(newest, self._plan.lists)
        return about | {"stored": len(names)} | _faults(names[: -NEWEST - 1 : -1], found)

    async def _repeated(self, call: Callable[[], Awaitable[None]], times: int) -> dict[str, Any]:
        """Time the call, again and again."""
        for _ in range(_WARM_UP):
            await call()
        seconds: list[float] = []
        deadline = time.perf_counter() + self._plan.seconds
        while len(seconds) < times and time.perf_counter() < deadline:
            seconds.append(await _seconds(call))
        return _timed(seconds, times)

    async def _at_once(self, *, shared: bool) -> dict[str, Any]:
        store, writers = self._store, range(self._plan.writers)
        first = await _result(store.new_session("eurycleia")) if shared else None
        sessions = [await _result(store.attach(first) if shared else store.new_session("eurycleia")) for _ in writers]
        begun = time.perf_counter()
        attempts = await (self._in_threads(sessions) if store.writers == "threads" else self._in_tasks(sessions))
        elapsed = time.perf_counter() - begun
        if shared:
            faults = [compared(texts, attempts) for texts in await self._stored(sessions[:1])]
        else:
            stored = await self._stored(sessions)
            faults = [compared(texts, [mine]) for texts, mine in zip(stored, attempts, strict=True)]
        return self._rates(attempts, elapsed) | _summed(faults)

    async def _stored(self, sessions: list[Any]) -> list[list[str]]:
        """What the sessions hold, as a store opened anew finds it: not as one that wrote them remembers it."""
        store = self._new_store()
        await _result(store.open(self._plan.url))
        attached = [await _result(store.attach(session)) for session in sessions]
        found = [await _result(store.history(session)) for session in attached]
        await _result(store.close())
        return found

    def _rates(self, attempts: list[Attempts], elapsed: float) -> dict[str, Any]:
        appended = [each for one in attempts for each in one.appended]
        errors = Counter(error for one in attempts for error in one.refused.values())
        return {
            "per_second": len(appended) / elapsed,
            "errors": dict(errors.most_common(5)),
            "refused": errors.total(),
            "complete": len(appended) + errors.total() == self._plan.writers * self._plan.each,
        } | _spread([one.ended - one.began for one in appended])

    async def _in_tasks(self, sessions: list[Any]) -> list[Attempts]:
        return await asyncio.gather(*(self._write(number, session) for number, session in enumerate(sessions)))

    async def _in_threads(self, sessions: list[Any]) -> list[Attempts]:
        attempts: list[Attempts] = [Attempts() for _ in sessions]

        def write(number: int, session: Any) -> None:
            attempts[number] = asyncio.run(self._write(number, session))

        threads = [threading.Thread(target=write, args=each) for each in enumerate(sessions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return attempts

    async def _write(self, writer: int, session: Any) -> Attempts:
        """Append as one of several writers; an error is noted, and the next message tried."""
        attempts = Attempts()
        texts = [_text(f"writer {writer}", number) for number in range(self._plan.each)]
        deadline = time.perf_counter() + self._plan.seconds
        for number, text in enumerate(texts):
            began = time.perf_counter()
            if began > deadline:
                break
            try:
                await _result(self._store.append(session, _role(number), text))
            except Exception as error:  # noqa: BLE001 - whatever a framework raises is its result
                attempts.refused[text] = _in_words(error)
            else:
                attempts.appended.append(Appended(text, began, time.perf_counter()))
        return attempts


def compared(found: list[str], attempts: list[Attempts]) -> Fault:
    """What a session's history lacks or has wrong, given what its writers were told."""
    times = {one.text: one for attempt in attempts for one in attempt.appended}
    refused = {text for attempt in attempts for text in attempt.refused}
    counts = Counter(found)
    return Fault(
        lost=sum(text not in counts for text in times),
        doubled=sum(number - 1 for number in counts.values()),
        disordered=sum(_behind_later(found, times)),
        stored_though_refused=sum(text in counts for text in refused),
    )


def _behind_later(found: list[str], times: dict[str, Appended]) -> Iterator[bool]:
    """For each message, whether it stands behind one that was begun only after it had been stored."""
    latest_begin = 0.0
    for text in found:
        if one := times.get(text):
            yield latest_begin > one.ended
            latest_begin = max(latest_begin, one.began)


def _faults(expected: list[str], found: list[str]) -> dict[str, Any]:
    """The same for a list of which every item was stored before the next."""
    one_by_one = [Appended(text, float(n), n + 0.5) for n, text in enumerate(expected, start=1)]
    return asdict(compared(found, [Attempts(one_by_one)])) | {"unexpected": len(set(found) - set(expected))}


def _summed(faults: list[Fault]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for fault in faults:
        totals.update(asdict(fault))
    return dict(totals)


async def _seconds(call: Callable[[], Awaitable[None]]) -> float:
    """How long the call takes."""
    begun = time.perf_counter()
    await call()
    return time.perf_counter() - begun


def _timed(seconds: list[float], times: int) -> dict[str, Any]:
    return _spread(seconds) | {"complete": len(seconds) == times}


def _spread(seconds: list[float]) -> dict[str, Any]:
    if not seconds:
        return {"count": 0}
    ordered = sorted(seconds)
    return {
        "count": len(ordered),
        "median_us": ordered[len(ordered) // 2] * 1e6,
        "p99_us": ordered[ceil(len(ordered) * 0.99) - 1] * 1e6,
        "worst_us": ordered[-1] * 1e6,
    }


def _text(writer: str, number: int) -> str:
    """A text of 300 characters that says whose it is."""
    phrases = _phrases()
    chosen = (phrases[(number * step + step) % _PHRASES] for step in (7919, 104_729, 1_299_709, 15_485_863))
    return f"{writer}, message {number}: {' '.join(chosen)}"[:CHARACTERS]


@cache
def _phrases() -> list[str]:
    """Made-up words, as frequent as those of a language: an index of words costs what its words cost."""
    chance = random.Random(8)  # noqa: S311 - nothing is to be kept secret
    words = ["".join(chance.choices(("ka", "lo", "mi", "ne", "ru", "so", "ti"), k=3 + n % 3)) for n in range(_WORDS)]
    weights = list(accumulate(1 / rank for rank in range(1, _WORDS + 1)))
    return [" ".join(chance.choices(words, cum_weights=weights, k=12))[:80] for _ in range(_PHRASES)]


def _role(number: int) -> str:
    return "assistant" if number % 2 else "user"


def _in_words(error: BaseException) -> str:
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0][:200]}" if first else type(error).__name__


async def _result(value: Any) -> Any:
    """What a plain call returned, or what a coroutine gives."""
    return await value if inspect.isawaitable(value) else value
