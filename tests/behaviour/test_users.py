"""Users and their log-ins: passwords are hashed, guessing is slowed down, and who is logged out is out everywhere."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import argon2
import pytest

from ithaca import (
    InvalidArgument,
    LoginRefused,
    NotAllowed,
    NotSignedIn,
    SessionManager,
    TooManyAttempts,
    UserExists,
    UserNotFound,
    passwords,
)
from ithaca.operations.logins import MOST_FROM_ADDRESS, MOST_ON_ACCOUNT, MOST_TOGETHER
from tests.support.managers import FakeClock, Opener, execute
from tests.support.raw import places_with

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD = "Kalypso's island 7341"


def test_a_user_logs_in_with_his_password(manager: SessionManager, open_manager: Opener) -> None:
    user = manager.create_user("ann", PASSWORD)
    assert (user.owner, user.name, user.is_admin) == ("ann", "ann", False)
    new = manager.log_in("ann", PASSWORD)
    assert (new.login.owner, new.login.user, new.login.rights) == ("ann", "ann", ["read", "write"])
    assert new.login.expires_at - new.login.created_at == timedelta(days=30)
    with open_manager() as another:
        assert another.identify_login(new.token) == new.login
        assert another.for_owner("ann").identify_login(new.token) == new.login
        for name, password in (("ann", PASSWORD + "x"), ("ann", ""), ("bob", PASSWORD), ("", ""), ("\0", "\ud800")):
            with pytest.raises(LoginRefused):
                another.log_in(name, password)
        with pytest.raises(NotSignedIn):
            another.for_owner("bob").identify_login(new.token)
        with pytest.raises(LoginRefused):
            another.for_owner("bob").log_in("ann", PASSWORD)
    assert places_with(open_manager.url, PASSWORD, new.token) == []
    assert PASSWORD not in repr(new) + repr(user)
    assert manager.log_out(new.token) == 1
    assert manager.log_out(new.token) == 0
    with pytest.raises(NotSignedIn):
        manager.identify_login(new.token)


def test_names_are_one_users_whoever_the_owner_is(manager: SessionManager) -> None:
    manager.create_user("ann", PASSWORD, owner="house")
    manager.create_user("bob", PASSWORD, owner="house", is_admin=True)
    with pytest.raises(UserExists):
        manager.create_user("ann", PASSWORD, owner="other")
    assert [(user.owner, user.name, user.is_admin) for user in manager.list_users()] == [
        ("house", "ann", False), ("house", "bob", True),
    ]  # fmt: skip
    assert manager.log_in("bob", PASSWORD).login.rights == ["read", "write", "admin"]
    assert manager.get_user("ann").owner == "house"
    assert manager.list_users(owner="other") == manager.for_owner("other").list_users() == []
    with pytest.raises(UserNotFound):
        manager.for_owner("other").get_user("ann")


def test_another_password_logs_out_everywhere(manager: SessionManager) -> None:
    manager.create_user("ann", PASSWORD)
    manager.create_user("bob", PASSWORD)
    before = [manager.log_in("ann", PASSWORD).token for _ in range(2)]
    bobs = manager.log_in("bob", PASSWORD).token
    new = manager.change_password("ann", PASSWORD, "another one")
    for token in before:
        with pytest.raises(NotSignedIn):
            manager.identify_login(token)
    assert manager.identify_login(new.token).user == "ann"
    manager.update_user("ann", password="a third one")
    with pytest.raises(NotSignedIn):
        manager.identify_login(new.token)
    assert manager.identify_login(bobs).user == "bob"
    for wrong in (PASSWORD, "another one"):
        with pytest.raises(LoginRefused):
            manager.change_password("ann", wrong, "a fourth one")
    manager.log_in("ann", "a third one")


def test_logging_out_everywhere(manager: SessionManager) -> None:
    manager.create_user("ann", PASSWORD)
    tokens = [manager.log_in("ann", PASSWORD).token for _ in range(3)]
    links = [manager.open_link(manager.create_link(owner="ann")).token for _ in range(2)]
    assert manager.log_out(tokens[0], everywhere=True) == 3
    assert manager.identify_login(links[0]).user is None
    assert manager.log_out(links[0], everywhere=True) == 2
    for token in (*tokens, *links):
        with pytest.raises(NotSignedIn):
            manager.identify_login(token)
    manager.log_in("ann", PASSWORD)
    assert (manager.log_out_user("ann"), manager.log_out_user("ann")) == (1, 0)
    again = manager.log_in("ann", PASSWORD).token
    manager.remove_user("ann")
    with pytest.raises(NotSignedIn):
        manager.identify_login(again)
    for call in (manager.remove_user, manager.log_out_user, manager.get_user):
        with pytest.raises(UserNotFound):
            call("ann")
    with pytest.raises(UserNotFound):
        manager.update_user("ann", is_admin=True)


def test_other_rights_begin_with_another_log_in(manager: SessionManager) -> None:
    manager.create_user("ann", PASSWORD)
    token = manager.log_in("ann", PASSWORD).token
    manager.update_user("ann", is_admin=True)
    with pytest.raises(NotSignedIn):  # what he may do has changed: he begins anew
        manager.identify_login(token)
    assert "admin" in manager.log_in("ann", PASSWORD).login.rights
    manager.update_user("ann", is_admin=False)
    assert "admin" not in manager.log_in("ann", PASSWORD).login.rights


def test_keys_to_everything_end_with_the_administrator(manager: SessionManager) -> None:
    for name in ("ann", "bea"):
        manager.create_user(name, PASSWORD, owner="house", is_admin=True)
    manager.create_user("cid", PASSWORD, owner="house")
    every, usual = manager.create_key("x", owner="house", scopes=["admin"]), manager.create_key("y", owner="house")
    others = manager.create_key("z", scopes=["read", "admin"])
    manager.update_user("bea", is_admin=False)
    manager.update_user("cid", is_admin=False)
    assert manager.identify_key(every.token).scopes == ["admin"]  # ann's still
    manager.remove_user("ann")
    with pytest.raises(NotSignedIn):
        manager.identify_key(every.token)
    assert [manager.identify_key(key.token).name for key in (usual, others)] == ["y", "z"]
    admins = manager.create_key("x", owner="house", scopes=["read", "admin"]).token  # by trusted code
    manager.update_user("bea", is_admin=True)
    manager.update_user("bea", password=f"{PASSWORD} too")
    manager.update_user("cid", is_admin=False)
    assert manager.identify_key(admins).name == "x"
    manager.update_user("bea", is_admin=False)
    with pytest.raises(NotSignedIn):
        manager.identify_key(admins)


def test_that_there_is_no_such_user_takes_as_long_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    class Counting(argon2.PasswordHasher):
        def verify(self, stored: str | bytes, password: str | bytes) -> bool:
            compared.append(stored)
            return super().verify(stored, password)

    with SessionManager(":memory:") as manager:
        manager.create_user("ann", PASSWORD)
        monkeypatch.setattr(passwords, "_hasher", lambda: Counting(time_cost=1, memory_cost=8, parallelism=1))
        for name in ("ann", "nobody"):
            guess(manager, name, "10.0.0.1")
    assert len(set(compared)) == 2


def test_a_link_opens_once_and_not_for_long(timed: SessionManager, clock: FakeClock, open_manager: Opener) -> None:
    link, late = timed.create_link(owner="ann"), timed.create_link(owner="ann")
    assert places_with(open_manager.url, link) == []
    with pytest.raises(NotSignedIn):
        timed.identify_login(link)
    new = timed.open_link(link)
    assert (new.login.owner, new.login.user, new.login.rights) == ("ann", None, ["read", "write", "admin"])
    assert timed.identify_login(new.token) == new.login
    for wrong in (link, new.token, "x", ""):
        with pytest.raises(NotSignedIn):
            timed.open_link(wrong)
    clock.move(hours=1)
    with pytest.raises(NotSignedIn):
        timed.open_link(late)
    clock.move(days=30)
    with pytest.raises(NotSignedIn):
        timed.identify_login(new.token)


def test_a_link_that_several_open_at_once_lets_in_one(manager: SessionManager) -> None:
    link = manager.create_link()

    def opened(_: int) -> bool:
        try:
            return bool(manager.open_link(link).token)
        except NotSignedIn:
            return False

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(opened, range(4))) == 1


def test_guessing_is_slowed_down(timed: SessionManager, clock: FakeClock, open_manager: Opener) -> None:
    timed.create_user("ann", PASSWORD)
    for _ in range(MOST_TOGETHER - 1):
        guess(timed, "ann", "10.0.0.1")
    timed.log_in("ann", PASSWORD, address="10.0.0.1")  # who succeeds begins anew
    for _ in range(MOST_TOGETHER):
        guess(timed, "ann", "10.0.0.1")
    clock.move(minutes=5)
    with open_manager(clock=clock) as another, pytest.raises(TooManyAttempts) as caught:
        another.log_in("ann", PASSWORD, address="10.0.0.1")
    assert caught.value.seconds == 600
    timed.log_in("ann", PASSWORD, address="10.0.0.2")  # an attacker elsewhere keeps nobody out
    clock.move(minutes=10)
    timed.log_in("ann", PASSWORD, address="10.0.0.1")


def guess(manager: SessionManager, name: str, address: str) -> None:
    with pytest.raises(LoginRefused):
        manager.log_in(name, "a guess", address=address)


def test_guessing_is_slowed_down_by_address_and_by_account(timed: SessionManager, clock: FakeClock) -> None:
    timed.create_user("ann", PASSWORD)
    for number in range(MOST_FROM_ADDRESS):
        guess(timed, f"user-{number}", "10.0.0.1")
    with pytest.raises(TooManyAttempts):
        timed.log_in("ann", PASSWORD, address="10.0.0.1")
    for number in range(MOST_ON_ACCOUNT):
        guess(timed, "ann", f"10.1.0.{number}")
    with pytest.raises(TooManyAttempts):
        timed.log_in("ann", PASSWORD, address="10.2.0.1")
    clock.move(minutes=15)
    timed.log_in("ann", PASSWORD, address="10.0.0.1")


def test_old_hashes_are_renewed(manager: SessionManager, monkeypatch: pytest.MonkeyPatch) -> None:
    manager.create_user("ann", PASSWORD)
    newer = argon2.PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: newer)
    token = manager.log_in("ann", PASSWORD).token
    monkeypatch.setattr(passwords, "hashed", None)  # it is not needed any more
    manager.log_in("ann", PASSWORD)
    assert manager.identify_login(token).user == "ann"


def test_who_is_confined_makes_nobody_anything(manager: SessionManager) -> None:
    manager.create_user("ann", PASSWORD)
    ann = manager.for_owner("ann")
    for call in (
        lambda: ann.create_user("other", PASSWORD),
        lambda: ann.update_user("ann", is_admin=True),
        lambda: ann.create_link(),
    ):
        with pytest.raises(NotAllowed):
            call()
    ann.update_user("ann", password="another one")
    assert ann.log_in("ann", "another one").login.owner == "ann"


def test_what_opens_something_still(manager: SessionManager) -> None:
    from ithaca.access import digest_of

    manager.create_user("ann", PASSWORD)
    tokens = [manager.log_in("ann", PASSWORD).token, manager.create_key("k").token, manager.create_link(), "nothing"]
    digests = [digest_of(token) for token in tokens]
    assert manager.still_open(digests) == set(digests[:2])
    manager.log_out(tokens[0])
    assert manager.still_open(digests) == {digests[1]}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"), ({"name": 5}, "name"), ({"name": "x" * 201}, "name"), ({"owner": 5}, "owner"),
        ({"password": "short"}, "password"), ({"password": "x" * 1001}, "password"), ({"password": None}, "password"),
        ({"name": "penelope", "password": "penelope"}, "password"), ({"is_admin": 1}, "is_admin"),
    ],
)  # fmt: skip
def test_what_makes_no_user(given: dict[str, Any], field: str) -> None:
    with SessionManager(":memory:") as manager:
        with pytest.raises(InvalidArgument) as caught:
            manager.create_user(**{"name": "ann", "password": PASSWORD, **given})
        assert (caught.value.field, manager.list_users()) == (field, [])
        assert "x" * 9 not in str(caught.value)


def test_an_accent_may_be_typed_in_two_ways() -> None:
    with SessionManager(":memory:") as manager:
        manager.create_user("ann", "caf\N{LATIN SMALL LETTER E WITH ACUTE} de Calypso")
        assert manager.log_in("ann", "cafe\N{COMBINING ACUTE ACCENT} de Calypso").login.user == "ann"


def test_what_contradicts_itself_is_found(manager: SessionManager, open_manager: Opener) -> None:
    manager.create_user("ann", PASSWORD)
    manager.log_in("ann", PASSWORD)
    key = manager.create_key("k").key
    url = open_manager.url
    for broken, mended, found in (
        ("access_keys SET scopes = 'all'", "access_keys SET scopes = 'read write'", ("access_key", "", key.id)),
        ("users SET password = 'x'", "users SET password = '$argon2id$x'", ("user", "ann", "ann")),
        ("logins SET kind = 'opened'", "logins SET kind = 'password'", ("login", "ann")),
    ):
        execute(url, f"UPDATE {broken}")
        (problem,) = manager.verify()
        assert (problem.name, problem.owner, problem.id)[: len(found)] == found
        assert manager.for_owner("nobody else").verify() == []
        execute(url, f"UPDATE {mended}")
