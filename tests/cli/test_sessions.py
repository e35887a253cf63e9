from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ithaca import ChatMessage
from tests.cli.running import Ithaca


def test_creates_a_session_with_what_it_is_given(ithaca: Ithaca) -> None:
    created = ithaca.json(
        "sessions", "create", "Trip to Pylos", "--id", "pylos", "--endpoint", "http://localhost:11434/v1",
        "--model", "qwen3", "--folder", "Travel", "--mode", "agent", "--rag",
    )  # fmt: skip
    with ithaca.manager() as manager:
        stored = manager.get_session("pylos")
    assert created == stored.to_dict()
    assert (
        stored.name, stored.endpoint_url, stored.model, stored.folder, stored.mode, stored.rag, stored.owner,
    ) == ("Trip to Pylos", "http://localhost:11434/v1", "qwen3", "Travel", "agent", True, "")  # fmt: skip


def test_makes_an_id_and_tells_it(ithaca: Ithaca) -> None:
    ran = ithaca("sessions", "create", "Home")
    [session] = ithaca.json("sessions", "list")["items"]
    assert f'Created "Home", session {session["id"]}.\n' == ran.out


def test_a_taken_id_is_a_conflict(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "--id", "a")
    ran = ithaca("sessions", "create", "--id", "a")
    assert (ran.status, ran.out, ran.err) == (1, "", "Error: There is a session 'a' already.\n")


@pytest.mark.parametrize(
    ("command", "field", "value"),
    [
        (["rename", "a", "Ithaca"], "name", "Ithaca"),
        (["archive", "a"], "archived", True),
        (["unarchive", "a"], "archived", False),
        (["star", "a"], "is_important", True),
        (["star", "a", "--off"], "is_important", False),
    ],
)
def test_changes_a_session(ithaca: Ithaca, command: list[str], field: str, value: object) -> None:
    ithaca("sessions", "create", "--id", "a")
    changed = ithaca.json("sessions", *command)
    with ithaca.manager() as manager:
        assert (value, value) == (changed[field], getattr(manager.get_session("a"), field))


def test_writes_a_session_as_markdown(ithaca: Ithaca) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/sea.png"}}
    with ithaca.manager() as manager:
        manager.create_session("a", "The sea")
        manager.add_messages("a", [
            ChatMessage("user", [{"type": "text", "text": "How is *this*?\x1b"}, picture]),
            ChatMessage("assistant", tool_calls=[call]),
            ChatMessage("assistant", "Calm."),
        ])  # fmt: skip
    assert ithaca("sessions", "show", "a", "--markdown").out == (
        "# The sea\n"
        "\n## You\n\nHow is *this*?\\x1b\n\n*(image_url)*\n"
        "\n## Assistant\n\n```json\n"
        '{"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}\n```\n'
        "\n## Assistant\n\nCalm.\n"
    )
    last = ithaca("sessions", "show", "a", "--markdown", "--last", "1").out
    assert last == "# The sea\n\n## Assistant\n\nCalm.\n"


@pytest.mark.parametrize(
    "command",
    [["show", "x"], ["rename", "x", "y"], ["archive", "x"], ["unarchive", "x"], ["star", "x"], ["delete", "x"]],
)
def test_a_missing_session_is_named(ithaca: Ithaca, command: list[str]) -> None:
    ran = ithaca("sessions", *command)
    assert (ran.status, ran.out, ran.err) == (1, "", "Error: There is no session 'x'.\n")


def test_refuses_to_change_what_has_changed_meanwhile(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "--id", "a")
    ithaca("sessions", "rename", "a", "b", "--expected-revision", "1")
    ran = ithaca("sessions", "rename", "a", "c", "--expected-revision", "1")
    assert (ran.status, ran.err) == (1, "Error: 'a' is at revision 2, not at the expected 1.\n")


# Deleting


def test_deleting_tells_where_it_went(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "--id", "a")
    ithaca("messages", "add", "a", "hello")
    removed = ithaca.json("sessions", "delete", "a")
    assert {k: v for k, v in removed.items() if k != "trash_id"} == {"sessions": 1, "messages": 1, "documents": 0}
    assert removed["trash_id"]


