import pytest

from tests.cli.running import Ithaca


@pytest.fixture
def session(ithaca: Ithaca) -> str:
    ithaca("sessions", "create", "--id", "a")
    return "a"


def _said(ithaca: Ithaca, session: str) -> list[object]:
    return [message["content"] for message in ithaca.json("sessions", "show", session)["messages"]]


def test_adds_a_message(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("messages", "add", session, "hello")
    [message] = ithaca.json("sessions", "show", session)["messages"]
    assert (0, f"Added message 1: {message['id']}\n") == (ran.status, ran.out)
    assert tuple(message[field] for field in ("seq", "role", "content", "metadata")) == (1, "user", "hello", {})


def test_adds_a_message_with_everything(ithaca: Ithaca, session: str) -> None:
    added = ithaca.json(
        "messages", "add", session, "noon", "--role", "tool", "--id", "m1", "--name", "tide",
        "--tool-call-id", "c1", "--metadata", '{"source": "slash"}',
    )  # fmt: skip
    with ithaca.manager() as manager:
        message = manager.get_message(session, "m1")
    assert message.to_dict() == added
    assert (
        message.role, message.content, message.name, message.tool_call_id, message.metadata,
    ) == ("tool", "noon", "tide", "c1", {"source": "slash"})  # fmt: skip


def test_takes_standard_input_to_the_last_byte(ithaca: Ithaca, session: str) -> None:
    ithaca("messages", "add", session, "-", stdin="two\r\nlines — λ\n".encode())
    assert _said(ithaca, session) == ["two\r\nlines — λ\n"]


def test_refuses_input_that_is_not_utf_8(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("messages", "add", session, "-", stdin=b"\xff")
    assert (ran.status, _said(ithaca, session)) == (2, [])
    assert ran.err.startswith("Error: Invalid value for TEXT: it is not UTF-8.")


def test_the_same_id_is_stored_once(ithaca: Ithaca, session: str) -> None:
    first = ithaca.json("messages", "add", session, "hello", "--id", "m1")
    assert (first, ["hello"]) == (
        ithaca.json("messages", "add", session, "hello", "--id", "m1"),
        _said(ithaca, session),
    )


def test_the_same_id_with_another_text_is_a_conflict(ithaca: Ithaca, session: str) -> None:
    ithaca("messages", "add", session, "hello", "--id", "m1")
    ran = ithaca("messages", "add", session, "other", "--id", "m1")
    why = "Session 'a' has a message 'm1' with another content already."
    assert (1, f"Error: {why}\n") == (ran.status, ran.err)


@pytest.mark.parametrize("metadata", ["[]", "no JSON", "1", "[" * 100_000])
def test_metadata_is_a_json_object(ithaca: Ithaca, session: str, metadata: str) -> None:
    ran = ithaca("messages", "add", session, "hello", "--metadata", metadata)
    assert (ran.status, _said(ithaca, session)) == (2, [])
    assert ran.err.startswith("Error: Invalid value for --metadata: it is not a JSON object.")


def test_what_the_library_refuses_is_wrong_usage(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("messages", "add", session, "hello", "--role", "")
    assert (ran.status, ran.err.startswith("Error: A message's role must be"), ran.err.count("\n")) == (2, True, 1)


def test_edits_a_message(ithaca: Ithaca, session: str) -> None:
    ithaca("messages", "add", session, "hello", "--id", "m1")
    edited = ithaca.json("messages", "edit", session, "m1", "goodbye")
    assert (edited["content"], _said(ithaca, session)) == ("goodbye", ["goodbye"])


def test_editing_a_missing_message_names_it(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("messages", "edit", session, "m1", "x")
    assert (ran.status, ran.err) == (1, "Error: Session 'a' has no message 'm1'.\n")


def test_deletes_messages(ithaca: Ithaca, session: str) -> None:
    for id in ("m1", "m2", "m3"):
        ithaca("messages", "add", session, id, "--id", id)
    removed = ithaca.json("messages", "delete", session, "m1", "m3")
    assert (removed["messages"], bool(removed["trash_id"]), _said(ithaca, session)) == (2, True, ["m2"])


def test_says_which_messages_were_not_there(ithaca: Ithaca, session: str) -> None:
    ithaca("messages", "add", session, "m1", "--id", "m1")
    ran = ithaca("messages", "delete", session, "m1", "m2")
    assert (ran.status, ran.out.startswith("Moved 1 message to the trash: ")) == (1, True)
    assert ran.err == "Error: 1 message of 2 not deleted: the session has no such messages.\n"


def test_truncates(ithaca: Ithaca, session: str) -> None:
    for text in ("one", "two", "three"):
        ithaca("messages", "add", session, text)
    ran = ithaca("messages", "truncate", session, "1")
    assert (ran.out.startswith("Moved 2 messages to the trash: "), _said(ithaca, session)) == (True, ["one"])


def test_truncating_above_the_total_keeps_all(ithaca: Ithaca, session: str) -> None:
    ithaca("messages", "add", session, "one")
    ran = ithaca("messages", "truncate", session, "9")
    assert (ran.status, ran.out, _said(ithaca, session)) == (0, "Nothing to remove.\n", ["one"])


def test_truncating_to_less_than_nothing_is_wrong_usage(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("messages", "truncate", session, "--", "-1")
    assert (ran.status, ran.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    "command", [["add", "x", "t"], ["edit", "x", "m", "t"], ["delete", "x", "m"], ["truncate", "x", "1"]]
)
def test_a_missing_session_is_named(ithaca: Ithaca, command: list[str]) -> None:
    ran = ithaca("messages", *command)
    assert (ran.status, ran.out, ran.err) == (1, "", "Error: There is no session 'x'.\n")
