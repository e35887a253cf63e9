from pathlib import Path

import pytest

from tests.cli.running import Ithaca


@pytest.fixture
def letter(ithaca: Ithaca) -> str:
    ithaca("documents", "create", "Letter", "Dear Penelope", "--id", "d")
    return "d"


def _content(ithaca: Ithaca, document: str) -> object:
    return ithaca.json("documents", "show", document)["content"]


def test_creates_a_document(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "--id", "a")
    ran = ithaca("documents", "create", "Letter", "Dear Penelope", "--id", "d", "--language", "text", "--session", "a")
    assert (ran.status, ran.out) == (0, 'Created "Letter", version 1, document d.\n')
    with ithaca.manager() as manager:
        document = manager.get_document("d")
    assert (
        document.title, document.content, document.language, document.session_id, document.version,
    ) == ("Letter", "Dear Penelope", "text", "a", 1)  # fmt: skip


def test_takes_the_text_from_a_file_or_from_standard_input(ithaca: Ithaca, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_bytes("Dear\r\nΠηνελόπη\n".encode())
    ithaca("documents", "create", "L", "--file", str(file), "--id", "d")
    ithaca("documents", "create", "L", "-", "--id", "e", stdin=file.read_bytes())
    assert [_content(ithaca, "d"), _content(ithaca, "e")] == ["Dear\r\nΠηνελόπη\n"] * 2


def test_takes_the_text_from_one_place_only(ithaca: Ithaca, tmp_path: Path) -> None:
    ran = ithaca("documents", "create", "L", "text", "--file", str(tmp_path / "f"))
    assert (ran.status, ran.err.count("\n")) == (2, 1)


def test_a_file_that_is_not_there_is_named(ithaca: Ithaca, tmp_path: Path) -> None:
    file = tmp_path / "nothing"
    ran = ithaca("documents", "create", "L", "--file", str(file))
    assert (1, f"Error: {file}: No such file or directory.\n") == (ran.status, ran.err)


def test_each_edit_makes_a_version(ithaca: Ithaca, letter: str) -> None:
    ithaca("documents", "edit", letter, "Dear wife", "--summary", "warmer")
    ithaca("documents", "edit", letter, "--title", "Letter home", "--language", "text")
    versions = ithaca.json("documents", "versions", letter)["items"]
    assert [(v["version"], v["title"]) for v in versions] == [(3, "Letter home"), (2, "Letter"), (1, "Letter")]
    assert [version["summary"] for version in versions] == [None, "warmer", None]


def test_an_edit_that_changes_nothing_is_wrong_usage(ithaca: Ithaca, letter: str) -> None:
    assert ithaca("documents", "edit", letter).status == 2


def test_shows_versions_to_people(ithaca: Ithaca, letter: str) -> None:
    ithaca("documents", "edit", letter, "Dear wife", "--summary", "warmer")
    heading, *rows = ithaca("documents", "versions", letter).out.splitlines()
    assert (heading.split()[0], [row.split()[0] for row in rows]) == ("Version", ["2", "1"])


def test_shows_a_document(ithaca: Ithaca, letter: str) -> None:
    lines = ithaca("documents", "show", letter).out.splitlines()
    assert (lines[0], *lines[2:]) == ("Letter", "d", "", "Dear Penelope")


def test_shows_an_older_version(ithaca: Ithaca, letter: str) -> None:
    ithaca("documents", "edit", letter, "Dear wife")
    assert ithaca.json("documents", "show", letter, "--version", "1")["content"] == "Dear Penelope"
    assert "version 1 of 2" in ithaca("documents", "show", letter, "--version", "1").out


def test_a_missing_version_is_named(ithaca: Ithaca, letter: str) -> None:
    ran = ithaca("documents", "show", letter, "--version", "7")
    assert (ran.status, ran.err) == (1, "Error: Document 'd' has no version 7.\n")


def test_restores_a_version(ithaca: Ithaca, letter: str) -> None:
    ithaca("documents", "edit", letter, "Dear wife")
    restored = ithaca.json("documents", "restore", letter, "1")
    assert (restored["version"], _content(ithaca, letter)) == (3, "Dear Penelope")


def test_attaches_and_detaches(ithaca: Ithaca, letter: str) -> None:
    ithaca("sessions", "create", "--id", "a")
    assert ithaca.json("documents", "attach", letter, "a")["session_id"] == "a"
    assert [letter] == [it["id"] for it in ithaca.json("documents", "list", "--session", "a")["items"]]
    assert None is ithaca.json("documents", "detach", letter)["session_id"]
    assert [letter] == [it["id"] for it in ithaca.json("documents", "list", "--session", "")["items"]]


def test_archives_and_unarchives(ithaca: Ithaca, letter: str) -> None:
    assert True is ithaca.json("documents", "archive", letter)["archived"]
    assert ithaca.json("documents", "list", "--not-archived")["items"] == []
    assert "Letter (archived)" in ithaca("documents", "list").out
    assert False is ithaca.json("documents", "unarchive", letter)["archived"]


def test_deletes(ithaca: Ithaca, letter: str) -> None:
    ran = ithaca("documents", "delete", letter)
    assert (ran.status, ran.out.startswith("Moved 1 document to the trash: ")) == (0, True)
    assert ithaca("documents", "list").out == "No documents.\n"


@pytest.mark.parametrize(
    "command",
    [
        ["show", "x"], ["edit", "x", "t"], ["versions", "x"], ["restore", "x", "1"], ["attach", "x", "a"],
        ["detach", "x"], ["archive", "x"], ["unarchive", "x"], ["delete", "x"],
    ],
)  # fmt: skip
def test_a_missing_document_is_named(ithaca: Ithaca, command: list[str]) -> None:
    ithaca("sessions", "create", "--id", "a")
    ran = ithaca("documents", *command)
    assert (ran.status, ran.out, ran.err) == (1, "", "Error: There is no document 'x'.\n")
