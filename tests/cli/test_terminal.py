"""What a terminal, a pipe and a shell get to see."""

import os
import re
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

from ithaca import ChatMessage, SessionManager
from tests.cli.running import PROGRAM, Ithaca, Ran, run, run_in_terminal

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*[1-9][0-9;]*m")

#: Retitles the window, clears the screen, hides text, reorders it, breaks a line in ways that only some programs know.
HOSTILE = "a\x1b]0;title\x07b\x1b[2Jc\x9b8md\u202ee\x7ff\rg\x08\u2028h"
HARMLESS = r"a\x1b]0;title\x07b\x1b[2Jc\x9b8md\u202ee\x7ff\rg\x08\u2028h"


@pytest.fixture
def conversation(database: str) -> str:
    with SessionManager(database) as manager:
        manager.create_session("a", "Trip to Pylos", model="qwen3")
        manager.add_message("a", ChatMessage("user", "word " * 40))
    return database


# Stored text


@pytest.fixture
def hostile(database: str) -> str:
    """A database in which everything that can be hostile is; markup of Rich's included."""
    with SessionManager(database) as manager:
        manager.create_session("a", HOSTILE, model=HOSTILE, folder=HOSTILE, mode=HOSTILE)
        call = {"function": {"name": HOSTILE, "arguments": HOSTILE}}
        said = [
            ChatMessage(HOSTILE, HOSTILE, name=HOSTILE),
            ChatMessage("user", "[bold red]not markup[/bold red] :smile: [/]"),
            ChatMessage("user", [{"type": "text", "text": HOSTILE}, {"type": HOSTILE, HOSTILE: HOSTILE}, HOSTILE, 1]),
            ChatMessage("assistant", None, tool_calls=[call, {"name": HOSTILE}, HOSTILE]),
        ]
        manager.add_messages("a", said)
        manager.create_document(HOSTILE, HOSTILE, language=HOSTILE, document_id="d", source=HOSTILE)
    return database


EVERY_VIEW = ["sessions list", "sessions show a", "documents list", "documents show d", "documents versions d"]


@pytest.mark.parametrize("view", EVERY_VIEW)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_stored_text_cannot_steer_a_terminal(hostile: str, view: str, options: list[str]) -> None:
    ran = run_in_terminal(*view.split(), *options, "--database", hostile, columns=200)
    seen = ESCAPE.sub("", ran.out) if not options else ran.out
    assert (ran.status, re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]", seen)) == (0, []), ran.out


@pytest.mark.parametrize("view", EVERY_VIEW)
def test_stored_text_has_no_control_characters_in_a_pipe(hostile: str, view: str) -> None:
    ran = run(*view.split(), "--database", hostile)
    assert (ran.status, re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]", ran.out)) == (0, [])
    assert HARMLESS in ran.out


def test_stored_text_is_never_markup(hostile: str) -> None:
    assert "[bold red]not markup[/bold red] :smile: [/]" in run("sessions", "show", "a", "--database", hostile).out


def test_json_says_what_is_stored(hostile: str) -> None:
    shown = run("sessions", "show", "a", "--json", "--database", hostile).json
    assert (shown["name"], shown["messages"][0]["content"]) == (HOSTILE, HOSTILE)


def test_raw_is_what_is_stored_to_the_last_byte(hostile: str) -> None:
    done = subprocess.run(
        [PROGRAM, "documents", "show", "d", "--raw", "--database", hostile], capture_output=True, check=True
    )
    assert done.stdout.decode() == HOSTILE


def test_raw_in_a_terminal_is_harmless(hostile: str) -> None:
    assert run_in_terminal("documents", "show", "d", "--raw", "--database", hostile).out == HARMLESS


def test_half_a_character_is_shown_as_such(ithaca: Ithaca) -> None:
    with ithaca.manager() as manager:
        manager.create_session("a")
        manager.add_message("a", ChatMessage("user", [{"type": "note", "note": "é"}]))
    for encoding, expected in (("utf-8", "é"), ("ascii", r"\xe9")):
        ran = run("sessions", "show", "a", "--database", ithaca.database, env={"PYTHONIOENCODING": encoding})
        assert (ran.status, f"[note: {expected}]" in ran.out) == (0, True)
    ran = run("sessions", "show", "a", "--json", "--database", ithaca.database, env={"PYTHONIOENCODING": "ascii"})
    assert ran.json["messages"][0]["content"] == [{"type": "note", "note": "é"}]


# Terminals and pipes


def test_a_terminal_gets_colours_and_its_width(conversation: str) -> None:
    ran = run_in_terminal("sessions", "show", "a", "--database", conversation, columns=60)
    lines = ESCAPE.sub("", ran.out).splitlines()
    assert (bool(COLOUR.search(ran.out)), max(map(len, lines)) <= 60) == (True, True)


def test_no_color_is_respected(conversation: str) -> None:
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    shown = run_in_terminal("sessions", "show", "a", "--database", conversation)
    plain = run_in_terminal("sessions", "show", "a", "--database", conversation, env={"NO_COLOR": "1"})
    assert (bool(coloured.search(shown.out)), bool(coloured.search(plain.out))) == (True, False)


