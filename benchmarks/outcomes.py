"""Outcomes in words, as tables, and as JSON and back."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.measuring import Outcome, Result, Skipped, Target

_HEADINGS = ("workload", "case", "quantity", "ours", "floor", "ours ÷ floor", "quartiles", "target", "met")


def amount(value: float, quantity: str) -> str:
    """A value with its unit: "205 µs", "4,012/s", "12.1 MB"."""
    if quantity.endswith("/s"):
        return f"{value:,.0f}/s"
    if quantity == "memory":
        return f"{value / 1e6:.1f} MB"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def figure(value: float, result: Result) -> str:
    """A ratio as "1.23×"; a difference or a value with its unit."""
    kind = "ratio" if result.target is None else result.target.kind
    if kind == "ratio":
        return f"{value:.3g}×"
    return f"{'+' if kind == 'difference' else ''}{amount(value, result.quantity)}"


def target(result: Result) -> str:
    if result.target is None:
        return ""
    return f"{'≤' if result.target.most else '≥'} {figure(result.target.limit, result)}"


def cells(outcome: Outcome) -> tuple[str, ...]:
    """A row of the table."""
    if isinstance(outcome, Skipped):
        return (outcome.workload, outcome.case, f"skipped: {outcome.reason}", "", "", "", "", "", "")
    return (
        outcome.workload,
        outcome.case,
        outcome.quantity,
        amount(outcome.ours, outcome.quantity),
        amount(outcome.floor, outcome.quantity),
        figure(outcome.figure, outcome),
        f"{figure(outcome.low, outcome)} … {figure(outcome.high, outcome)}",
        target(outcome),
        {True: "yes", False: "no", None: ""}[outcome.is_met],
    )


def line(outcome: Outcome) -> str:
    """What is printed as soon as it is measured."""
    if isinstance(outcome, Skipped):
        return f"{outcome.workload}, {outcome.case}: skipped, {outcome.reason}"
    workload, case, quantity, ours, floor, found, spread, wanted, met = cells(outcome)
    verdict = f", target {wanted}: {'met' if met == 'yes' else 'NOT MET'}" if wanted else ""
    return f"{workload}, {case}: {quantity} {ours}, floor {floor}: {found} ({spread}){verdict}"


def table(outcomes: Iterable[Outcome]) -> Table:
    """For the terminal."""
    made = Table(*_HEADINGS)
    for outcome in outcomes:
        missed = isinstance(outcome, Result) and outcome.is_met is False
        made.add_row(*cells(outcome), style="red" if missed else None)
    return made


def markdown(outcomes: Iterable[Outcome]) -> str:
    """For the documentation."""
    lines = [_HEADINGS, tuple("---" for _ in _HEADINGS), *map(cells, outcomes)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def growths(outcomes: Iterable[Outcome]) -> dict[str, list[Result]]:
    """The results that show growth, by workload, the smallest first."""
    found = sorted((one for one in outcomes if isinstance(one, Result) and one.stored), key=lambda one: one.workload)
    return {
        name: sorted(points, key=lambda one: one.stored or 0)
        for name, points in groupby(found, key=lambda one: one.workload)
    }


def write(path: Path, facts: dict[str, str], outcomes: Sequence[Outcome]) -> None:
    """Writes what was found, and on what."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": facts, "outcomes": [asdict(outcome) for outcome in outcomes]}
    path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def is_run(path: Path) -> bool:
    """Whether `write` wrote this file."""
    return "outcomes" in json.loads(path.read_text(encoding="utf-8"))


def read(path: Path) -> tuple[dict[str, str], list[Outcome]]:
    """What `write` wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return found["machine"], [_outcome(fields) for fields in found["outcomes"]]


def _outcome(fields: dict[str, Any]) -> Outcome:
    if "reason" in fields:
        return Skipped(**fields)
    wanted = fields.pop("target")
    return Result(**fields, target=wanted and Target(**wanted))
