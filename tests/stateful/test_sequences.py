"""Any sequence of calls, by two managers in turns, does what the model says."""

import asyncio
import shutil
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from ithaca import AsyncSessionManager
from tests.conftest import Servers
from tests.stateful.keep import Awaited, Waiting
from tests.stateful.model.kept import Clock
from tests.stateful.rules import Everything
from tests.support.processes import rounds, soaking


def sequences(examples: int) -> settings:
    """The same ones in every run; when soaking, many more and always others."""
    return settings(
        max_examples=rounds(examples),
        stateful_step_count=60,
        deadline=None,
        derandomize=not soaking(),
        database=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


@pytest.fixture(autouse=True)
def nobody_gives_titles(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an answer, a model would be asked for one."""
    monkeypatch.setenv("ITHACA_TITLES", "off")


@pytest.fixture(scope="module")
def runner() -> Any:
    with asyncio.Runner() as runner:
        yield runner


def two_managers(fresh_url: Callable[[], str], runner: asyncio.Runner | None, clock: Clock) -> list[Any]:
    """Two managers on a new database; with a runner, the second is awaited."""
    url = fresh_url()
    first = Waiting(url, durability="relaxed", clock=clock)
    if runner is None:
        return [first, Waiting(url, durability="relaxed", clock=clock)]
    return [first, Awaited(AsyncSessionManager(url, durability="relaxed", clock=clock), runner)]


@pytest.mark.parametrize("second", ["waits", "awaits"])
def test_on_sqlite(second: str, sqlite_with_tables: Path, tmp_path: Path, runner: asyncio.Runner) -> None:
    numbers = count()

    def fresh_url() -> str:
        return f"sqlite:///{shutil.copy(sqlite_with_tables, tmp_path / f'{next(numbers)}.db')}"

    pair = partial(two_managers, fresh_url, runner if second == "awaits" else None)
    run_state_machine_as_test(partial(Everything, pair), settings=sequences(40))


@pytest.mark.parametrize(("version", "examples"), [("newest", 12), ("15", 5)])
@pytest.mark.parametrize("second", ["waits", "awaits"])
def test_on_postgres(second: str, version: str, examples: int, servers: Servers, runner: asyncio.Runner) -> None:
    server = servers[version]
    used: list[str] = []

    def fresh_url() -> str:
        while used:
            server.take_back(used.pop())
        used.append(server.lend_database())
        return used[0]

    pair = partial(two_managers, fresh_url, runner if second == "awaits" else None)
    run_state_machine_as_test(partial(Everything, pair), settings=sequences(examples))
