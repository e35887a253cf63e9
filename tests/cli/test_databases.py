"""The commands on every kind of database."""

import pytest

from ithaca import ChatMessage, SessionManager
from tests.cli.running import Ithaca, run


@pytest.fixture
def anywhere(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, database_url: str) -> Ithaca:
    return Ithaca(capsys, monkeypatch, database_url)


def test_a_conversation_from_its_start_to_its_end(anywhere: Ithaca) -> None:
    anywhere("sessions", "create", "Pylos", "--id", "a")
    anywhere("messages", "add", "a", "hello")
    anywhere("messages", "add", "a", "hi", "--role", "assistant")
    shown = anywhere.json("sessions", "show", "a")
    assert (
        shown["name"],
        shown["message_count"],
        [message["content"] for message in shown["messages"]],
    ) == ("Pylos", 2, ["hello", "hi"])
    assert anywhere.json("messages", "truncate", "a", "0")["messages"] == 2
    assert anywhere.json("sessions", "delete", "a")["sessions"] == 1
    assert anywhere.json("db", "verify")["problems"] == []


def test_documents(anywhere: Ithaca) -> None:
    anywhere("documents", "create", "Letter", "one", "--id", "d")
    anywhere("documents", "edit", "d", "two")
    anywhere("documents", "restore", "d", "1")
    assert anywhere.json("documents", "show", "d")["content"] == "one"
    assert [version["version"] for version in anywhere.json("documents", "versions", "d")["items"]] == [3, 2, 1]


def test_the_demonstration(anywhere: Ithaca) -> None:
    anywhere("demo")
    assert len(anywhere.json("demo")["items"]) == 6
    assert anywhere.json("db", "verify")["problems"] == []


def test_an_owner_sees_only_what_is_theirs(anywhere: Ithaca) -> None:
    anywhere("sessions", "create", "--id", "a", owner="telemachus")
    ran = anywhere("sessions", "show", "a", owner="antinous")
    assert (ran.status, ran.err) == (1, "Error: There is no session 'a'.\n")
    assert anywhere.json("sessions", "list", owner="antinous")["items"] == []
    assert anywhere.json("sessions", "show", "a", owner="telemachus")["id"] == "a"


def test_an_id_of_several_owners_asks_for_one(anywhere: Ithaca) -> None:
    for owner in ("telemachus", "antinous"):
        anywhere("sessions", "create", "--id", "a", owner=owner)
    ran = anywhere("sessions", "show", "a")
    assert (ran.status, ran.err) == (1, "Error: 'a' belongs to several owners: name one with --owner.\n")


def test_brings_an_empty_database_up(empty_database_url: str) -> None:
    ran = run("db", "upgrade", "--database", empty_database_url)
    assert (ran.status, ran.err) == (0, "")
    with SessionManager(empty_database_url) as manager:
        session = manager.create_session()
        manager.add_message(session.id, ChatMessage("user", "hello"))


def test_a_password_is_never_shown(postgres_url: str) -> None:
    scheme, rest = postgres_url.split("://", 1)
    place = rest.split("@", 1)[-1]
    user = rest.split("@", 1)[0].split(":")[0] if "@" in rest else "ithaca"
    with_password = f"{scheme}://{user}:hush@{place}"
    ran = run("db", "info", "--database", with_password)
    assert "hush" not in ran.out + ran.err
