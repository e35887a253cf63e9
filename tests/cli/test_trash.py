import pytest

from ithaca import ChatMessage
from tests.cli.running import Ithaca


@pytest.fixture
def session(ithaca: Ithaca) -> str:
    with ithaca.manager() as manager:
        manager.create_session("a", "Trip to Pylos")
        manager.add_messages("a", [ChatMessage("user", text, id=text) for text in ("one", "two", "three")])
    return "a"


def _said(ithaca: Ithaca, session: str) -> list[object]:
    return [message["content"] for message in ithaca.json("sessions", "show", session)["messages"]]


def _removed(ithaca: Ithaca) -> str:
    entry: str = ithaca.json("messages", "truncate", "a", "1")["trash_id"]
    return entry


def test_lists_what_was_removed(ithaca: Ithaca, session: str) -> None:
    entry = _removed(ithaca)
    ran = ithaca("trash", "list")
    assert (ran.status, ran.err) == (0, "")
    assert all(word in ran.out for word in (entry, "truncate messages", "Trip to Pylos"))
    [item] = ithaca.json("trash", "list", "--session", session)["items"]
    assert (item["id"], item["kind"], item["messages"]) == (entry, "truncate messages", 2)


def test_an_empty_trash(ithaca: Ithaca) -> None:
    assert ithaca("trash", "list").out == "Nothing is in the trash.\n"
    assert ithaca.json("trash", "list") == {"items": [], "cursor": None}


def test_shows_the_messages_of_an_entry(ithaca: Ithaca, session: str) -> None:
    entry = _removed(ithaca)
    ran = ithaca("trash", "show", entry)
    assert (ran.status, "two" in ran.out, "three" in ran.out, "one" in ran.out) == (0, True, True, False)
    assert [m["content"] for m in ithaca.json("trash", "show", entry)["messages"]] == ["two", "three"]


def test_an_entry_without_messages(ithaca: Ithaca) -> None:
    ithaca("documents", "create", "Map", "here", "--id", "d")
    entry = ithaca.json("documents", "delete", "d")["trash_id"]
    assert ithaca("trash", "show", entry).out == "No messages are in it.\n"
    assert ithaca.json("trash", "show", entry) == {"messages": []}
    assert ithaca("trash", "restore", entry).out == "Brought back 1 document.\n"


def test_restores_an_entry(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("trash", "restore", _removed(ithaca))
    assert (ran.status, ran.out) == (0, "Brought back 2 messages.\n")
    assert _said(ithaca, session) == ["one", "two", "three"]


def test_undoes_the_last_operation_of_a_session(ithaca: Ithaca, session: str) -> None:
    _removed(ithaca)
    ithaca("sessions", "delete", session)
    assert ithaca.json("undo", session) == {"sessions": 1, "messages": 1, "documents": 0}
    assert ithaca("undo", session).out == "Brought back 2 messages.\n"
    ran = ithaca("undo", session)
    assert (1, "Error: Nothing that was removed from session 'a' is in the trash.\n") == (ran.status, ran.err)


@pytest.mark.parametrize("command", ["show", "restore", "purge"])
def test_an_entry_that_is_not_there_is_named(ithaca: Ithaca, command: str) -> None:
    ran = ithaca("trash", command, "nothing")
    assert (1, "", "Error: There is no entry 'nothing' in the trash.\n") == (ran.status, ran.out, ran.err)


def test_purges_an_entry(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("trash", "purge", _removed(ithaca))
    assert (ran.status, ran.out.splitlines()[0]) == (0, "Erased 3 rows:")
    assert ithaca.json("trash", "list")["items"] == []


def test_purges_what_is_old(ithaca: Ithaca, session: str) -> None:
    _removed(ithaca)
    assert ithaca("trash", "purge").out == "Erased 0 rows.\n"
    assert ithaca.json("trash", "purge", "--older-than", "0") == {"erased": {"trash": 1, "trashed_messages": 2}}


@pytest.mark.parametrize("arguments", [["--older-than", "-1"], ["--older-than", "1e99"], ["x", "--older-than", "1"]])
def test_purging_is_asked_for_wrongly(ithaca: Ithaca, arguments: list[str]) -> None:
    ran = ithaca("trash", "purge", *arguments)
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("days", ["-1", "nan", "1e99"])
def test_an_age_is_refused_in_days(ithaca: Ithaca, days: str) -> None:
    said = ithaca("trash", "purge", "--older-than", days).err
    assert said == f"Error: older_than must be a number of days from 0 to 1000000, not {float(days)}.\n"


def test_erases_an_owner(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "--id", "hers", owner="ann")
    ithaca("sessions", "create", "--id", "his", owner="bob")
    assert ithaca.json("erase", "ann", "--yes")["erased"]["sessions"] == 1
    assert [session["id"] for session in ithaca.json("sessions", "list")["items"]] == ["his"]


def test_asks_before_it_erases(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", owner="ann")
    for answer in (b"n\n", b""):
        ran = ithaca("erase", "ann", stdin=answer)
        assert (ran.status, ran.err.endswith("Error: Nothing was erased.\n")) == (1, True)
    assert len(ithaca.json("sessions", "list")["items"]) == 1
    ran = ithaca("erase", "ann", stdin=b"y\n")
    assert (ran.status, 'Erase for good all that is owned by "ann"?' in ran.err, "sessions" in ran.out) == (
        0,
        True,
        True,
    )
    assert ithaca.json("sessions", "list")["items"] == []


def test_another_owner_is_not_erased(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", owner="ann")
    assert ithaca("erase", "ann", "--yes", owner="bob").status == 2
    assert len(ithaca.json("sessions", "list")["items"]) == 1


def test_keeps_versions_and_switches_between_them(ithaca: Ithaca, session: str) -> None:
    edited = ithaca.json("messages", "edit", session, "two", "zwei", "--branch")
    assert _said(ithaca, session) == ["one", "zwei"]
    items = ithaca.json("messages", "versions", session, "two")["items"]
    assert [(it["message"]["content"], it["shown"], it["messages"]) for it in items] == [
        ("two", False, 2),
        ("zwei", True, 1),
    ]
    ran = ithaca("messages", "versions", session, "two")
    assert all(text in ran.out for text in ("○", "two", "●", "zwei", edited["id"]))
    ran = ithaca("messages", "switch", session, "two")
    assert (ran.out, _said(ithaca, session)) == ("Shown now: 2 messages from number 2 on.\n", ["one", "two", "three"])
    assert [m["content"] for m in ithaca.json("messages", "switch", session, edited["id"])["messages"]] == ["zwei"]


def test_puts_another_answer_in_the_place_of_a_message(ithaca: Ithaca, session: str) -> None:
    added = ithaca.json("messages", "regenerate", session, "two", "-", "--id", "deux", stdin=b"deux")
    assert (added["role"], added["content"], _said(ithaca, session)) == ("assistant", "deux", ["one", "deux"])
    ran = ithaca("messages", "regenerate", session, "two", "x")
    assert (ran.status, ran.err) == (1, "Error: Session 'a' has no message 'two'.\n")


def test_forks_a_session(ithaca: Ithaca, session: str) -> None:
    fork = ithaca.json("sessions", "fork", session, "--at", "two", "--name", "Another", "--id", "b")
    assert (fork["id"], fork["name"], fork["forked_from"], _said(ithaca, "b")) == ("b", "Another", "a", ["one", "two"])
    assert ithaca("sessions", "fork", session).out.startswith('Forked "Trip to Pylos", session ')
    assert ithaca("sessions", "fork", session, "--id", "b").err == "Error: There is a session 'b' already.\n"
