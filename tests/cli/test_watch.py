"""`ithaca watch`."""

import json
from pathlib import Path

import pytest

from ithaca import ChatMessage, SessionManager
from ithaca.cli import main


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = str(tmp_path / "chats.db")
    with SessionManager(path) as manager:
        manager.create_session("s", owner="penelope")
        manager.add_message("s", ChatMessage("user", "hello"))
    return path


def test_a_line_for_each_change(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["watch", "--database", database, "--session", "s", "--after", "0-0", "--timeout", "0"])
    assert ["s  created, revision 1", "s  messages added, revision 2"] == [
        line.partition("  ")[2] for line in capsys.readouterr().out.splitlines()
    ]


def test_a_number_is_a_revision(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["watch", "--database", database, "--session", "s", "--after", "1", "--timeout", "0"])
    assert capsys.readouterr().out.endswith("s  messages added, revision 2\n")
    assert 2 == main(["watch", "--database", database, "--after", "1", "--timeout", "0"])
    assert "a revision goes with a session" in capsys.readouterr().err


def test_json_lines_continue_by_their_cursor(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["watch", "--database", database, "--owner", "penelope", "--json", "--timeout", "0"]
    assert 0 == main([*options, "--after", "0-0"])
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert ("created", "messages added") == (first["kind"], second["kind"])
    assert 0 == main([*options, "--after", first["cursor"]])
    assert [second] == [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_wrong_cursor_is_one_sentence(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main(["watch", "--database", database, "--after", "nonsense"])
    assert "after must be the cursor of a change" in capsys.readouterr().err
