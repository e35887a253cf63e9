"""`ithaca incognito`: commands line by line, on sessions that no file ever sees."""

import os
import pty
import select
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from ithaca import ChatMessage, SessionManager
from ithaca.cli.incognito import READING
from tests.cli.running import PROGRAM, Ran, run

MARKER = "quinquireme"


def _run(database: str, *lines: str, options: tuple[str, ...] = ()) -> Ran:
    return run("incognito", "--database", database, *options, stdin="\n".join(lines).encode())


@pytest.fixture
def stored(database: str) -> str:
    with SessionManager(database) as manager:
        manager.create_session("stored", "Trip to Pylos")
        manager.add_message("stored", ChatMessage("user", "By chariot."), expected_revision=1)
        manager.create_document("Letter", "Dear son", document_id="letter")
    return database


def _all_bytes(database: str) -> bytes:
    files = [path for path in Path(database).parent.rglob("*") if path.is_file()]
    assert len(files) > 0
    return b"".join(path.read_bytes() for path in files)


def test_lines_work_on_one_session_and_leave_no_trace(stored: str) -> None:
    ran = _run(
        stored,
        f"sessions create {MARKER} --id s",
        f"messages add s 'a {MARKER} of Nineveh'",
        f"messages add s '{MARKER}' --role assistant",
        "messages truncate s 1",
        "undo s",
        "sessions fork s --id fork",
        "context s --max-tokens 1000",
        f"search {MARKER} --json",
        "sessions list --json",
        "sessions show fork",
    )
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.count(MARKER) > 8
    assert MARKER.encode() not in _all_bytes(stored)
    with SessionManager(stored) as manager:
        assert [session.id for session in manager.list_sessions()] == ["stored"]
        assert manager.verify() == []


def test_json_and_owner_are_for_all_lines_unless_they_have_their_own(stored: str) -> None:
    lines = ["sessions create A --id a", "sessions create B --id a --owner telemachus", "sessions list --owner ''"]
    ran = _run(stored, *lines, "sessions list", "exit", "nonsense", options=("--owner", "penelope", "--json"))
    assert ran.status == 0
    assert ran.out.count('"owner": "penelope"') == 2
    assert ran.out.count('"owner": "telemachus"') == 1
    assert ran.out.count('"items": []') == 1


def test_what_is_stored_can_be_read(stored: str) -> None:
    lines = ["sessions list --stored", "sessions show stored", "documents show letter", "search chariot --stored"]
    ran = _run(stored, *lines)
    assert (ran.status, ran.out.count("By chariot.") >= 1, "Dear son" in ran.out) == (0, True, True)
    assert ran.out.count("Trip to Pylos") == 3


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("messages add stored quinquireme", 2),
        ("sessions rename stored quinquireme", 2),
        ("sessions fork stored", 2),
        ("sessions delete stored", 2),
        ("sessions delete stored mine", 2),
        ("compact stored quinquireme", 2),
        ("undo stored", 2),
        ("documents create quinquireme", 2),
        ("documents edit letter quinquireme", 2),
        ("documents delete letter", 2),
        ("cleanup", 2),
        ("trash purge", 2),
        ("erase '' --yes", 2),
        ("messages add stored quinquireme --owner ''", 2),
        ("messages add nowhere quinquireme", 1),
        ("messages add mine quinquireme --owner somebody", 1),
        ("messages add mine -", 2),
        ("sessions show nowhere", 1),
        ("sessions list --database other.db", 2),
        ("incognito", 1),
        ("nonsense", 2),
        ("messages add mine 'an open quotation", 2),
        ("messages add mine \\", 2),
    ],
)
def test_what_is_stored_stays_as_it_is_and_a_script_ends_at_its_first_error(
    stored: str, line: str, status: int
) -> None:
    ran = _run(stored, "sessions create --id mine", line, "sessions create --id never")
    assert (ran.status, ran.err.count("\n"), ran.err[:7], "never" in ran.out) == (status, 1, "Error: ", False), ran.err
    with SessionManager(stored) as manager:
        session = manager.get_session("stored")
        assert (session.revision, [message.content for message in session.history]) == (2, ["By chariot."])
        assert manager.get_document("letter").revision == 1
        assert (manager.count_sessions(), manager.trash().items) == (1, [])
    assert MARKER.encode() not in _all_bytes(stored)


