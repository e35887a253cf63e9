import pytest

from ithaca import ChatMessage
from tests.cli.running import Ithaca, run_in_terminal


@pytest.fixture
def session(ithaca: Ithaca) -> str:
    with ithaca.manager() as manager:
        manager.create_session("s1", "Trip to Pylos", owner="ann")
        texts = ["Is there a ferry?", "The ferry\nleaves at \x1bnoon", "Thank you"]
        manager.add_messages("s1", [ChatMessage("user", text) for text in texts])
    return "s1"


def test_shows_what_was_found(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("search", "noon")

    lines = ran.out.splitlines()
    assert (ran.status, lines[0], lines[2]) == (0, "Trip to Pylos  s1", "     The ferry leaves at \\x1bnoon")
    assert lines[1].startswith("  2  user  ")


def test_shows_the_neighbours(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("search", "noon", "--neighbours", "1")

    assert [line for line in ran.out.splitlines() if line.startswith("     ")] == [
        "     Is there a ferry?",
        "     The ferry leaves at \\x1bnoon",
        "     Thank you",
    ]


def test_prints_json(ithaca: Ithaca, session: str) -> None:
    [hit] = ithaca.json("search", "ferry", "--limit", "1", "--session", session, "--role", "user")["items"]

    assert [hit["snippet"][start:end] for start, end in hit["highlights"]] == ["ferry"]
    assert (hit["session_id"], hit["owner"]) == ("s1", "ann")


def test_goes_on_after_a_page(ithaca: Ithaca, session: str) -> None:
    shown, way_on = ithaca("search", "ferry", "--limit", "1").out.split("\n\nThere are more: ")
    second = ithaca("search", "ferry", *way_on.split())
    assert (second.status, shown in second.out, "There are more" in second.out) == (0, False, False)


def test_finds_nothing(ithaca: Ithaca, session: str) -> None:
    for arguments in (["moon"], ['"'], ["ferry", "--archived"], ["ferry", "--until", "2000-01-01"]):
        assert (ithaca("search", *arguments).status, ithaca("search", *arguments).out) == (0, "Nothing was found.\n")
    assert ithaca("search", "ferry", owner="bob").out == "Nothing was found.\n"


def test_refuses_what_is_no_time_and_what_is_no_session(ithaca: Ithaca, session: str) -> None:
    assert (ithaca("search", "x", "--since", "noon").status, ithaca("search", "x", "--session", "y").status) == (2, 1)


def test_marks_what_was_found_in_a_terminal(ithaca: Ithaca, session: str) -> None:
    ran = run_in_terminal("search", "noon", "--database", ithaca.database)

    assert "\x1b[1;33mnoon\x1b[0m" in ran.out
