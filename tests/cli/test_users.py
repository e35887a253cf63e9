"""`ithaca users`."""

import pytest

from tests.cli.running import Ithaca

pytestmark = pytest.mark.usefixtures("quick_passwords")


def test_a_user_is_made_changed_and_removed(ithaca: Ithaca) -> None:
    made = ithaca.json("users", "create", "ann", "--admin", stdin=b"a long password\n", owner="house")
    assert (made["name"], made["owner"], made["is_admin"]) == ("ann", "house", True)
    with ithaca.manager() as manager:
        token = manager.log_in("ann", "a long password").token
    assert [user["name"] for user in ithaca.json("users", "list")["items"]] == ["ann"]
    assert ithaca("users", "logout", "ann").out == "Logged ann out of 1 browser.\n"
    assert ithaca("users", "password", "ann", stdin="another öne".encode()).out == "Set the password of ann.\n"
    assert ithaca("users", "admin", "ann", "--withdraw").out == "User ann is no administrator.\n"
    with ithaca.manager() as manager:
        assert manager.log_out(token) == 0
        assert manager.log_in("ann", "another öne").login.rights == ["read", "write"]
    assert ithaca("users", "remove", "ann").out == "Removed 1 user.\n"
    assert ithaca("users", "list").out == "No users.\n"


def test_he_works_on_what_is_under_his_name(ithaca: Ithaca) -> None:
    out = ithaca("users", "create", "ann", stdin=b"a long password").out
    assert out == "Made user ann, who works on what owner ann has.\n"
    assert "ann" in ithaca("users", "list").out


def test_what_is_asked_for_wrongly(ithaca: Ithaca) -> None:
    short = ithaca("users", "create", "ann", stdin=b"short\n")
    assert (short.status, short.err) == (
        2, "Error: password must be a text of 8 to 1000 characters, not 5 characters.\n",
    )  # fmt: skip
    assert ithaca("users", "create", "ann").status == 2  # nothing was typed
    assert ithaca("users", "create", "ann", stdin=b"\xff" * 9).status == 2
    ithaca("users", "create", "ann", stdin=b"a long password")
    again = ithaca("users", "create", "ann", stdin=b"a long password")
    assert (again.status, again.err) == (1, "Error: There is a user 'ann' already.\n")
    for command in ("password", "logout", "remove", "admin"):
        ran = ithaca("users", command, "bob", stdin=b"a long password")
        assert (ran.status, ran.err) == (1, "Error: There is no user 'bob'.\n")
