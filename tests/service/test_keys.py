"""`/api/keys`, and asking with a key."""

import json
import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest

from ithaca import SessionManager
from tests.service.test_sessions import make
from tests.support.serving import Served

NEW = {"name": "a script"}


def test_a_key_opens_its_owners_data(server: Served, alice: httpx.Client, names: tuple[str, str]) -> None:
    made = alice.post("/api/keys", json=NEW)
    assert made.status_code == 201
    client = server.with_key(made.json()["token"])
    assert client.get("/api/me").json() == {
        "owner": names[0], "rights": ["read", "write"], "by": "key", "name": "a script"
    }  # fmt: skip
    make(client, id="s")
    assert alice.get("/api/sessions/s").json()["owner"] == names[0]
    (listed,) = alice.get("/api/keys").json()["items"]
    assert listed == {name: value for name, value in made.json().items() if name != "token"} | {
        "used_at": listed["used_at"]
    }
    assert alice.delete(f"/api/keys/{listed['id']}").status_code == 204
    refused = client.get("/api/me")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="ithaca"')


def test_a_list_goes_on_though_what_was_shown_last_is_gone(alice: httpx.Client) -> None:
    ids = [alice.post("/api/keys", json={"name": f"script {n}"}).json()["id"] for n in range(5)]
    first = alice.get("/api/keys?limit=2")
    assert [key["id"] for key in first.json()["items"]] == ids[:2]
    alice.delete(f"/api/keys/{ids[0]}")  # what stood before it
    way_on = str(first.url.join(first.links["next"]["url"]))
    second = alice.get(way_on)
    assert [key["id"] for key in second.json()["items"]] == ids[2:4]
    third = alice.get("/api/keys", params={"cursor": second.json()["cursor"]})
    assert ([key["id"] for key in third.json()["items"]], third.json()["cursor"], third.links) == (ids[4:], None, {})
    alice.delete(f"/api/keys/{ids[3]}")
    assert alice.get("/api/keys", params={"cursor": second.json()["cursor"]}).json() == third.json()
    alice.delete(f"/api/keys/{ids[4]}")
    assert alice.get("/api/keys", params={"cursor": second.json()["cursor"]}).json() == {"items": [], "cursor": None}
    for name in "ab":
        make(alice, folder=name)
    for cursor in ("x", alice.get("/api/folders?limit=1").json()["cursor"]):
        assert alice.get("/api/keys", params={"cursor": cursor}).json()["field"] == "cursor"


def test_a_key_may_do_what_its_scopes_say(server: Served, alice: httpx.Client) -> None:
    reader = server.with_key(alice.post("/api/keys", json={**NEW, "scopes": ["read"]}).json()["token"])
    assert reader.get("/api/sessions").status_code == 200
    refused = reader.post("/api/sessions", json={"name": "x"})
    assert (refused.status_code, refused.json()["right"]) == (403, "write")
    assert reader.get("/api/admin/database").status_code == 403


def test_nobody_gives_away_more_than_he_has(
    server: Served, alice: httpx.Client, root: httpx.Client, names: tuple[str, str]
) -> None:
    refused = alice.post("/api/keys", json={**NEW, "scopes": ["read", "admin"]})
    assert (refused.status_code, refused.json()["right"]) == (403, "admin")
    elsewhere = root.post("/api/keys", json={**NEW, "scopes": ["read", "admin"]})
    assert (elsewhere.status_code, elsewhere.json()["right"]) == (403, "admin")
    assert "/api/admin/keys" in elsewhere.json()["detail"]
    reader = server.client(names[0], "read")
    assert reader.post("/api/keys", json={**NEW, "scopes": ["read"]}).status_code == 403
    key = alice.post("/api/keys", json=NEW).json()
    with_key = server.with_key(key["token"])
    assert with_key.post("/api/keys", json=NEW).json()["right"] == "admin"
    assert with_key.delete(f"/api/keys/{key['id']}").json()["right"] == "admin"
    assert with_key.get("/api/keys").status_code == 200
    admins = root.post("/api/admin/keys", json={**NEW, "owner": names[0], "scopes": ["read", "write", "admin"]}).json()
    with_admins = server.with_key(admins["token"])
    assert with_admins.post("/api/keys", json=NEW).status_code == 201
    assert with_admins.get("/api/admin/database").status_code == 200
    assert len(root.get("/api/admin/keys", params={"owner": names[0]}).json()["items"]) == 3
    assert root.delete(f"/api/admin/keys/{admins['id']}").status_code == 204
    assert with_admins.get("/api/me").status_code == 401


def test_a_repeated_answer_does_not_show_it_again(alice: httpx.Client, trusted: SessionManager) -> None:
    first, again = (alice.post("/api/keys", json=NEW, headers={"idempotency-key": "k"}) for _ in range(2))
    assert first.json()["token"].startswith("ithaca_")
    assert again.json() == first.json() | {"token": None}
    assert again.headers["idempotency-replayed"] == "true"
    assert len(alice.get("/api/keys").json()["items"]) == 1


@pytest.mark.parametrize("shown", ["Bearer", "Bearer ithaca_no", "Basic YTpi", "ithaca_no", "Bearer  x", "Bearer \xff"])
def test_what_is_no_key_opens_nothing(server: Served, shown: str) -> None:
    with httpx.Client(base_url=server.address) as client:
        assert client.get("/api/me", headers=[(b"authorization", shown.encode("latin-1"))]).status_code == 401


def test_who_is_not_known_is_told_before_he_has_sent_anything(server: Served) -> None:
    for path in ("/api/sessions", "/v1/conversations", "/api/nothing"):
        assert answer_to_headers(server, path, "") == 401
    assert answer_to_headers(server, "/api/sessions", "x-owner: r\r\nx-rights: read\r\n") == 403
    assert answer_to_headers(server, "/api/admin/owners:erase", "x-owner: r\r\nithaca-owner: x\r\n") == 403


def answer_to_headers(server: Served, path: str, headers: str) -> int:
    """The status of an answer that comes while the body is still to be sent."""
    where = urlsplit(server.address)
    with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
        head = f"POST {path} HTTP/1.1\r\nhost: ithaca\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n"
        connection.sendall(f"{head}{headers}\r\n".encode())
        return int(connection.recv(4096).split()[1])


def test_its_use_is_noted(server: Served, alice: httpx.Client) -> None:
    client = server.with_key(alice.post("/api/keys", json=NEW).json()["token"])
    client.get("/api/me")
    deadline = time.monotonic() + 20
    while alice.get("/api/keys").json()["items"][0]["used_at"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_a_key_says_is_in_no_answer_but_its_first(server: Served, alice: httpx.Client) -> None:
    token = alice.post("/api/keys", json=NEW).json()["token"]
    client = server.with_key(token)
    for path in ("/api/me", "/api/keys", "/api/problems/not-signed-in", "/api/none"):
        assert token[12:] not in client.get(path).text + json.dumps(dict(client.get(path).headers)), path
