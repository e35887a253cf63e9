"""Keys for programs: shown once, stored as what cannot be turned back, and gone when they are revoked."""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ithaca import AccessKeyNotFound, InvalidArgument, NotAllowed, NotSignedIn, SessionManager
from tests.support.managers import FakeClock, Opener
from tests.support.raw import places_with


def test_a_key_is_known_by_what_it_says(manager: SessionManager, open_manager: Opener) -> None:
    new = manager.for_owner("ann").create_key("a script", scopes=["write", "read"])
    assert (new.key.owner, new.key.name, new.key.scopes) == ("ann", "a script", ["read", "write"])
    assert new.token.startswith("ithaca_")
    assert new.key.hint == new.token[:11]
    assert new.token not in repr(new)
    with open_manager() as another:
        assert another.identify_key(new.token) == new.key
        assert another.for_owner("ann").identify_key(new.token).id == new.key.id
        for wrong in (new.token[:-1], new.token + "x", new.key.hint, new.key.id, "", "ithaca_", "\ud800", "x" * 10_000):
            with pytest.raises(NotSignedIn):
                another.identify_key(wrong)
    assert places_with(open_manager.url, new.token, new.token[12:]) == []
    assert places_with(open_manager.url, hashlib.sha256(new.token.encode()).hexdigest()) != []
    assert manager.verify() == []


def test_a_revoked_key_opens_nothing_from_then_on(manager: SessionManager, open_manager: Opener) -> None:
    new, other = manager.create_key("one", owner="ann"), manager.create_key("other", owner="ann")
    with open_manager() as another:
        another.identify_key(new.token)
        manager.revoke_key(new.key.id)
        with pytest.raises(NotSignedIn):
            another.identify_key(new.token)
        assert [key.name for key in another.list_keys(owner="ann")] == ["other"]
    for id in (new.key.id, "x", ""):
        with pytest.raises(AccessKeyNotFound):
            manager.revoke_key(id)
    assert manager.identify_key(other.token).id == other.key.id


def test_a_key_ends_at_its_time(timed: SessionManager, clock: FakeClock) -> None:
    ends = datetime.fromtimestamp(clock() / 1_000_000, UTC) + timedelta(days=1)
    new = timed.create_key("for a day", expires_at=ends)
    assert new.key.expires_at == ends
    clock.move(hours=23)
    timed.identify_key(new.token)
    clock.move(hours=1)
    with pytest.raises(NotSignedIn):
        timed.identify_key(new.token)
    assert [key.id for key in timed.list_keys()] == [new.key.id]


def test_its_use_is_noted_now_and_then(timed: SessionManager, clock: FakeClock) -> None:
    new = timed.create_key("a script")
    assert new.key.used_at is None
    timed.identify_key(new.token)
    first = when_used(timed, None)
    clock.move(minutes=4)
    timed.identify_key(new.token)
    clock.move(minutes=1)
    timed.identify_key(new.token)
    assert when_used(timed, first) == first + timedelta(minutes=5)


def when_used(manager: SessionManager, before: datetime | None) -> datetime:
    """When the only key was last used, as soon as that is noted."""
    deadline = time.monotonic() + 20
    while (used := manager.list_keys()[0].used_at) == before:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert used is not None
    return used


def test_keys_are_listed_by_owner(manager: SessionManager) -> None:
    for owner in ("bob", "", "ann", "bob"):
        manager.create_key(f"of {owner}", owner=owner)
    assert [key.owner for key in manager.list_keys()] == ["", "ann", "bob", "bob"]
    assert [key.name for key in manager.for_owner("bob").list_keys()] == ["of bob"] * 2
    assert [key.name for key in manager.list_keys(owner="")] == ["of "]
    with pytest.raises(InvalidArgument, match="owner"):
        manager.for_owner("bob").list_keys(owner="ann")


def test_who_is_confined_gives_nothing_away_that_concerns_others(manager: SessionManager) -> None:
    for scopes in (["admin"], ["read", "write", "admin"]):
        with pytest.raises(NotAllowed):
            manager.for_owner("ann").create_key("mine", scopes=scopes)
        assert manager.create_key("root", owner="ann", scopes=scopes).key.scopes == scopes


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"), ({"name": 5}, "name"), ({"name": "\0"}, "name"), ({"owner": 5}, "owner"),
        ({"scopes": []}, "scopes"), ({"scopes": "read"}, "scopes"), ({"scopes": ["all"]}, "scopes"),
        ({"scopes": [5]}, "scopes"), ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": datetime(2001, 1, 1, tzinfo=UTC)}, "expires_at"),
    ],
)  # fmt: skip
def test_what_makes_no_key(given: dict[str, Any], field: str) -> None:
    with SessionManager(":memory:") as manager:
        with pytest.raises(InvalidArgument) as caught:
            manager.create_key(**{"name": "a script", **given})
        assert (caught.value.field, manager.list_keys()) == (field, [])
