"""`ETag`, `If-Match` and `If-None-Match`: who says what he has seen overwrites nothing else."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from ithaca import SessionManager
from ithaca.service.revisions import compares
from ithaca.service.routes import ROUTERS
from tests.service.test_replies import heard, model, session
from tests.service.test_sessions import make, say
from tests.support.model_server import ModelServer
from tests.support.serving import Served

__all__ = ("model", "session")  # fixtures


def test_changes_of_what_one_has_not_seen_are_refused(alice: httpx.Client) -> None:
    seen = {"if-match": alice.post("/api/sessions", json={"id": "s"}).headers["etag"]}
    assert alice.patch("/api/sessions/s", json={"name": "A"}, headers=seen).status_code == 200
    ids = [message["id"] for message in say(alice, "s", "1", "2")]
    body = {"messages": [{"role": "user", "content": "x"}]}
    for method, path, json in (
        ("PATCH", "", {"name": "B"}), ("DELETE", "", None), ("POST", "/undo", None), ("POST", "/messages", body),
        ("PUT", "/messages", body), ("POST", "/messages:delete", {"message_ids": ids}),
        ("POST", "/messages:truncate", {"keep_count": 0}), ("PATCH", f"/messages/{ids[0]}", {"content": "x"}),
        ("DELETE", f"/messages/{ids[0]}", None), ("POST", f"/messages/{ids[0]}/versions", body["messages"][0]),
        ("POST", f"/messages/{ids[0]}/switch", None), ("POST", "/compactions", {"summary": "x", "keep_last": 0}),
        ("POST", "/usage", {"model": "m", "input_tokens": 1, "output_tokens": 1}),
    ):  # fmt: skip
        refused = alice.request(method, "/api/sessions/s" + path, json=json, headers=seen)
        assert (refused.status_code, refused.json()["error"]) == (412, "RevisionConflict"), path
        assert (refused.json()["found"], refused.json()["expected"]) == (3, 1)
    assert alice.get("/api/sessions/s").json()["revision"] == 3


def test_so_it_is_with_documents(alice: httpx.Client) -> None:
    make(alice, id="s")
    seen = {"if-match": alice.post("/api/documents", json={"title": "List", "id": "d"}).headers["etag"]}
    assert alice.patch("/api/documents/d", json={"content": "1"}, headers=seen).headers["etag"] == '"2"'
    for method, path, json in (
        ("PATCH", "", {"content": "2"}), ("DELETE", "", None), ("PUT", "/session", {"session_id": "s"}),
        ("DELETE", "/session", None), ("PUT", "/archived", None), ("DELETE", "/archived", None),
        ("POST", "/versions/1/restore", None),
    ):  # fmt: skip
        assert alice.request(method, "/api/documents/d" + path, json=json, headers=seen).status_code == 412, path


class Walk:
    """Changes of a session or a document, each on the condition that nothing came after the one before."""

    def __init__(self, client: httpx.Client, home: str, made: httpx.Response) -> None:
        self._client, self._home, self._etag = client, home, made.headers["etag"]
        self.walked: set[tuple[str, str]] = set()

    def go(self, method: str, path: str, json: Any = None, **ids: Any) -> Any:
        """Changes it, and sees that the answer's ETag is what is there now."""
        self.walked.add((method, path))
        given = {"session_id": "s", "document_id": "d", "version": 1} | ids
        headers = {"if-match": self._etag}
        answer = self._client.request(method, path.format(**given), json=json, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        self._etag = answer.headers["etag"]
        if (now := self._client.get(self._home)).status_code == 200 and "/replies" not in path:
            assert self._etag == now.headers["etag"], path
        return answer.json()

    @property
    def revision(self) -> int:
        return int(self._etag.strip('"'))

    def look(self) -> None:
        """Goes on from what is there now."""
        self._etag = self._client.get(self._home).headers["etag"]


def test_every_answer_tells_the_revision_that_it_left(
    alice: httpx.Client, session: str, model: ModelServer, stored: SessionManager
) -> None:
    endpoint = stored.get_session(session).endpoint_url
    model.say("Tell me, O Muse")
    walk = Walk(alice, "/api/sessions/s", alice.post("/api/sessions", json={"id": "s", "endpoint_url": endpoint}))
    at, one = "/api/sessions/{session_id}", {"role": "user", "content": "x", "id": "m"}
    for messages in ([one], [one], [one, {"role": "user", "content": "y"}], []):  # new, known, both, none
        walk.go("POST", at + "/messages", {"messages": messages})
    walk.go("PATCH", at, {"name": "A"})
    walk.go("PATCH", at + "/messages/{message_id}", {"content": "z"}, message_id="m")
    version = walk.go("POST", at + "/messages/{message_id}/versions", {"role": "user", "content": "v"}, message_id="m")
    for _ in range(2):  # the second changes nothing
        walk.go("POST", at + "/messages/{message_id}/switch", message_id="m")
    walk.go("PATCH", at + "/messages/{message_id}", {"content": "w", "branch": True}, message_id="m")
    walk.go("POST", at + "/messages:delete", {"message_ids": [version["id"]]})
    walk.go("PUT", at + "/messages", {"messages": [{"role": "user", "content": content} for content in "abcd"]})
    for keep in (3, 3):
        walk.go("POST", at + "/messages:truncate", {"keep_count": keep})
    walk.go("POST", at + "/compactions", {"summary": "x", "keep_last": 1})
    walk.go("POST", at + "/undo")
    for _ in range(2):
        walk.go("POST", at + "/usage", {"model": "m", "input_tokens": 1, "output_tokens": 1, "id": "u"})
    last = stored.get_messages("s", limit=1)[0].id
    removed = walk.go("DELETE", at + "/messages/{message_id}", message_id=last)
    walk.go("POST", "/api/trash/{trash_id}/restore", trash_id=removed["trash_id"])
    removed = walk.go("DELETE", at)
    walk.go("POST", at + "/undo")
    removed = walk.go("DELETE", at)
    walk.go("POST", "/api/trash/{trash_id}/restore", trash_id=removed["trash_id"])
    before = walk.revision
    reply = walk.go("POST", at + "/replies", {"content": "Sing!"})
    assert walk.revision == before + 2  # a message, and a reply that begins; what it says may have ended it by now
    heard(alice, reply["id"])
    walk.look()
    walk.go("POST", at + "/summaries", {"keep_last": 1})

    walk.walked |= _walk_of_a_document(alice)
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute) and compares(route)]
    there = {(method, route.path) for route in routes for method in route.methods if route.path.startswith("/api")}
    assert walk.walked == there