def test_a_pipe_gets_neither_colours_nor_line_breaks(conversation: str) -> None:
    ran = run("sessions", "show", "a", "--database", conversation, env={"COLUMNS": "20"})
    assert "\x1b" not in ran.out
    assert "     " + "word " * 40 + "\n" in ran.out


def test_a_pipe_gets_whole_names(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "N" * 500, "--id", "a")
    assert "N" * 500 in run("sessions", "list", "--database", ithaca.database).out


def test_a_narrow_terminal_cuts_names_and_never_ids(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "N" * 500)
    [session] = ithaca.json("sessions", "list")["items"]
    out = run_in_terminal("sessions", "list", "--database", ithaca.database, columns=80).out
    assert (session["id"] in out, "…" in out, len(out.splitlines())) == (True, True, 2)


@pytest.fixture
def long_conversation(database: str) -> str:
    """Much more than a pipe holds."""
    with SessionManager(database) as manager:
        manager.create_session("a")
        manager.add_messages("a", [ChatMessage("user", "word " * 200) for _ in range(2000)])
    return database


def _showing(database: str, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [PROGRAM, "sessions", "show", "a", "--database", database, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Where the tests run in a shell's background, it has told them to ignore Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_goes_away_is_no_error(long_conversation: str, options: list[str]) -> None:
    with _showing(long_conversation, *options) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize("arguments", ["sessions list", "sessions list --json", "--help", "--version"])
def test_a_reader_that_was_never_there_is_no_error(conversation: str, arguments: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "ITHACA_DATABASE_URL": conversation}
    done = subprocess.run(
        [PROGRAM, *arguments.split()], stdout=writer, stderr=subprocess.PIPE, env=environment, check=False
    )
    os.close(writer)
    assert done.stderr == b""


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_ctrl_c_ends_it_quietly(long_conversation: str, options: list[str]) -> None:
    with _showing(long_conversation, *options) as process:
        assert process.stdout is not None
        process.stdout.read(1)  # it is at work, and will soon wait for us to read on
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, b"")


# Shells


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete -o"), ("zsh", "#compdef ithaca"), ("fish", "complete --command ithaca")]
)
def test_a_completion_script_for_each_shell(shell: str, mark: str) -> None:
    ran = run(env={"_ITHACA_COMPLETE": f"source_{shell}"})
    assert (ran.status, mark in ran.out) == (0, True)


def _completed(line: str, **env: str) -> Ran:
    words = len(line.split(" ")) - 1
    return run(env={"_ITHACA_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(words), **env})


def test_commands_are_completed() -> None:
    assert _completed("ithaca sess").out.split() == ["sessions"]


CLOSED = {
    "sessions list": 0,
    "sessions show nowhere": 1,
    "documents show d --raw": 0,
    "messages add a more": 0,
    "erase nobody": 1,
}


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_reason_to_fail(conversation: str, closed: str) -> None:
    with SessionManager(conversation) as manager:
        manager.create_document("d", "content", document_id="d")
    for command, status in CLOSED.items():
        done = subprocess.run(
            ["sh", "-c", f'exec "$0" {command} {closed}', PROGRAM],
            env={**os.environ, "ITHACA_DATABASE_URL": conversation}, stdin=subprocess.DEVNULL, capture_output=True,
            check=False,
        )  # fmt: skip
        assert (status, command, False) == (done.returncode, command, b"Traceback" in done.stderr)
        assert not done.stdout or ">&-" not in closed.split()
    with SessionManager(conversation) as manager:
        assert [message.content for message in manager.get_messages("a")] == ["word " * 40, "more"]
        assert manager.verify() == []


@pytest.mark.parametrize("command", ["messages add a -", "documents edit d -", "attachments put -"])
def test_closed_standard_input_is_no_empty_text(conversation: str, command: str) -> None:
    with SessionManager(conversation) as manager:
        manager.create_document("d", "content", document_id="d")
        done = subprocess.run(
            ["sh", "-c", f'exec "$0" {command} <&-', PROGRAM],
            env={**os.environ, "ITHACA_DATABASE_URL": conversation}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, "standard input is closed" in done.stderr) == (2, True)
        assert (manager.get_document("d").content, manager.get_session("a").message_count) == ("content", 1)


def test_ids_are_completed(ithaca: Ithaca) -> None:
    for id in ("pylos-1", "pylos-2", "sparta"):
        ithaca("sessions", "create", "--id", id)
    ithaca("documents", "create", "Letter", "--id", "letter")
    there = {"ITHACA_DATABASE_URL": ithaca.database}
    assert set(_completed("ithaca sessions show py", **there).out.split()) == {"pylos-1", "pylos-2"}
    assert _completed("ithaca documents show l", **there).out.split() == ["letter"]


def test_completion_looks_where_the_options_say(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "--id", "pylos", owner="telemachus")
    ithaca("sessions", "create", "--id", "sparta", owner="menelaus")
    line = f"ithaca --database {ithaca.database} sessions show --owner telemachus "
    assert _completed(line).out.split() == ["pylos"]


def test_completion_neither_fails_nor_makes_a_database(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    for database in (str(file), "mysql://nowhere/", "postgresql://localhost:1/x?connect_timeout=1"):
        ran = _completed("ithaca sessions show ", ITHACA_DATABASE_URL=database)
        assert (ran.out.strip(), ran.err) == ("", "")
    assert not file.exists()
