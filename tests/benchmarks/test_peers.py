"""The comparison with other stores, on Ithaca alone: the others' environments have to be fetched."""

import json
from pathlib import Path

import pytest

from benchmarks.peers import report
from benchmarks.peers.__main__ import main
from benchmarks.peers.catalogue import PEERS, chosen
from benchmarks.peers.environments import EnvironmentFailed
from benchmarks.peers.workloads import Appended, Attempts, Fault, compared

_WORKLOADS = ["append", "append", "last", "history", "again", "append", "kept", "list", "own", "shared"]
_NOTHING_WRONG = {"lost": 0, "doubled": 0, "disordered": 0, "stored_though_refused": 0}


@pytest.fixture(params=["ithaca-sqlite", "ithaca-postgresql"])
def record(request: pytest.FixtureRequest, tmp_path: Path) -> report.Record:
    """What a quick run finds out about Ithaca on a database."""
    out = tmp_path / "peers.json"
    assert main([request.param, "--quick", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert list(found) == [request.param]
    return found[request.param]


def test_every_workload_is_measured_and_all_that_was_appended_is_there_in_order(record: report.Record) -> None:
    assert "failed" not in record
    assert _WORKLOADS == [result["workload"] for result in record["results"]]
    for result in record["results"]:
        assert not {"failed", "cannot"} & result.keys()
        if result["workload"] != "append":
            assert _NOTHING_WRONG == {kind: result[kind] for kind in _NOTHING_WRONG}
        if result["workload"] != "kept":
            assert result["complete"]
            assert 0 < result["median_us"] <= result["p99_us"] <= result["worst_us"]
    assert min(record["floor_us"]) > 0


def test_what_a_history_lacks_doubles_or_shuffles_is_counted() -> None:
    attempts = Attempts(
        [Appended("a", 1, 2), Appended("b", 3, 4), Appended("c", 3, 5), Appended("d", 6, 7)], {"e": "Locked"}
    )
    assert compared(["a", "b", "c", "d"], [attempts]) == Fault(0, 0, 0, 0)
    assert compared(["a", "c", "b", "d"], [attempts]) == Fault(0, 0, 0, 0)  # both were under way at once
    assert compared(["b", "a", "c", "d"], [attempts]) == Fault(0, 0, disordered=1, stored_though_refused=0)
    assert compared(["a", "a", "c", "e"], [attempts]) == Fault(2, 1, 0, 1)


def test_a_store_is_chosen_by_its_name_or_its_beginning() -> None:
    assert chosen([]) == list(PEERS)
    assert ["agno-sqlite", "agno-postgresql"] == [peer.name for peer in chosen(["agno"])]
    assert ["adk-sqlite"] == [peer.name for peer in chosen(["adk-sqlite"])]
    with pytest.raises(KeyError, match="nestor"):
        chosen(["nestor"])


def test_a_store_that_cannot_be_had_is_reported_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(environment: str, folder: Path) -> Path:
        raise EnvironmentFailed("no network")

    monkeypatch.setattr("benchmarks.peers.__main__.interpreter", fail)
    out = tmp_path / "peers.json"
    main(["agno-sqlite", "--quick", "--out", str(out)])
    assert "no network" in report.markdown(report.read(out))
    assert "failed: no network" in capsys.readouterr().out


def test_the_table_takes_the_place_between_its_markers(tmp_path: Path) -> None:
    page, out = tmp_path / "performance.md", tmp_path / "peers.json"
    page.write_text(f"Before.\n{report.BEGIN}\nold\n{report.END}\nAfter.\n")
    report.write(out, {"adk-sqlite": _record("ADK"), "agno-sqlite": _record("Agno", failed="silent")})
    main(["--report", str(page), "--out", str(out)])
    text = page.read_text()
    assert text.startswith(f"Before.\n{report.BEGIN}\n")
    assert text.endswith(f"{report.END}\nAfter.\n")
    assert "old" not in text
    assert "| ADK | 200–300 µs | 1 ms (2 ms) | not reached |" in text
    assert "failed: silent" in text


def test_a_page_without_a_place_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("Nothing to see.\n")
    with pytest.raises(report.NoPlace):
        report.insert(page, "table")
    assert page.read_text() == "Nothing to see.\n"


def _record(label: str, **more: object) -> report.Record:
    appended = {"workload": "append", "stored": 0, "count": 9, "median_us": 1000.0, "p99_us": 2000.0}
    return {
        "label": label,
        "database": "sqlite",
        "quick": True,
        "at": "2026-03-01 05:00 UTC",
        "sizes": [0, 10],
        "floor_us": [300.0, 200.0],
        "results": [appended],
        **more,
    }
