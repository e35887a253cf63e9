"""Writes what was measured into the documentation: `python -m benchmarks.report build/bench/*.json`.

Of several files, the later one's results stand for the same cases. Files of another kind are passed over. Only what
lies between the markers is written, of the parts that were measured.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import outcomes
from benchmarks.measuring import Outcome, Result
from benchmarks.plots import draw
from benchmarks.workloads import WORKLOADS

PAGE = Path("docs/performance.md")
#: Workloads with a part of the page of their own.
SERVED = frozenset(name for name in WORKLOADS if name.startswith("http_"))
#: From the page.
FIGURES = Path("assets/performance")


def main(files: Sequence[str]) -> int:
    runs = [outcomes.read(path) for path in map(Path, sorted(files)) if outcomes.is_run(path)]
    if not runs:
        sys.stderr.write("usage: python -m benchmarks.report build/bench/*.json\n")
        return 2
    found = merged(outcome for _, run in runs for outcome in run)
    draw(found, PAGE.parent / FIGURES)
    served = [one for one in found if one.workload in SERVED]
    stored = [one for one in found if one.workload not in SERVED]
    page = PAGE.read_text(encoding="utf-8")
    if served:
        facts = next(facts for facts, run in reversed(runs) if any(one.workload in SERVED for one in run))
        page = between(page, "service", _service(facts, served))
    if stored:
        parts = {
            "machine": _machine([facts for facts, _ in runs]),
            "results": _results(stored),
            "growth": _growth(stored),
        }
        for name, content in parts.items():
            page = between(page, name, content)
    PAGE.write_text(page, encoding="utf-8")
    return 0


def merged(found: Iterable[Outcome]) -> list[Outcome]:
    """The last outcome of each quantity, in the order of the workloads."""
    last = {(one.workload, one.case, getattr(one, "quantity", "")): one for one in found}
    order = list(WORKLOADS)
    return sorted(last.values(), key=lambda one: order.index(one.workload))


def between(page: str, name: str, content: str) -> str:
    """The page with this content between its markers `<!-- NAME -->` and `<!-- /NAME -->`."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise LookupError(f"the page has no {begin} … {end}")
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", page)


def _machine(runs: Sequence[dict[str, str]]) -> str:
    """A table of facts; where the runs differ, of each, or of the first and the last of many."""
    names = dict.fromkeys(name for facts in runs for name in facts)
    told = {name: list(dict.fromkeys(facts[name] for facts in runs if name in facts)) for name in names}
    rows = [f"| {name} | {_listed(facts)} |" for name, facts in told.items()]
    return "\n".join(["| | |", "| --- | --- |", *rows])


def _service(facts: dict[str, str], found: Iterable[Outcome]) -> str:
    """What HTTP costs, when and on what it was measured."""
    told = ", ".join(facts[name] for name in ("date", "CPU") if name in facts)
    return f"{outcomes.markdown(found)}\n\nMeasured with Ithaca {facts['ithaca']}: {told}."


def _listed(facts: Sequence[str]) -> str:
    return "; ".join(facts) if len(facts) <= 3 else f"{facts[0]} … {facts[-1]}"


def _results(found: Iterable[Outcome]) -> str:
    targets = [one for one in found if not (isinstance(one, Result) and one.stored)]
    return outcomes.markdown(targets)


def _growth(found: Iterable[Outcome]) -> str:
    lines = []
    for name, points in outcomes.growths(found).items():
        about = (WORKLOADS[name].__doc__ or "").strip()
        lines += [f"![{about}]({FIGURES}/{name}.svg)", "", about, ""]
        lines += [outcomes.markdown(points), ""]
    return "\n".join(lines).strip()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
