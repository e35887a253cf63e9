"""What every command has in common: its shared options, its exit status, its one sentence on standard error."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ithaca import SessionManager
from ithaca.cli import main
from ithaca.cli.app import app
from tests.cli.running import Ithaca, run

EVERY_COMMAND = [
    "sessions list", "sessions show", "sessions create", "sessions rename", "sessions archive", "sessions unarchive",
    "sessions star", "sessions delete", "messages add", "messages edit", "messages delete", "messages truncate",
    "documents list", "documents show", "documents create", "documents edit", "documents versions",
    "documents restore", "documents attach", "documents detach", "documents archive", "documents unarchive",
    "documents delete", "import odysseus", "cleanup", "db info", "db upgrade", "db verify", "demo",
    "incognito", "config",
]  # fmt: skip


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_every_command_takes_the_shared_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    help = capsys.readouterr().out
    assert {"--database", "--owner", "--json"} <= set(re.findall(r"--[a-z]+", help))


#: Every group of commands; "" is that of all.
GROUPS = ["", *(group.name for group in app.registered_groups)]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_without_a_command_shows_its_help(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(group.split()) == 2
    out, err = capsys.readouterr()
    assert (out, err.startswith(f"Usage: {f'ithaca {group}'.strip()} ")) == ("", True)


@pytest.mark.parametrize("group", GROUPS)
def test_no_summary_is_cut_at_80_columns(
    group: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main([*group.split(), "--help"])
    summaries = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert summaries
    assert [line for line in summaries if line.endswith(("...", "…")) or len(line) > 80] == []


def test_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    from ithaca import __version__

    assert (main(["--version"]), capsys.readouterr().out) == (0, f"ithaca {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        "--database {} --owner x --json sessions list",
        "sessions --database {} --owner x --json list",
        "sessions list --database {} --owner x --json",
        "--json sessions --owner x list --database {}",
    ],
)
def test_shared_options_stand_before_or_after_a_command(
    ithaca: Ithaca, capsys: pytest.CaptureFixture[str], arguments: str
) -> None:
    ithaca("sessions", "create", "--id", "a", owner="x")
    ithaca("sessions", "create", "--id", "b", owner="y")
    capsys.readouterr()
    assert main(arguments.format(ithaca.database).split()) == 0
    assert re.findall(r'"id": "(.)"', capsys.readouterr().out) == ["a"]


def test_the_option_after_the_command_wins(ithaca: Ithaca, capsys: pytest.CaptureFixture[str]) -> None:
    ithaca("sessions", "create", "--id", "a", owner="x")
    capsys.readouterr()
    main(["--owner", "y", "sessions", "list", "--owner", "x", "--json", "--database", ithaca.database])
    assert '"id": "a"' in capsys.readouterr().out


def test_an_empty_owner_is_nobody(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "--id", "a", owner="x")
    ithaca("sessions", "create", "--id", "b")
    assert [it["id"] for it in ithaca.json("sessions", "list", owner="")["items"]] == ["b"]


def test_the_environment_names_the_database(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "--id", "a")
    ran = run("sessions", "list", "--json", env={"ITHACA_DATABASE_URL": ithaca.database})
    assert [it["id"] for it in ran.json["items"]] == ["a"]


# Errors


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["sessions", "nonsense"],
        ["sessions", "list", "--nonsense"],
        ["sessions", "show"],
        ["sessions", "show", "a", "b"],
        ["sessions", "list", "--limit", "many"],
        ["sessions", "list", "--limit", "0"],
        ["sessions", "list", "--sort", "size"],
        ["sessions", "list", "--cursor", "nonsense"],
        ["sessions", "show", "a", "--last", "-1"],
        ["messages", "truncate", "a", "some"],
        ["--database"],
    ],
)
def test_wrong_usage_is_two_and_a_sentence(
    arguments: list[str], database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ITHACA_DATABASE_URL", database)
    with SessionManager(database) as manager:
        manager.create_session("a")
    status, (out, err) = main(arguments), capsys.readouterr()
    assert (status, out, err.count("\n"), err[:7]) == (2, "", 1, "Error: ")


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("mysql://localhost/chats", "mysql:// is neither"),
        ("postgresql://localhost:1/chats?connect_timeout=1", "cannot be reached"),
        ("postgresql://me@[::1/chats", ""),
        ("/dev/null/chats.db", ""),
        ("", "its name is empty"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_and_a_sentence(database: str, said: str) -> None:
    ran = run("sessions", "list", "--database", database)
    assert (ran.status, ran.out, ran.err.count("\n"), ran.err[:7]) == (1, "", 1, "Error: ")
    assert said in ran.err


@pytest.mark.parametrize("command", ["sessions list", "db info", "db upgrade"])
def test_a_file_that_is_no_database_is_one_and_a_sentence(command: str, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no database " * 1000)
    ran = run(*command.split(), "--database", str(file))
    assert (ran.status, ran.out, ran.err.count("\n"), ran.err[:7]) == (1, "", 1, "Error: ")
    assert file.read_text() == "no database " * 1000


def test_a_password_is_not_in_an_error() -> None:
    ran = run("sessions", "list", "--database", "postgresql://me:hush@localhost:1/chats?connect_timeout=1")
    assert (ran.status, "hush" in ran.err) == (1, False)


def test_a_setting_that_cannot_be_used_is_one_and_a_sentence(database: str) -> None:
    ran = run("sessions", "list", "--database", database, env={"ITHACA_DURABILITY": "some"})
    assert (ran.status, ran.out, ran.err.count("\n"), ran.err[:7]) == (1, "", 1, "Error: ")


def test_a_folder_that_cannot_be_made_is_one_and_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = run("sessions", "list", env={"XDG_DATA_HOME": str(tmp_path / "file")})
    assert (ran.status, ran.out, ran.err.count("\n"), ran.err[:7]) == (1, "", 1, "Error: ")


def test_words_in_an_error_cannot_steer_the_terminal(ithaca: Ithaca) -> None:
    ran = ithaca("sessions", "show", "\x1b[2Jgone\n")
    assert (ran.status, ran.err) == (1, "Error: There is no session '\\x1b[2Jgone\\n'.\n")


def test_help_waits_for_nothing_heavy() -> None:
    script = "import sys; from ithaca.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"apsw", "psycopg", "cryptography", "rich", "asyncio", "hashlib", "ithaca.manager", "ithaca.storage"}
    assert heavy & set(done.stderr.split()) == set()


def test_what_runs_in_a_thread_waits_for_no_event_loop() -> None:
    script = "import sys; from ithaca import SessionManager; SessionManager(':memory:').close(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"asyncio", "psycopg", "logging", "rich", "typer", "hashlib", "cryptography", "httpx", "pydantic"}
    assert heavy & set(done.stdout.split()) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs knows the folders")
def test_who_names_the_database_waits_for_no_search_for_it() -> None:
    script = "import sys; from ithaca import SessionManager; SessionManager(':memory:').close(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"platformdirs", "tomllib", "tempfile", "importlib.resources"} & set(done.stdout.split()) == set()
