"""`ETag`, `If-Match` and `If-None-Match`: who says what he has seen overwrites nothing else."""

import httpx
import pytest

from tests.service.test_sessions import make, say


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


def test_what_one_has_already_is_not_sent_again(alice: httpx.Client) -> None:
    make(alice, id="s")
    alice.post("/api/documents", json={"title": "List", "id": "d"})
    for path in ("/api/sessions/s", "/api/sessions/s?last=all", "/api/documents/d"):
        etag = alice.get(path).headers["etag"]
        for known in (etag, f'"77", W/{etag}'):
            unchanged = alice.get(path, headers={"if-none-match": known})
            assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", etag)
        assert alice.get(path, headers={"if-none-match": '"77"'}).status_code == 200


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
