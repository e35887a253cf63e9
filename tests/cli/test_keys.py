"""`ithaca keys`."""

from tests.cli.running import Ithaca


def test_a_key_is_made_listed_and_revoked(ithaca: Ithaca) -> None:
    made = ithaca.json("keys", "create", "backup", "--scope", "read", "--days", "30", owner="ann")
    assert (made["owner"], made["name"], made["scopes"]) == ("ann", "backup", ["read"])
    with ithaca.manager() as manager:
        assert manager.identify_key(made["token"]).id == made["id"]
    listed = ithaca.json("keys", "list")["items"]
    assert [key["id"] for key in listed] == [made["id"]]
    assert "token" not in listed[0]
    assert ithaca("keys", "revoke", made["id"], owner="bob").err == f"Error: There is no access key '{made['id']}'.\n"
    assert ithaca("keys", "revoke", made["id"]).out == "Revoked 1 key.\n"
    assert ithaca("keys", "list").out == "No keys.\n"


def test_it_is_shown_on_a_line_of_its_own(ithaca: Ithaca) -> None:
    out = ithaca("keys", "create", "a script").out
    token, sentence = out.splitlines()
    assert token.startswith("ithaca_")
    assert sentence == "Keep it: it is shown only now. It opens what nobody owns: read, write."
    table = ithaca("keys", "list").out
    assert token[:11] in table
    assert token not in table


def test_administrators_have_keys_too(ithaca: Ithaca) -> None:
    made = ithaca.json("keys", "create", "root", "--scope", "admin", "--scope", "read", owner="ann")
    assert made["scopes"] == ["read", "admin"]


def test_what_is_asked_for_wrongly(ithaca: Ithaca) -> None:
    for wrong in (["--scope", "all"], ["--days", "-1"], ["--days", "1e12"], ["--days", "0"]):
        ran = ithaca("keys", "create", "x", *wrong)
        assert (ran.status, ran.out) == (2, "")
