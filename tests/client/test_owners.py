"""Whose data a client works on."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from ithaca import (
    Attachment,
    ChatMessage,
    Client,
    Conversation,
    InvalidArgument,
    NotAllowed,
    NotSignedIn,
    SessionManager,
    SessionNotFound,
)
from ithaca.client.base import Calls
from tests.client.conftest import AsOwner
from tests.support.serving import Served


def test_a_client_works_on_its_owners_data(alice: Client, asks_as: AsOwner, name: str) -> None:
    session = alice.create_session()
    assert (session.owner, alice.owner) == (name, None)
    with pytest.raises(SessionNotFound):
        asks_as("bob").get_session(session.id)


def test_an_administrator_works_for_others_and_nobody_else_does(root: Client, alice: Client, name: str) -> None:
    session = root.for_owner(name).create_session(name="from root")
    assert (session.owner, root.for_owner(name).owner) == (name, name)
    assert alice.get_session(session.id, last=0).name == "from root"
    assert root.create_session(owner=name).owner == name
    assert alice.for_owner(name).count_sessions() == 2
    for owner in ("bob", ""):
        with pytest.raises(NotAllowed):
            alice.for_owner(owner).count_sessions()
    with Client(alice._connection.address) as nobody, pytest.raises(NotSignedIn):
        nobody.count_sessions()


@pytest.mark.parametrize("owner", ["Τηλέμαχος", "a b/c%20", " x ", "new\nline", 'quo"te', "ü" * 100])
def test_any_text_names_an_owner(root: Client, owner: str) -> None:
    client = root.for_owner(owner)
    session = client.create_session()
    assert (session.owner, client.get_session(session.id, last=0).owner) == (owner, owner)


def test_a_confined_client_is_told_nothing_of_others(root: Client, name: str) -> None:
    confined = root.for_owner(name)
    confined.create_session()
    assert (confined.count_sessions(owner=name), confined.count_sessions(owner="other")) == (1, 0)
    assert list(confined.list_sessions(owner="other")) == []
    with pytest.raises(InvalidArgument, match="owner"):
        confined.create_session(owner="other")
    with pytest.raises(InvalidArgument, match="owner"):
        confined.for_owner("other")


def test_what_the_server_gives_in_parts_is_put_together(
    alice: Client, root: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    get = Calls._get

    def two_at_a_time(
        self: Calls, path: str, given: Mapping[str, Any] | None = None, *, owner: str | None = None
    ) -> Any:
        asked.append(path)
        return get(self, path, {**(given or {}), "limit": 2}, owner=owner)

    monkeypatch.setattr(Calls, "_get", two_at_a_time)
    numbered = [f"{name}-{n}" for n in range(5)]
    for each in numbered:
        session = alice.create_session(folder=each)
        alice.record_usage(session.id, model=each, input_tokens=1, output_tokens=1)
        alice.set_retention(folder=each, archive_after=9)
        alice.create_key(each)
        alice.create_endpoint(each, "http://127.0.0.1:1/v1")
        root.create_user(each, "a long password", owner=name)
    assert [folder.name for folder in alice.list_folders()] == numbered
    assert [sum.model for sum in alice.usage(by=["model"])] == numbered
    assert [policy.folder for policy in alice.list_retention()] == numbered
    assert [key.name for key in alice.list_keys()] == numbered
    assert [endpoint.name for endpoint in alice.list_endpoints(owner=name)] == numbered
    assert [user.name for user in root.list_users(owner=name)] == numbered
    assert [asked.count(path) for path in dict.fromkeys(asked)] == [3] * 6
    alice.erase_owner(name)


def test_a_client_for_all_owners_lists_everybody(asks_as: AsOwner, name: str, trusted: SessionManager) -> None:
    everybody = asks_as("root", "read,write,admin", all_owners=True)
    made = [trusted.create_session(owner=f"{name} {n}", name=f"of {name}") for n in range(2)]
    trusted.add_message(made[0].id, ChatMessage("user", f"needle {name.replace('-', '')}"))
    trusted.record_usage(made[1].id, model=f"of {name}", input_tokens=1, output_tokens=2)
    document = trusted.create_document(f"of {name}", owner=f"{name} 1")
    attachment = everybody.put_attachment(name.encode(), "text/plain", owner=f"{name} 0")
    removed = trusted.create_session(owner=f"{name} 1")
    trusted.delete_session(removed.id)

    assert {session.id for session in everybody.list_sessions(name=f"of {name}")} == {s.id for s in made}
    assert everybody.count_sessions(name=f"of {name}") == 2
    assert everybody.count_sessions(name=f"of {name}", owner=f"{name} 1") == 1
    assert [hit.session_id for hit in everybody.search(f"needle {name.replace('-', '')}")] == [made[0].id]
    assert document.id in [found.id for found in everybody.list_documents(limit=1000)]
    assert attachment.digest in [found.digest for found in everybody.list_attachments(limit=1000)]
    assert removed.id in [entry.session_id for entry in everybody.trash(limit=1000)]
    [sum] = everybody.usage(model=f"of {name}", by=["model"])
    assert (sum.input_tokens, sum.output_tokens) == (1, 2)
    everybody.set_retention(owner=f"{name} 0", delete_after=timedelta(days=2.5), legal_hold=True)
    [policy] = [policy for policy in everybody.list_retention() if policy.owner == f"{name} 0"]
    assert (policy.delete_after, policy.legal_hold) == (timedelta(days=2.5), True)
    everybody.set_retention(owner=f"{name} 0", legal_hold=False)
    for n in range(2):
        assert everybody.erase_owner(f"{name} {n}").total > 0
    assert everybody.count_sessions(name=f"of {name}") == 0


def test_an_import_for_all_owners_keeps_whose_it_is_and_any_other_takes_it(asks_as: AsOwner, name: str) -> None:
    everybody = asks_as("root", "read,write,admin", all_owners=True)
    everybody.import_conversations([Conversation(f"{name}-1", "x", [ChatMessage("user", "hi")], owner=name)])
    assert everybody.count_sessions(owner=name) == 1
    alice = asks_as(name)
    alice.import_conversations([Conversation(f"{name}-2", "x", owner="somebody else")])
    assert alice.count_sessions() == 2


def test_everybody_erases_their_own_by_name(alice: Client, name: str) -> None:
    alice.create_session()
    with pytest.raises(InvalidArgument, match="owner"):
        alice.erase_owner()
    assert alice.erase_owner(name).counts["sessions"] == 1


def test_administrators_calls_are_refused_to_others(alice: Client) -> None:
    for refused in (alice.info, alice.verify):
        with pytest.raises(NotAllowed):
            refused()


def test_an_attachment_is_found_by_its_owner(root: Client, name: str, server: Served) -> None:
    kept: Attachment = root.put_attachment(b"bytes", "text/plain", owner=name)
    assert root.get_attachment(kept.digest, owner=name).owner == name
    assert b"".join(root.read_attachment(kept.digest, owner=name)) == b"bytes"
