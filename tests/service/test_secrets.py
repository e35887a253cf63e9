"""What is secret goes in and never out: a marker is planted in all places for it, and looked for in all that comes."""

import base64
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ithaca import SessionManager
from ithaca.service import SignedIn
from tests.service.test_owners import BODIES, filled, what_bob_has
from tests.support.serving import Served, served

#: Words that nothing else has.
MARKER = "sk-marker-7341"

#: Requests that are refused with a secret in them, in each of the ways in which something can be wrong.
REFUSED: list[tuple[str, str, Any]] = [
    ("POST", "/api/sessions", {"headers": {"authorization": MARKER, "x": 5}}),
    ("POST", "/api/sessions", {"headers": MARKER}),
    ("POST", "/api/sessions", {"headers": [MARKER]}),
    ("POST", "/api/sessions", {"headers": {"authorization": f"{MARKER}\r\nx: y"}}),
    ("POST", "/api/sessions", {"headers": {"authorization": MARKER}, "more": 1}),
    ("POST", "/api/sessions", {"headers": {"authorization": MARKER}, "id": ""}),
    ("PATCH", "/api/sessions/{session_id}", {"headers": {"authorization": MARKER * 100_000}}),
    ("PATCH", "/api/sessions/none", {"headers": {"authorization": MARKER}}),
    ("POST", "/api/endpoints", {"name": "new", "base_url": "no address", "key": MARKER}),
    ("POST", "/api/endpoints", {"name": "new", "base_url": "http://x", "key": {"is": MARKER}}),
    ("POST", "/api/endpoints", {"name": "new", "base_url": "http://x", "headers": {"x": [MARKER]}}),
    ("POST", "/api/endpoints", {"name": "bobs", "base_url": "http://x", "key": MARKER}),
    ("POST", "/api/conversations:import", {"conversations": [{"id": "i", "name": "", "headers": {"x": [MARKER]}}]}),
    ("POST", "/api/login", {"name": "ann", "password": MARKER}),
    ("POST", "/api/login", {"name": "ann", "password": [MARKER]}),
    ("POST", "/api/admin/users", {"name": "bob", "password": MARKER, "owner": 5}),
    ("POST", "/api/admin/users", {"name": "ann", "password": MARKER}),
    ("POST", "/api/admin/users", {"name": MARKER, "password": MARKER}),
    ("PATCH", "/api/admin/users/none", {"password": MARKER}),
]


@pytest.mark.usefixtures("quick_passwords")
def test_what_is_secret_is_in_no_answer_and_no_log(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    url = f"sqlite:///{tmp_path}/secrets.db"
    with caplog.at_level(logging.DEBUG), served(url, access=SignedIn) as server:
        with SessionManager(url) as manager:
            manager.create_user("ann", f"{MARKER} ann's")
            client = server.with_key(manager.create_key("k", owner="ann", scopes=["read", "write", "admin"]).token)
        ids = planted(client)
        answers = {
            f"{number} {method} {path}": said(client, method, filled(path, ids), {}, body)
            for number, (method, path, body) in enumerate(REFUSED)
        }
        assert [what for what, (status, _) in answers.items() if status < 400] == []
        answers |= {what: said(client, *asked) for what, asked in everything(server, ids)}
        assert {status for status, _ in answers.values()} >= {200, 201, 204}
        assert len(answers) > 120
        assert [what for what, (_, text) in answers.items() if shows(text)] == []
    ours = [record for record in caplog.records if record.name.startswith(("ithaca", "uvicorn"))]
    assert len(ours) > 120
    assert not shows("".join(f"{record.getMessage()}{record.exc_info}" for record in ours))
    assert MARKER.encode() not in b"".join(file.read_bytes() for file in tmp_path.glob("secrets.db*"))


def planted(client: httpx.Client) -> dict[str, str]:
    """Ids of what ann has, with secrets in all places for them."""
    ids = what_bob_has(client)
    headers = {"authorization": f"Bearer {MARKER}", "x-api-key": MARKER}
    keeping = {"name": "x", "endpoint_url": "http://127.0.0.1:1/v1", "headers": headers}
    made = client.post("/api/sessions", json={**keeping, "id": "keeps"}, headers={"idempotency-key": "k"})
    again = client.post("/api/sessions", json={**keeping, "id": "keeps"}, headers={"idempotency-key": "k"})
    assert (made.status_code, again.status_code) == (201, 201)
    assert client.patch(f"/api/sessions/{ids['session_id']}", json={"headers": headers}).status_code == 200
    imported = {"conversations": [{"id": "imported", "name": "x", "headers": headers}]}
    assert client.post("/api/conversations:import", json=imported).status_code == 200
    endpoint = {"name": "secret", "base_url": "http://127.0.0.1:1/v1", "key": MARKER, "headers": {"x": MARKER}}
    assert client.post("/api/endpoints", json=endpoint).status_code == 201
    return {**ids, "name": "secret"}


def everything(server: Served, ids: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Every operation of the document: readings first, in each form in which they come."""
    methods = ("get", "post", "put", "patch", "delete")
    paths = server.app.openapi()["paths"]
    for method in methods:
        for path in sorted(paths, key=lambda path: "erase" in path):
            if method in paths[path] and path not in ("/api/logout", "/api/keys/{key_id}"):
                where = filled(path.replace("{version}", "1"), ids)
                query = {"max_tokens": 1000, "q": "1", "timeout": 0, "last": 100, "limit": 100}
                named = {each["name"] for each in paths[path][method].get("parameters", ()) if each["in"] == "query"}
                body = body_of(paths[path][method], ids)
                asked = {name: value for name, value in query.items() if name in named}
                yield f"{method} {path}", (method.upper(), where, asked, body)
                if method == "get":
                    yield f"lines of {path}", (method.upper(), where, asked, None, {"accept": "application/jsonl"})


def body_of(operation: Any, ids: dict[str, str]) -> Any:
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return None
    body = BODIES.get(str(schema.get("$ref", "")).rpartition("/")[2], {})
    return json.loads(filled(json.dumps(body), ids))


def said(
    client: httpx.Client, method: str, path: str, query: Any, body: Any = None, headers: Any = None
) -> tuple[int, str]:
    """The status of an answer, and all that it says but for what was asked."""
    answer = client.request(method, path, params=query, json=body, headers=headers)
    return answer.status_code, f"{answer.headers}{answer.text}"


def shows(text: str) -> bool:
    """Whether a marker is in it, as it is or in base64."""
    return any(form in text for form in (MARKER, base64.b64encode(MARKER.encode()).decode()[:16]))
