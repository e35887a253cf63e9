import os

import pytest

from ithaca.secrets import new_key
from tests.cli.running import Ithaca
from tests.support.model_server import model_server

KEY = "sk-planted-marker"


def test_an_endpoint_is_added_listed_changed_and_removed(ithaca: Ithaca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)
    added = ithaca("endpoints", "add", "ollama", "http://localhost:11434/v1", "--model", "qwen3", "--shared")
    assert (added.status, added.out) == (0, "Added ollama at http://localhost:11434/v1, for everybody.\n")
    assert "with a key" in ithaca("endpoints", "add", "one", "http://one/v1", "--key", stdin=f"{KEY}\n".encode()).out
    assert "with a key" in ithaca("endpoints", "add", "two", "http://two/v1", "--key-env", "MODEL_KEY").out
    table = ithaca("endpoints", "list").out
    assert ("ollama" in table, "everybody" in table, "qwen3" in table, KEY in table) == (True, True, True, False)
    listed = ithaca.json("endpoints", "list")["items"]
    assert [(each["name"], each["has_key"]) for each in listed] == [("ollama", False), ("one", True), ("two", True)]
    assert "with a key" in ithaca("endpoints", "set", "one", "--model", "m").out
    assert "with a key" not in ithaca("endpoints", "set", "one", "--url", "http://other/v1").out
    assert "with a key" not in ithaca("endpoints", "set", "two", "--no-key").out
    assert ithaca("endpoints", "remove", "two").out == "Removed two.\n"
    missing = ithaca("endpoints", "remove", "two")
    assert (missing.status, missing.err) == (1, "Error: There is no endpoint 'two'.\n")


def test_a_key_is_no_argument(ithaca: Ithaca) -> None:
    for options in (["--key", "--key-env", "X"], ["--key-env", "ITHACA_NOT_SET"]):
        assert ithaca("endpoints", "add", "e", "http://x/v1", *options).status == 2
    assert ithaca("endpoints", "add", "e", "http://x/v1", f"--key={KEY}").status == 2
    bad = ithaca("endpoints", "add", "e", "http://x/v1", "--key", stdin=f"{KEY} two words\n".encode())
    assert (bad.status, KEY in bad.err) == (2, False)


def test_models_and_tests(ithaca: Ithaca) -> None:
    with model_server() as server:
        server.answer(b'{"data": [{"id": "small"}, {"id": "l\\u001b[31marge"}]}')
        ithaca("endpoints", "add", "e", server.url, "--model", "none")
        assert ithaca("endpoints", "models", "e").out == "small\nl\\x1b[31marge\n"
        assert "with 2 models, of which its default is none." in ithaca("endpoints", "test", "e").out
        assert ithaca.json("endpoints", "test", "e")["has_model"] is False
    gone = ithaca("endpoints", "test", "e")
    assert (gone.status, "cannot be reached" in gone.err) == (1, True)


def test_discovering_says_how_to_add(ithaca: Ithaca, monkeypatch: pytest.MonkeyPatch) -> None:
    with model_server() as server:
        server.answer(b'{"data": [{"id": "small"}]}')
        monkeypatch.setattr("ithaca.providers.local.PORTS", {})
        monkeypatch.setattr("ithaca.providers.local.local_servers.__defaults__", (1.0, {server.port: "LM Studio"}))
        expected = f"LM Studio: small\n  ithaca endpoints add lm-studio {server.url}\n"
        assert ithaca("endpoints", "discover").out == expected
        monkeypatch.setattr("ithaca.providers.local.local_servers.__defaults__", (1.0, {}))
        assert ithaca("endpoints", "discover").out == "No server answers on this machine.\n"


def test_secret_keys_rotate(ithaca: Ithaca, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = new_key(), new_key()
    monkeypatch.setenv("ITHACA_SECRET_KEY", old)
    ithaca("endpoints", "add", "e", "http://x/v1", "--key", stdin=KEY.encode())
    monkeypatch.setenv("ITHACA_SECRET_KEY", new)
    lost = ithaca("db", "rotate-secret-keys")
    assert (lost.status, "1 value could not be opened" in lost.err) == (1, True)
    monkeypatch.setenv("ITHACA_SECRET_KEY", f"{new},{old}")
    assert ithaca("db", "rotate-secret-keys").out == "Encrypted anew: 0 sessions and 1 secret of endpoints.\n"
    monkeypatch.setenv("ITHACA_SECRET_KEY", new)
    assert ithaca("db", "verify").out == "Nothing is broken.\n"
    assert "put a new key before the others yourself" in ithaca("db", "rotate-secret-keys", "--new-key").err


def test_secret_keys_in_a_file_rotate_by_one_command(
    ithaca: Ithaca, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    file = f"{tmp_path}/secret.key"
    monkeypatch.setenv("ITHACA_SECRET_KEY_FILE", file)
    ithaca("endpoints", "add", "e", "http://x/v1", "--key", stdin=KEY.encode())
    with open(file) as before:  # noqa: PTH123
        first = before.read()
    assert ithaca.json("db", "rotate-secret-keys", "--new-key", "--drop-old")["endpoints"] == 1
    with open(file) as after:  # noqa: PTH123
        assert first.strip() not in after.read()
    assert ithaca("db", "verify").out == "Nothing is broken.\n"
    assert os.stat(file).st_mode & 0o777 == 0o600  # noqa: PTH116
