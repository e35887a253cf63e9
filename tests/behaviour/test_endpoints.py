"""Endpoints: registered by a name, with a key that is used and never shown."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from ithaca import (
    EndpointExists,
    EndpointNotFound,
    HeadersUnreadable,
    InvalidArgument,
    InvalidEndpoint,
    KeyUnreadable,
    NotAllowed,
    RotatedSecrets,
    SessionManager,
    Settings,
)
from ithaca.secrets import drop_old_keys, new_key, put_new_key_first
from tests.support.managers import Opener, execute
from tests.support.raw import places_with

URL, KEY = "http://127.0.0.1:9/v1", "sk-planted-marker"


def test_what_is_registered_is_seen_changed_and_deleted(manager: SessionManager) -> None:
    added = manager.create_endpoint(
        "ollama", "HTTP://LocalHost:80/v1/", key=KEY, model="qwen3", context_window=8192, max_tokens=512,
        headers={"X-Team": "one"},
    )  # fmt: skip
    assert (added.base_url, added.model, added.context_window, added.max_tokens) == (
        "http://localhost/v1", "qwen3", 8192, 512,
    )  # fmt: skip
    assert (added.owner, added.shared, added.has_key, added.has_headers) == ("", False, True, True)
    assert [added] == manager.list_endpoints() == [manager.get_endpoint("ollama")]
    with pytest.raises(EndpointExists):
        manager.create_endpoint("ollama", URL)
    changed = manager.update_endpoint("ollama", model="", context_window=None, headers=None)
    assert (changed.model, changed.context_window, changed.max_tokens, changed.has_key, changed.has_headers) == (
        "", None, 512, True, False,
    )  # fmt: skip
    manager.delete_endpoint("ollama")
    for call in (manager.get_endpoint, manager.delete_endpoint, manager.list_endpoint_models, manager.test_endpoint):
        for name in ("ollama", "no name"):
            with pytest.raises(EndpointNotFound):
                call(name)


def test_another_url_never_gets_the_old_key(manager: SessionManager) -> None:
    manager.create_endpoint("e", URL, key=KEY, headers={"X-Key": KEY})
    assert manager.update_endpoint("e", base_url=URL + "/", model="m").has_key
    moved = manager.update_endpoint("e", base_url="http://elsewhere/v1")
    assert (moved.has_key, moved.has_headers) == (False, False)
    assert not manager.update_endpoint("e", base_url=URL).has_key
    both = manager.update_endpoint("e", base_url="http://third/v1", key="other-key")
    assert (both.has_key, both.has_headers) == (True, False)
    assert not manager.update_endpoint("e", key=None).has_key


def test_keys_are_shown_nowhere(
    manager: SessionManager, database_url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint = manager.create_endpoint("e", URL, key=KEY, headers={"X-Key": KEY}, shared=True)
    shown = [repr(endpoint), json.dumps(endpoint.to_dict()), repr(manager.list_endpoints())]
    bad: list[dict[str, Any]] = [
        {"key": KEY + "\n"}, {"key": KEY.encode()}, {"headers": {"X": KEY + "\n"}}, {"headers": [KEY]},
        {"base_url": KEY}, {"base_url": f"http://me:{KEY}@host/v1"}, {"base_url": f"http://host/v1?key={KEY}"},
    ]  # fmt: skip
    for given in bad:
        with pytest.raises(InvalidEndpoint) as error:
            manager.update_endpoint("e", **given)
        shown += [str(error.value), repr(error.value.__dict__)]
    assert KEY not in "".join([*shown, caplog.text, *capsys.readouterr()])
    assert places_with(database_url, KEY) == []


@pytest.mark.parametrize(
    ("name", "url", "field"),
    [
        ("", URL, "name"),
        ("a b", URL, "name"),
        ("http://x", URL, "name"),
        ("x" * 65, URL, "name"),
        ("x", "", "base_url"),
        ("x", "localhost:11434", "base_url"),
        ("x", "ftp://host/v1", "base_url"),
        ("x", "file:///etc/passwd", "base_url"),
        ("x", "http://", "base_url"),
        ("x", "http://host:99999/", "base_url"),
        ("x", "http://host\\@other/", "base_url"),
        ("x", "http://ho st/", "base_url"),
        ("x", "http://host/#x", "base_url"),
    ],
)
def test_bad_ones_are_refused(name: str, url: str, field: str) -> None:
    with SessionManager(":memory:") as manager:
        with pytest.raises(InvalidEndpoint) as error:
            manager.create_endpoint(name, url)
        assert (error.value.field, manager.list_endpoints()) == (field, [])


@pytest.mark.parametrize("headers", [{"X-Team": "café"}, {"X-Ναῦς": "one"}, {"X Team": "one"}, {"X-Team": "a\x7f"}])
def test_headers_that_no_request_can_have_are_refused(headers: dict[str, str]) -> None:
    with SessionManager(":memory:") as manager:
        with pytest.raises(InvalidEndpoint) as error:
            manager.create_endpoint("x", URL, headers=headers)
        assert (error.value.field, manager.list_endpoints()) == ("headers", [])
        manager.create_endpoint("x", URL, headers={"X-Team": "one\ttwo three"})


def test_everybody_uses_what_is_shared_and_trusted_code_changes_it(manager: SessionManager) -> None:
    ann, bob = manager.for_owner("ann"), manager.for_owner("bob")
    shared = manager.create_endpoint("local", URL, key=KEY, shared=True)
    own = ann.create_endpoint("local", "http://anns/v1")
    assert (own.owner, ann.get_endpoint("local"), bob.get_endpoint("local")) == ("ann", own, shared)
    assert (ann.list_endpoints(), bob.list_endpoints()) == ([own, shared], [shared])
    assert manager.list_endpoints() == [own, shared]
    nobody = manager.for_owner(None)
    for owned in (bob, nobody):
        for call in (owned.delete_endpoint, lambda name, m=owned: m.update_endpoint(name, model="x")):
            with pytest.raises(NotAllowed):
                call("local")
        with pytest.raises(InvalidArgument, match="shared"):
            owned.create_endpoint("mine", URL, shared=True)
    ann.delete_endpoint("local")
    assert ann.get_endpoint("local") == shared
    assert manager.update_endpoint("local", model="m").model == "m"
    with pytest.raises(InvalidArgument, match="shared"):
        manager.create_endpoint("other", URL, owner="ann", shared=True)


def test_an_owners_endpoints_are_erased_and_shared_ones_are_not(manager: SessionManager) -> None:
    for owner in ("", "ann"):
        manager.create_endpoint("own", URL, key=KEY, owner=owner)
    manager.create_endpoint("local", URL, shared=True)
    assert [manager.erase_owner(owner).counts["endpoints"] for owner in ("", "ann")] == [1, 1]
    assert [endpoint.name for endpoint in manager.list_endpoints()] == ["local"]


def test_a_key_opens_for_its_own_endpoint_and_url_only(manager: SessionManager, database_url: str) -> None:
    manager.create_endpoint("one", URL, key=KEY)
    manager.create_endpoint("two", URL)
    for statement in (
        "UPDATE endpoints SET key = (SELECT key FROM endpoints WHERE name = 'one') WHERE name = 'two'",
        "UPDATE endpoints SET base_url = 'http://attacker/v1' WHERE name = 'one'",
    ):
        execute(database_url, statement)
    for name in ("one", "two"):
        with pytest.raises(KeyUnreadable):
            manager.list_endpoint_models(name)
    assert [(problem.name, problem.id) for problem in manager.verify()] == [("endpoint", "one"), ("endpoint", "two")]
    for name in ("one", "two"):
        manager.update_endpoint(name, key=None)


def test_all_secrets_are_sealed_anew_under_the_first_key(open_manager: Opener) -> None:
    old, new = new_key(), new_key()
    before, both, after = (
        open_manager(settings=Settings(open_manager.url, secret_key=key)) for key in (old, f"{new},{old}", new)
    )
    for owner in ("", "ann", "bob"):
        before.create_session(f"s-{owner}", owner=owner, headers={"A": KEY})
        before.create_endpoint("e", URL, key=KEY, headers={"A": KEY}, owner=owner)
    gone = before.create_session("gone", headers={"A": KEY})
    removed = before.delete_session("gone")
    revision = before.get_session("s-").revision
    assert after.rotate_secret_keys() == RotatedSecrets(unreadable=10)
    assert both.rotate_secret_keys() == RotatedSecrets(sessions=3, trashed=1, endpoints=6)
    assert both.rotate_secret_keys() == RotatedSecrets()
    assert (after.get_session("s-").headers, after.get_session("s-").revision) == ({"A": KEY}, revision)
    after.restore(str(removed.trash_id))
    assert (after.get_session(gone.id).headers, after.verify()) == ({"A": KEY}, [])
    with pytest.raises(HeadersUnreadable):
        before.get_session("s-ann").headers  # noqa: B018
    for id in ("s-", "s-ann", "s-bob", "gone"):  # for the check at the end, by whoever has the old key only
        after.update_session(id, headers={})
    for owner in ("", "ann", "bob"):
        after.delete_endpoint("e", owner=owner)


def test_a_new_key_in_the_file_is_used_at_once(tmp_path: Path) -> None:
    settings = Settings(str(tmp_path / "chats.db"), secret_key_file=tmp_path / "secret.key")
    with SessionManager(settings=settings) as manager, SessionManager(settings=settings) as other:
        ids = [manager.create_session(headers={"A": KEY}).id]
        file = put_new_key_first(settings)
        assert (len(file.read_text().split()), file.stat().st_mode & 0o777) == (2, 0o600)
        ids.append(other.create_session(headers={"A": KEY}).id)
        assert [manager.get_session(id).headers for id in ids] == [{"A": KEY}] * 2
        assert manager.rotate_secret_keys() == RotatedSecrets(sessions=1)
        drop_old_keys(settings)
        assert len(file.read_text().split()) == 1
    with SessionManager(settings=settings) as manager:
        assert [manager.get_session(id).headers for id in ids] == [{"A": KEY}] * 2
