"""What another owner has is not there: each route says of it exactly what it says of what isn't anywhere."""

import json
from typing import Any

import httpx

from ithaca import SessionManager
from tests.service.test_admin import operations
from tests.service.test_attachments import put
from tests.service.test_sessions import make, say
from tests.support.files import made
from tests.support.serving import Served

#: What a route's body has to hold to be looked at at all.
BODIES: dict[str, Any] = {
    "ConversationChanges": {"metadata": {}},
    "Home": {"session_id": "{session_id}"},
    "DocumentEdit": {"content": "x"},
    "Edit": {"content": "x"},
    "EndpointChanges": {"model": "x"},
    "Fork": {},
    "MessageIds": {"message_ids": ["{message_id}"]},
    "NewItems": {"items": [{"role": "user", "content": "x"}]},
    "NewMessage": {"role": "user", "content": "x"},
    "NewMessages": {"messages": [{"role": "user", "content": "x"}]},
    "NewReply": {"content": "x"},
    "NewUsage": {"model": "m", "input_tokens": 1, "output_tokens": 1},
    "SessionChanges": {"name": "x"},
    "Summary": {"summary": "x", "keep_last": 0},
    "ToSummarize": {"keep_last": 0},
    "Truncation": {"keep_count": 0},
}

#: Query parameters that a route must have.
QUERIES = {"max_tokens": "1000"}


def test_anothers_ids_are_answered_as_ids_of_nothing(
    server: Served, trusted: SessionManager, bob: httpx.Client, names: tuple[str, str]
) -> None:
    """With a real key, which may do all, and as nobody."""
    theirs = what_bob_has(bob)
    nothing = {name: "0" * len(id) for name, id in theirs.items()}
    alice = server.with_key(trusted.create_key("hers", owner=names[0], scopes=["read", "write", "admin"]).token)
    for client, status in ((alice, "404"), (server.client(None), "401")):
        tried = 0
        for method, path, operation in with_ids(server):
            there = ask(client, method, path, operation, theirs)
            nowhere = ask(client, method, path, operation, nothing)
            for name, id in theirs.items():
                there = [part.replace(id, nothing[name]) for part in there]
            assert there == nowhere, (method, path)
            assert nowhere[0] == status, (method, path, nowhere)
            tried += 1
        assert tried > 30
    assert [bob.get(f"/api/sessions/{theirs['session_id']}").json()["revision"]] == [5]


def what_bob_has(bob: httpx.Client) -> dict[str, str]:
    """An id of bob's for each parameter of a path."""
    session = make(bob)["id"]
    first, second = say(bob, session, "1", "2")
    bob.patch(f"/api/sessions/{session}/messages/{second['id']}", json={"content": "two", "branch": True})
    other = say(bob, session, "3")[0]["id"]
    entry = bob.delete(f"/api/sessions/{session}/messages/{other}").json()["trash_id"]
    document = bob.post("/api/documents", json={"title": "List"}).json()["id"]
    endpoint = bob.post("/api/endpoints", json={"name": "bobs", "base_url": "http://x"}).json()["name"]
    asked = make(bob, endpoint_url=endpoint, model="m")["id"]
    reply = bob.post(f"/api/sessions/{asked}/replies", json={"content": "x"}).json()["id"]
    bob.post(f"/api/replies/{reply}/stop")
    return {
        "reply_id": reply,
        "session_id": session,
        "conversation_id": session,
        "message_id": first["id"],
        "item_id": first["id"],
        "trash_id": entry,
        "document_id": document,
        "digest": put(bob, made()),
        "key_id": bob.post("/api/keys", json={"name": "bob's"}).json()["id"],
        "name": endpoint,
    }


def with_ids(server: Served) -> Any:
    for path, methods in server.app.openapi()["paths"].items():
        if "{" in path and not path.startswith(("/api/problems", "/api/admin")):
            for method, operation in methods.items():
                yield method.upper(), path.replace("{version}", "1"), operation