def test_reading_is_what_no_call_that_changes_something_is_called() -> None:
    names = [name for name in dir(SessionManager) if not name.startswith("_") and name.startswith(READING)]
    assert names == [
        "context", "context_info", "count_sessions", "discover_endpoints", "get_attachment", "get_document",
        "get_document_version", "get_endpoint", "get_message", "get_messages", "get_reply", "get_session",
        "get_user", "info", "iter_messages", "latest_cursor", "list_attachments", "list_compactions",
        "list_document_versions", "list_documents", "list_endpoint_models", "list_endpoints", "list_folders",
        "list_keys", "list_replies", "list_retention", "list_sessions", "list_users", "list_versions",
        "read_attachment", "reply_events", "search", "test_endpoint", "trash", "trashed_messages", "usage",
        "verify", "wait_for_replies", "watch",
    ]  # fmt: skip


def test_where_nothing_is_stored_nothing_is_made(database: str) -> None:
    ran = _run(database, "sessions create A --id a", "sessions list")
    assert (ran.status, "A" in ran.out, list(Path(database).parent.iterdir())) == (0, True, [])


def test_lines_that_say_nothing_and_texts_of_several_lines(stored: str) -> None:
    ran = _run(
        stored, "", "  ", "# don't", "sessions create --id s", "messages add s 'two", "lines # 2'", "help search"
    )
    assert (ran.status, ran.err) == (0, "")
    assert "Usage: ithaca search" in ran.out
    said = _run(stored, "sessions create --id s", "messages add s 'two", "lines # 2' --json")
    assert r'"content": "two\nlines # 2"' in said.out


def test_closed_input_is_its_end(stored: str) -> None:
    done = subprocess.run(["sh", "-c", f'exec "{PROGRAM}" incognito --database "{stored}" <&-'], check=False)
    assert done.returncode == 0


# In a terminal


def _type(database: str, home: Path, *keys: bytes) -> tuple[int, str]:
    """Types into a terminal, each part when the prompt is there; gives the exit status and what was to be seen."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "200", "HOME": str(home)}
    with subprocess.Popen(
        [PROGRAM, "incognito", "--database", database], stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
        preexec_fn=partial(_take_terminal, theirs),
    ) as process:  # fmt: skip
        os.close(theirs)
        seen = b""
        for key in keys:
            seen += _until_prompt(ours)
            _until_asleep(process.pid)
            os.write(ours, key)
        while more := _read(ours):
            seen += more
        os.close(ours)
    return process.returncode, seen.decode()


def _take_terminal(terminal: int) -> None:
    import fcntl
    import termios

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def _until_prompt(terminal: int) -> bytes:
    seen = b""
    while not seen.endswith((b"incognito> ", b"... ")):
        more = _read(terminal)
        assert more, seen
        seen += more
    return seen


def _until_asleep(pid: int) -> None:
    """Waits until it waits for keys: a Ctrl-C between its prompt and that, Python hears with the next key only."""
    stat = Path(f"/proc/{pid}/stat")  # where there is one
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "S":
        time.sleep(0.005)


def _read(terminal: int) -> bytes:
    assert select.select([terminal], [], [], 60)[0], "it waits for something"
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody holds the other end any more
        return b""


def test_a_person_goes_on_after_an_error_and_ctrl_c(stored: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    keys = [b"nonsense\n", b"sessions crea\x03", b"sessions create A --id s\n", b"messages add s 'open\n", b"\x03"]
    status, seen = _type(stored, home, *keys, f"messages add s {MARKER}\n".encode(), b"sessions show s\n", b"\x04")
    assert status == 0
    assert ("No such command" in seen, 'Created "A"' in seen, "Traceback" in seen) == (True, True, False)
    assert seen.count(MARKER) == 2  # typed, and shown
    assert MARKER.encode() not in _all_bytes(stored)
