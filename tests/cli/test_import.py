from pathlib import Path

import pytest

from tests.cli.running import Ithaca, run_in_terminal
from tests.interchange.legacy import make_legacy, message, session


@pytest.fixture
def legacy(tmp_path: Path) -> str:
    """A legacy file with two sessions, three messages and a document of two versions."""
    return str(
        make_legacy(
            tmp_path / "app.db",
            sessions=[session("s1"), session("s2", name="Sparta", owner="telemachus")],
            messages=[message("m1", "one"), message("m2", "two"), message("m3", "three", session_id="s2")],
            documents=[{"id": "d1", "title": "Letter", "current_content": "new", "version_count": 2}],
            versions=[
                {"id": "v1", "document_id": "d1", "version_number": 1, "content": "old"},
                {"id": "v2", "document_id": "d1", "version_number": 2, "content": "new"},
            ],
        )
    )


def test_brings_everything_in(ithaca: Ithaca, legacy: str) -> None:
    report = ithaca.json("import", "odysseus", legacy)
    assert [report[thing] for thing in ("sessions", "messages", "documents", "versions")] == [2, 3, 1, 2]
    assert [it["content"] for it in ithaca.json("sessions", "show", "s1")["messages"]] == ["one", "two"]
    assert ithaca.json("documents", "show", "d1")["content"] == "new"


def test_twice_brings_nothing_twice(ithaca: Ithaca, legacy: str) -> None:
    ithaca("import", "odysseus", legacy)
    report = ithaca.json("import", "odysseus", legacy)
    assert [report[thing] for thing in ("sessions", "messages", "documents", "versions")] == [0, 0, 0, 0]
    assert report["unchanged"] == 3
    assert len(ithaca.json("sessions", "list")["items"]) == 2


def test_tells_people_what_came_in(ithaca: Ithaca, legacy: str) -> None:
    first, again = ithaca("import", "odysseus", legacy), ithaca("import", "odysseus", legacy)
    assert (first.status, first.err) == (0, "")
    assert first.out.startswith("Brought in 2 sessions, 3 messages, 1 document, 2 versions.\n")
    assert "Left alone, as they were here already or were deleted here: 3.\n" in again.out


def test_a_dry_run_brings_nothing_in(ithaca: Ithaca, legacy: str) -> None:
    ran = ithaca("import", "odysseus", legacy, "--dry-run")
    assert ran.out.startswith("A first import would bring in 2 sessions, 3 messages, 1 document, 2 versions.\n")
    assert not Path(ithaca.database).exists()


def test_what_is_imported_for_an_owner_is_theirs(ithaca: Ithaca, legacy: str) -> None:
    ithaca("import", "odysseus", legacy, owner="penelope")
    assert {it["owner"] for it in ithaca.json("sessions", "list")["items"]} == {"penelope"}


def test_oddities_are_told_and_many_are_cut_short(ithaca: Ithaca, tmp_path: Path) -> None:
    odd = [message(f"m{number}", "hello", metadata="no JSON") for number in range(30)]
    file = str(make_legacy(tmp_path / "app.db", sessions=[session()], messages=odd))
    ran = ithaca("import", "odysseus", file)
    oddities = ithaca.json("import", "odysseus", file, "--dry-run")["oddities"]
    shown = [line for line in ran.out.splitlines() if line.startswith("  - ")]
    assert (ran.status, ran.err, bool(oddities)) == (0, "", True)
    assert shown == [f"  - {oddity}" for oddity in oddities[:20]]
    assert ("more; --json shows them all" in ran.out) == (len(oddities) > 20)


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_another_file_is_refused_in_a_sentence(ithaca: Ithaca, tmp_path: Path, dry: list[str]) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no database " * 1000)
    ran = ithaca("import", "odysseus", str(file), *dry)
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith(f"Error: {file} cannot be imported: ")
    assert not Path(ithaca.database).exists()


def test_a_missing_file_is_refused_in_a_sentence(ithaca: Ithaca, tmp_path: Path) -> None:
    ran = ithaca("import", "odysseus", str(tmp_path / "nothing.db"))
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)


def test_a_terminal_ends_with_the_summary_alone(legacy: str, database: str) -> None:
    ran = run_in_terminal("import", "odysseus", legacy, "--database", database)
    assert ran.status == 0
    assert ran.out.rstrip().endswith("Brought in 2 sessions, 3 messages, 1 document, 2 versions.")
