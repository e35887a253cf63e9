"""The calls about users, through a client of an administrator."""

import pytest

from ithaca import Client, InvalidArgument, NotAllowed, SessionManager, UserExists, UserNotFound

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD = "a long password"


def test_an_administrator_makes_users(root: Client, alice: Client, trusted: SessionManager, name: str) -> None:
    user = root.create_user(name, PASSWORD)
    assert user == trusted.get_user(name) == root.get_user(name)
    assert trusted.log_in(name, PASSWORD).login.owner == name
    assert (root.log_out_user(name), root.log_out_user(name)) == (1, 0)
    assert root.update_user(name, is_admin=True, password="another one").is_admin
    assert [each.name for each in root.list_users(owner=name)] == [name]
    with pytest.raises(UserExists):
        root.create_user(name, PASSWORD)
    with pytest.raises(InvalidArgument, match="password"):
        root.create_user("x", "short")
    with pytest.raises(NotAllowed):
        alice.list_users()
    root.remove_user(name)
    for call in (root.remove_user, root.get_user, root.log_out_user):
        with pytest.raises(UserNotFound):
            call(name)


def test_for_an_owner_there_are_that_owners(root: Client, trusted: SessionManager, name: str) -> None:
    trusted.create_user(name, PASSWORD)
    trusted.create_user(f"{name}-other", PASSWORD)
    confined = root.for_owner(name)
    assert [each.name for each in confined.list_users()] == [name]
    for call in (confined.get_user, confined.remove_user, confined.log_out_user):
        with pytest.raises(UserNotFound):
            call(f"{name}-other")
    with pytest.raises(UserNotFound):
        confined.update_user(f"{name}-other", password="another one")
    with pytest.raises(NotAllowed):
        confined.create_user("x", PASSWORD)
    with pytest.raises(NotAllowed):
        confined.update_user(name, is_admin=True)
    assert confined.update_user(name, password="another one").name == name