def test_deleting_says_what_went_to_the_trash(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "--id", "a")
    ithaca("messages", "add", "a", "hello")
    ran = ithaca("sessions", "delete", "a")
    assert (ran.status, ran.out.startswith("Moved 1 session with 1 message to the trash: ")) == (0, True)


def test_deleting_several_keeps_the_starred(ithaca: Ithaca) -> None:
    for id in ("a", "b", "c"):
        ithaca("sessions", "create", "--id", id)
    ithaca("sessions", "star", "c")
    ran = ithaca("sessions", "delete", "a", "b", "c", "--json")
    why = "1 session of 3 not deleted: they are not there, or starred (--starred deletes those too)."
    assert (1, 2, f"Error: {why}\n") == (ran.status, ran.json["sessions"], ran.err)
    assert [session["id"] for session in ithaca.json("sessions", "list")["items"]] == ["c"]


def test_deleting_several_takes_the_starred_if_told(ithaca: Ithaca) -> None:
    for id in ("a", "b"):
        ithaca("sessions", "create", "--id", id)
    ithaca("sessions", "star", "b")
    assert ithaca.json("sessions", "delete", "a", "b", "--starred")["sessions"] == 2


# Listing


def _some_sessions(ithaca: Ithaca) -> None:
    with ithaca.manager() as manager:
        manager.create_session("a", "Pylos", model="qwen3", folder="Travel")
        manager.create_session("b", "Sparta", model="gemma3", mode="agent")
        manager.create_session("c", "Argos")
        manager.add_messages("a", [ChatMessage("user", "one"), ChatMessage("user", "two")])
        manager.mark_important("b")
        manager.archive_session("c")


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], "acb"),
        (["--archived"], "c"),
        (["--not-archived"], "ab"),
        (["--starred"], "b"),
        (["--not-starred"], "ac"),
        (["--folder", "Travel"], "a"),
        (["--folder", ""], "cb"),
        (["--model", "gemma3"], "b"),
        (["--mode", "agent"], "b"),
        (["--name", "AR"], "cb"),
        (["--active-since", "2000-01-01"], "acb"),
        (["--sort", "name"], "cab"),
        (["--sort", "messages"], "acb"),
        (["--sort", "created"], "cba"),
        (["--starred-first"], "bac"),
        (["--limit", "2"], "ac"),
    ],
)
def test_lists_what_matches(ithaca: Ithaca, options: list[str], ids: str) -> None:
    _some_sessions(ithaca)
    assert list(ids) == [session["id"] for session in ithaca.json("sessions", "list", *options)["items"]]


def test_lists_what_was_active_since(ithaca: Ithaca) -> None:
    _some_sessions(ithaca)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert ithaca.json("sessions", "list", "--active-since", tomorrow.isoformat())["items"] == []


def test_a_time_that_is_none_is_wrong_usage(ithaca: Ithaca) -> None:
    ran = ithaca("sessions", "list", "--active-since", "yesterday")
    why = "Invalid value for --active-since: 'yesterday' is no time in ISO 8601."
    assert (2, f"Error: {why} Try 'ithaca sessions list --help'.\n") == (ran.status, ran.err)


