"""`ithaca config`."""

import json
from pathlib import Path

import pytest

from ithaca.cli import main


def test_every_setting_is_shown_with_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ithaca.toml"
    file.write_text('database_url = "postgresql://me:pass@localhost/x"\nport = 99\nsecret_key = "hush"')
    file.chmod(0o600)
    monkeypatch.setenv("ITHACA_CONFIG", str(file))
    monkeypatch.setenv("ITHACA_TRASH_DAYS", "5")
    monkeypatch.setenv("ITHACA_SUMMARIES", "off")
    assert main(["config", "--json"]) == 0
    said = capsys.readouterr().out
    shown = json.loads(said)
    assert (shown["file"], "pass" in said.replace("PASS", ""), "hush" in said) == (str(file), False, False)
    settings = {each["name"]: (each["value"], each["source"]) for each in shown["settings"]}
    assert settings["ITHACA_DATABASE_URL"] == ("postgresql://me:***@localhost/x", str(file))
    assert settings["ITHACA_SECRET_KEY"] == ("***", str(file))
    assert settings["ITHACA_TRASH_DAYS"] == (5.0, "environment")
    assert (settings["ITHACA_TITLES"], settings["ITHACA_SUMMARIES"]) == (("on", "default"), ("off", "environment"))
    assert settings["ITHACA_PORT"] == (99, str(file))
    assert settings["ITHACA_MAX_PAGE"] == (1000, "default")
    assert main(["config", "--json", "--database", "other.db"]) == 0
    option = json.loads(capsys.readouterr().out)["settings"][0]
    assert (option["value"], option["source"]) == ("other.db", "option")


def test_it_is_shown_to_people_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == 0
    said = capsys.readouterr().out
    assert "ITHACA_PORT" in said
    assert "File: none; " in said


def test_a_mistake_in_the_file_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ithaca.toml"
    file.write_text("prot = 99")
    monkeypatch.setenv("ITHACA_CONFIG", str(file))
    assert main(["sessions", "list"]) == 1
    assert capsys.readouterr().err == f"Error: prot in {file} cannot be used: there is no such setting.\n"