def ask(client: httpx.Client, method: str, path: str, operation: Any, ids: dict[str, str]) -> list[str]:
    """The status, the headers and the body of an answer."""
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    body = None if schema is None else json.loads(filled(json.dumps(BODIES[schema["$ref"].rpartition("/")[2]]), ids))
    needed = {
        each["name"]: QUERIES[each["name"]]
        for each in operation["parameters"]
        if each["required"] and each["in"] == "query"
    }
    response = client.request(method, filled(path, ids), json=body, params=needed)
    headers = {name: value for name, value in response.headers.items() if name not in ("date", "x-request-id")}
    return [str(response.status_code), str(headers), response.text]


def filled(text: str, ids: dict[str, str]) -> str:
    for name, id in ids.items():
        text = text.replace(f"{{{name}}}", id)
    return text


def test_anothers_ids_in_queries_and_bodies_are_those_of_nothing(alice: httpx.Client, bob: httpx.Client) -> None:
    theirs = what_bob_has(bob)
    make(alice, id="mine")
    alice.post("/api/documents", json={"title": "Mine", "id": "mine"})
    place = {"path": [0, "url"], "digest": theirs["digest"], "media_type": "image/png", "size": 20_000}
    image = {"role": "user", "content": [{"type": "image", "url": ""}], "attachments": [place]}
    for method, path, body in (
        ("GET", "/api/search?q=x&session_id={session_id}", None),
        ("GET", "/api/attachments?session_id={session_id}", None),
        ("GET", "/api/trash/{trash_id}/messages?session_id={session_id}", None),
        ("POST", "/api/documents", {"title": "x", "session_id": "{session_id}"}),
        ("PUT", "/api/documents/mine/session", {"session_id": "{session_id}"}),
        ("POST", "/api/sessions/mine/forks", {"at": "{message_id}"}),
        ("POST", "/api/sessions/mine/compactions", {"summary": "x", "through": "{message_id}"}),
    ):
        refused = alice.request(
            method, filled(path, theirs), json=body and json.loads(filled(json.dumps(body), theirs))
        )
        assert refused.status_code == 404, (path, refused.text)
    refused = alice.post("/api/sessions/mine/messages", json={"messages": [image]})
    assert (refused.status_code, refused.json()["field"]) == (422, "content")
    place["digest"] = "0" * 64
    nothing = alice.post("/api/sessions/mine/messages", json={"messages": [image]})
    assert nothing.text == refused.text.replace(theirs["digest"], "0" * 64)
    for path in ("/api/trash?session_id={session_id}", "/api/documents?session_id={session_id}"):
        assert alice.get(filled(path, theirs)).json()["items"] == []
    assert (
        alice.get(filled("/api/usage?together=true&session_id={session_id}", theirs)).json()["items"][0]["count"] == 0
    )
    for after in (0, 3, 99):  # news of a session that is known at a revision
        asked = {"timeout": 0, "after": after}
        told = [alice.get("/api/events", params={**asked, "session_id": id}).text for id in (theirs["session_id"], "0")]
        assert "messages" not in told[0]
        assert told[0].count("event: change") == told[1].count("event: change")
        assert told[0].count('"kind":"missed"') == told[1].count('"kind":"missed"') == (after > 0)
    removed = alice.post("/api/sessions:delete", json={"session_ids": [theirs["session_id"]]}).json()
    assert removed["sessions"] == 0


def test_ids_are_each_owners_own(alice: httpx.Client, bob: httpx.Client) -> None:
    assert make(alice, id="same")["owner"] != make(bob, id="same")["owner"]
    say(alice, "same", "hers")
    assert bob.get("/api/sessions/same/messages").json() == {"items": []}


def test_lists_hold_ones_own_only(server: Served, alice: httpx.Client, bob: httpx.Client) -> None:
    what_bob_has(bob)
    bob.put("/api/retention", json={"folder": "f"})
    for path in ("sessions", "documents", "attachments", "trash", "retention", "usage"):
        assert alice.get(f"/api/{path}").json()["items"] == [], path
    assert alice.get("/api/search?q=1").json() == {"items": [], "cursor": None}
    assert alice.get("/api/sessions:count").json() == {"count": 0}
    assert operations(server)
