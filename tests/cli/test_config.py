"""`ithaca config`."""

from pathlib import Path

import pytest

from tests.cli.running import run


def test_every_setting_is_shown_with_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ithaca.toml"
    file.write_text('database_url = "postgresql://me:pass@localhost/x"\nport = 99\nsecret_key = "hush"')
    file.chmod(0o600)
    monkeypatch.setenv("ITHACA_CONFIG", str(file))
    monkeypatch.setenv("ITHACA_TRASH_DAYS", "5")
    ran = run("config", "--json")
    assert (ran.json["file"], "pass" in ran.out, "hush" in ran.out) == (str(file), False, False)
    settings = {each["name"]: (each["value"], each["source"]) for each in ran.json["settings"]}
    assert settings["ITHACA_DATABASE_URL"] == ("postgresql://me:***@localhost/x", str(file))
    assert settings["ITHACA_SECRET_KEY"] == ("***", str(file))
    assert settings["ITHACA_TRASH_DAYS"] == (5.0, "environment")
    assert settings["ITHACA_PORT"] == (99, str(file))
    assert settings["ITHACA_MAX_PAGE"] == (1000, "default")
    option = run("config", "--json", "--database", "other.db").json["settings"][0]
    assert (option["value"], option["source"]) == ("other.db", "option")


def test_it_is_shown_to_people_too() -> None:
    ran = run("config")
    assert ran.status == 0
    assert "ITHACA_PORT" in ran.out
    assert "File: none; " in ran.out


def test_a_mistake_in_the_file_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "ithaca.toml"
    file.write_text("prot = 99")
    ran = run("sessions", "list", env={"ITHACA_CONFIG": str(file)})
    assert (ran.status, ran.err) == (1, f"Error: prot in {file} cannot be used: there is no such setting.\n")
