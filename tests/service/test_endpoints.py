"""Endpoints over HTTP: keys go in and never come out, and who may reach what."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.model_server import ModelServer, model_server
from tests.support.serving import Served

KEY = "sk-planted-marker"


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with model_server() as running:
        running.answer(b'{"data": [{"id": "small"}]}')
        yield running


def test_a_key_goes_in_and_never_comes_out(alice: httpx.Client) -> None:
    body = {"name": "e", "base_url": "https://model.example/v1", "key": KEY, "headers": {"X-Key": KEY}}
    answers = [
        alice.post("/api/endpoints", json=body),
        alice.post("/api/endpoints", json=body),
        alice.patch("/api/endpoints/e", json={"key": f"{KEY}\n"}),
        alice.patch("/api/endpoints/e", json={"key": [KEY]}),
        alice.patch("/api/endpoints/e", json={"base_url": f"http://me:{KEY}@host/"}),
        alice.patch("/api/endpoints/e", json={"model": "m"}),
        alice.get("/api/endpoints/e"),
        alice.get("/api/endpoints"),
    ]
    assert [answer.status_code for answer in answers] == [201, 409, 422, 422, 422, 200, 200, 200]
    assert KEY not in "".join(answer.text for answer in answers)
    assert answers[-1].json()["items"] == [answers[-2].json()]
    moved = alice.patch("/api/endpoints/e", json={"base_url": "https://other.example/v1"}).json()
    assert (moved["has_key"], moved["has_headers"]) == (False, False)
    assert alice.delete("/api/endpoints/e").status_code == 204
    assert alice.get("/api/endpoints/e").status_code == 404


def test_only_administrators_and_what_they_share_reach_the_servers_own_network(
    server: Served, alice: httpx.Client, root: httpx.Client, names: tuple[str, str], model: ModelServer
) -> None:
    shared = f"shared-{names[0]}"
    alice.post("/api/endpoints", json={"name": "own", "base_url": model.url})
    refused = alice.post("/api/endpoints/own/test")
    assert (refused.status_code, refused.json()["error"]) == (422, "EndpointRefused")
    assert "this machine" in refused.json()["detail"]
    assert model.requests == []
    assert alice.post("/api/admin/endpoints", json={"name": shared, "base_url": model.url}).status_code == 403
    assert (
        root.post("/api/admin/endpoints", json={"name": shared, "base_url": model.url, "key": KEY}).status_code == 201
    )
    assert alice.get(f"/api/endpoints/{shared}/models").json() == {"items": ["small"]}
    assert model.requests[0].headers["authorization"] == f"Bearer {KEY}"
    for change in (
        alice.delete(f"/api/endpoints/{shared}"),
        alice.patch(f"/api/endpoints/{shared}", json={"key": "x"}),
    ):
        assert (change.status_code, change.json()["error"]) == (403, "NotAllowed")
    chief = server.client(names[0], "read,write,admin")
    assert chief.post("/api/endpoints/own/test").json()["models"] == ["small"]
    assert root.patch(f"/api/admin/endpoints/{shared}", json={"model": "small"}).json()["has_key"] is True
    assert root.delete(f"/api/admin/endpoints/{shared}").status_code == 204


def test_what_a_provider_could_not_do_is_told_in_its_words(root: httpx.Client, model: ModelServer) -> None:
    root.post("/api/endpoints", json={"name": "bad", "base_url": model.url, "key": KEY})
    model.fail(401, f"Incorrect API key provided: {KEY}")
    model._answers.pop(0)
    answer = root.get("/api/endpoints/bad/models")
    assert (answer.status_code, answer.json()["error"], answer.json()["provider_status"]) == (502, "ProviderError", 401)
    assert answer.json()["words"] == "Incorrect API key provided: [hidden]"
    root.delete("/api/endpoints/bad")


def test_keys_rotate_and_servers_are_looked_for_by_administrators(alice: httpx.Client, root: httpx.Client) -> None:
    assert alice.post("/api/admin/database:rotate-secret-keys").status_code == 403
    assert root.post("/api/admin/database:rotate-secret-keys").json()["unreadable"] == 0
    assert isinstance(root.get("/api/admin/endpoints:discover?seconds=0.05").json()["items"], list)