def _walk_of_a_document(client: httpx.Client) -> set[tuple[str, str]]:
    walk = Walk(client, "/api/documents/d", client.post("/api/documents", json={"title": "List", "id": "d"}))
    at = "/api/documents/{document_id}"
    walk.go("PATCH", at, {"content": "1"})
    walk.go("PUT", at + "/session", {"session_id": "s"})
    walk.go("DELETE", at + "/session")
    walk.go("PUT", at + "/archived")
    walk.go("DELETE", at + "/archived")
    walk.go("POST", at + "/versions/{version}/restore")
    removed = walk.go("DELETE", at)
    walk.go("POST", "/api/trash/{trash_id}/restore", trash_id=removed["trash_id"])
    return walk.walked


def test_an_answers_revision_is_of_its_own_change(alice: httpx.Client, server: Served, names: tuple[str, str]) -> None:
    """Nobody comes between a change and what is told of it: of a new session, the nth message made revision n + 1."""
    make(alice, id="s")
    clients = [server.client(names[0]) for _ in range(8)]

    def append(client: httpx.Client) -> list[tuple[int, str]]:
        message = {"messages": [{"role": "user", "content": "x"}]}
        answers = [client.post("/api/sessions/s/messages", json=message) for _ in range(15)]
        return [(answer.json()["items"][0]["seq"], answer.headers["etag"]) for answer in answers]

    with ThreadPoolExecutor(8) as pool:
        told = [each for some in pool.map(append, clients) for each in some]
    assert sorted(told) == [(number, f'"{number + 1}"') for number in range(1, 121)]


def test_what_one_has_already_is_not_sent_again(alice: httpx.Client) -> None:
    make(alice, id="s")
    alice.post("/api/documents", json={"title": "List", "id": "d"})
    for path in ("/api/sessions/s", "/api/sessions/s?last=100", "/api/documents/d"):
        etag = alice.get(path).headers["etag"]
        for known in (etag, f'"77", W/{etag}', "*"):
            unchanged = alice.get(path, headers={"if-none-match": known})
            assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", etag)
        assert alice.get(path, headers={"if-none-match": '"77"'}).status_code == 200
    assert alice.get("/api/sessions/none", headers={"if-none-match": "*"}).status_code == 404


@pytest.mark.parametrize("given", ["1", 'W/"1"', '"x"', '"1", "2"', '"-1"', '"' + "1" * 30 + '"'])
def test_another_condition_is_refused(alice: httpx.Client, given: str) -> None:
    make(alice, id="s")
    refused = alice.patch("/api/sessions/s", json={"name": "A"}, headers={"if-match": given})
    assert (refused.status_code, refused.json()["field"]) == (422, "If-Match")


def test_so_it_is_with_conversations(alice: httpx.Client) -> None:
    make(alice, id="s")
    say(alice, "s", "1")
    item = {"type": "message", "role": "user", "content": "2"}
    for method, path, json in (
        ("DELETE", "", None), ("POST", "", {"metadata": {"a": "b"}}), ("POST", "/items", {"items": [item]}),
    ):  # fmt: skip
        asked = alice.build_request(method, "/v1/conversations/s" + path, json=json, headers={"if-match": '"1"'})
        refused = alice.send(asked)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "revision_conflict"), (method, path)
    seen = {"if-match": alice.get("/api/sessions/s").headers["etag"]}
    assert alice.post("/v1/conversations/s", json={"metadata": {"a": "b"}}, headers=seen).status_code == 200


def test_a_condition_that_nobody_would_look_at_is_refused(alice: httpx.Client) -> None:
    make(alice, id="s")
    for method, path, json in (
        ("POST", "/api/sessions/s/forks", {"new_id": "t"}), ("PATCH", "/api/endpoints/e", {"model": "m"}),
        ("POST", "/api/sessions", {"id": "t"}), ("POST", "/v1/chat/completions", {"model": "m", "messages": []}),
    ):  # fmt: skip
        refused = alice.request(method, path, json=json, headers={"if-match": '"99"'})
        assert refused.status_code in (400, 422), path
        assert "no revision is compared" in refused.text, path
    assert alice.get("/api/sessions/t").status_code == 404
    assert alice.get("/api/sessions/s", headers={"if-match": '"99"'}).status_code == 200
    assert alice.post("/api/sessions/s/forks", json={"new_id": "t"}, headers={"if-match": "*"}).status_code == 201


def test_any_revision_will_do(alice: httpx.Client) -> None:
    make(alice, id="s")
    assert alice.patch("/api/sessions/s", json={"name": "A"}, headers={"if-match": "*"}).status_code == 200
    assert alice.patch("/api/sessions/gone", json={"name": "A"}, headers={"if-match": "*"}).status_code == 404
