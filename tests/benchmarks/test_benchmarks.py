"""The benchmarks work and say all that they should. How fast anything is, is not asked here."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import given, outcomes, report
from benchmarks.__main__ import main
from benchmarks.measuring import Result, Skipped, Timed, at_least, at_most, figure_of, in_turn, p99, summary
from benchmarks.workloads import WORKLOADS

CHEAP = ["append_one", "append_one_async", "append_threads", "last_50", "history", "truncate_last", "http_append"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a quick run of the cheap workloads."""
    folder = tmp_path_factory.mktemp("bench")
    assert main(["--quick", "--most", "100000", "--directory", str(folder), "--out", str(folder), *CHEAP]) == 0
    return folder


def found(run: Path) -> dict[str, Any]:
    (written,) = run.glob("*.json")
    return dict(json.loads(written.read_text(encoding="utf-8")))


def test_every_workload_that_was_asked_for_has_results(run: Path) -> None:
    assert CHEAP == list(dict.fromkeys(outcome["workload"] for outcome in found(run)["outcomes"]))


def test_a_result_says_all_that_it_should(run: Path) -> None:
    for outcome in found(run)["outcomes"]:
        numbers = [outcome[field] for field in ("ours", "floor", "figure", "low", "high")]
        assert all(math.isfinite(number) and number > 0 for number in numbers), outcome
        assert outcome["low"] <= outcome["figure"] <= outcome["high"], outcome


def test_the_machine_and_the_versions_are_told(run: Path) -> None:
    told = {"date", "ithaca", "Python", "SQLite", "apsw", "psycopg", "CPU", "file system", "kernel", "load"}

    assert told | {"sizes"} == found(run)["machine"].keys()


def test_databases_are_removed_afterwards(run: Path) -> None:
    assert [".json"] == [file.suffix for file in run.iterdir()]


def test_an_unknown_workload_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["append_two"])

    assert "there is no workload append_two" in capsys.readouterr().err


def test_the_list_names_every_workload(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--list"])

    assert list(WORKLOADS) == [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_the_sides_take_turns_at_being_first() -> None:
    called: list[str] = []

    def side(name: str) -> Any:
        return lambda: called.append(name) or {"time": float(len(called))}

    assert [({"time": 1.0}, {"time": 2.0}), ({"time": 4.0}, {"time": 3.0})] == list(in_turn(side("o"), side("f"), 2))
    assert ["o", "f", "f", "o"] == called


def test_a_sample_is_as_many_calls_as_fill_it() -> None:
    calls: list[None] = []
    timed = Timed(lambda: calls.append(None))
    timed.warm_up(0, 0.001)
    calls.clear()
    timed()

    assert 1 < len(calls) == timed.times


@pytest.mark.parametrize(
    ("target", "met", "missed"),
    [(at_most(1.25), 1.25, 1.26), (at_least(2.5), 2.5, 2.4), (at_most(0.04, "difference"), 0.03, 0.05)],
)
def test_a_target_is_met_up_to_its_limit(target: Any, met: float, missed: float) -> None:
    assert (True, False) == (target.is_met(met), target.is_met(missed))


def test_figures() -> None:
    assert (2.0, 3.0, 6.0) == (figure_of(6, 3, "ratio"), figure_of(6, 3, "difference"), figure_of(6, 3, "value"))
    assert 99 == p99(range(1, 101))
    assert (3, 2, 4) == (summary([5, 1, 2, 3, 4]).median, summary([5, 1, 2, 3, 4]).low, summary([5, 1, 2, 3, 4]).high)


def test_messages_have_300_characters_and_are_rarely_the_same() -> None:
    texts = [given.text(number) for number in range(20_000)]

    assert {given.LENGTH} == set(map(len, texts))
    assert 20_000 == len(set(texts))
    assert 2 == sum(given.RARE in text for text in texts)
    assert 0.1 < sum(given.COMMON in text for text in texts) / len(texts) < 0.6


RESULT = Result("append_one", "0 held", "time", 2e-4, 1e-4, 2.0, 1.9, 2.1, 25, at_most(1.25))
GROWN = Result("growth_open", "1,000 sessions", "time", 2e-3, 1e-3, 2.0, 1.9, 2.1, 25, stored=1_000)


def test_outcomes_come_back_as_they_were_written(tmp_path: Path) -> None:
    written = [RESULT, GROWN, Skipped("append_pg", "", "no server")]
    outcomes.write(tmp_path / "run.json", {"date": "today"}, written)

    assert ({"date": "today"}, written) == outcomes.read(tmp_path / "run.json")


def test_a_report_needs_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.json"
    other.write_text("{}", encoding="utf-8")

    assert 2 == report.main([str(other)])
    assert "usage" in capsys.readouterr().err


def test_a_line_tells_whether_the_target_was_met() -> None:
    expected = "append_one, 0 held: time 200 µs, floor 100 µs: 2× (1.9× … 2.1×), target ≤ 1.25×: NOT MET"

    assert expected == outcomes.line(RESULT)


def test_a_page_is_written_between_its_markers_only() -> None:
    page = "before\n<!-- results -->\nold\n<!-- /results -->\nafter"

    assert page.replace("old", "new\\1") == report.between(page, "results", "new\\1")
    with pytest.raises(LookupError):
        report.between(page, "machine", "new")


def test_the_page_has_the_markers() -> None:
    page = Path(report.__file__).parent.parent / report.PAGE

    for name in ("machine", "results", "service", "growth"):
        assert "new" in report.between(page.read_text(encoding="utf-8"), name, "new")