def test_pages_through_all(ithaca: Ithaca) -> None:
    _some_sessions(ithaca)
    seen, cursor = [], None
    while True:
        page = ithaca.json("sessions", "list", "--limit", "1", *(["--cursor", cursor] if cursor else []))
        seen += [session["id"] for session in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == ["a", "c", "b"]


def test_a_table_tells_that_there_are_more(ithaca: Ithaca) -> None:
    _some_sessions(ithaca)
    cursor = ithaca.json("sessions", "list", "--limit", "1")["cursor"]
    assert f"\nThere are more: --cursor {cursor}\n" in ithaca("sessions", "list", "--limit", "1").out


def test_a_table_shows_stars_and_what_is_archived(ithaca: Ithaca) -> None:
    _some_sessions(ithaca)
    heading, *rows = ithaca("sessions", "list", "--sort", "name").out.splitlines()
    assert heading.split() == ["Name", "Model", "Folder", "Messages", "Last", "active", "Id"]
    assert [row[:18].rstrip() for row in rows] == ["  Argos (archived)", "  Pylos", "★ Sparta"]


def test_an_empty_list_says_where_it_looked(ithaca: Ithaca) -> None:
    assert ithaca("sessions", "list").out == f"No sessions in {ithaca.database}.\n"


# Showing


def test_shows_a_transcript(ithaca: Ithaca) -> None:
    with ithaca.manager() as manager:
        manager.create_session("a", "Pylos", model="qwen3", owner="telemachus")
        moment = datetime(2026, 3, 12, 9, 14, tzinfo=UTC)
        call = {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": '{"port": "Pylos"}'}}
        blocks = [{"type": "text", "text": "And this?"}, {"type": "image_url", "image_url": {"url": "https://x.org/i"}}]
        manager.add_messages(
            "a",
            [
                ChatMessage("user", "When is\nhigh tide?", created_at=moment),
                ChatMessage("assistant", None, tool_calls=[call], created_at=moment),
                ChatMessage("tool", "at noon", name="tide", tool_call_id="c1", created_at=moment),
                ChatMessage("user", blocks, {"source": "slash"}, created_at=moment),
            ],
        )
    expected = """\
Pylos
qwen3 · of telemachus · 4 messages · last active 2026-03-12 09:14Z
a

  1  user  2026-03-12 09:14Z
     When is
     high tide?

  2  assistant  2026-03-12 09:14Z
     → tide({"port": "Pylos"})

  3  tool  tide · 2026-03-12 09:14Z
     at noon

  4  user  2026-03-12 09:14Z · slash command
     And this?
     [image_url: https://x.org/i]
"""
    assert expected == ithaca("sessions", "show", "a").out


def test_shows_everything_as_json(ithaca: Ithaca) -> None:
    _some_sessions(ithaca)
    shown = ithaca.json("sessions", "show", "a")
    with ithaca.manager() as manager:
        session = manager.get_session("a")
    # Showing is a reading, which is noted with the session once an hour.
    expected = session.to_dict() | {"messages": [message.to_dict() for message in session.history]}
    assert expected | {"last_accessed": None} == shown | {"last_accessed": None}


def test_shows_the_last_messages(ithaca: Ithaca) -> None:
    _some_sessions(ithaca)
    assert [message["content"] for message in ithaca.json("sessions", "show", "a", "--last", "1")["messages"]] == [
        "two"
    ]
    assert ithaca.json("sessions", "show", "a", "--last", "0")["messages"] == []


def test_shows_all_of_a_long_session(ithaca: Ithaca) -> None:
    with ithaca.manager() as manager:
        manager.create_session("a")
        manager.add_messages("a", [ChatMessage("user", str(number)) for number in range(1201)])
    messages = ithaca.json("sessions", "show", "a")["messages"]
    assert list(range(1, 1202)) == [message["seq"] for message in messages]
    assert "\n1201  user" in ithaca("sessions", "show", "a").out


# Headers


def test_headers_come_from_a_file_and_are_never_printed(ithaca: Ithaca, tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("Authorization: Bearer hush\n\nX-Team: Ithaca\n")
    created = ithaca("sessions", "create", "--id", "a", "--headers-file", str(file), "--json")
    printed = created.out + ithaca("sessions", "show", "a", "--json").out + ithaca("sessions", "list", "--json").out
    assert ("hush" in printed, "headers" in printed) == (False, False)
    with ithaca.manager() as manager:
        assert manager.get_session("a").headers == {"Authorization": "Bearer hush", "X-Team": "Ithaca"}


def test_headers_come_from_standard_input(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "--id", "a", "--headers-file", "-", stdin=b"X-Key: hush")
    with ithaca.manager() as manager:
        assert manager.get_session("a").headers == {"X-Key": "hush"}


def test_a_header_without_colon_is_refused_without_printing_it(ithaca: Ithaca) -> None:
    ran = ithaca("sessions", "create", "--headers-file", "-", stdin=b"hush")
    assert (ran.status, "hush" in ran.err, ithaca.json("sessions", "list")["items"]) == (2, False, [])
