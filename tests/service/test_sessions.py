"""`/api/sessions`: made, listed, changed, removed and brought back."""

from typing import Any

import httpx

from ithaca import SessionManager


def make(client: httpx.Client, **fields: Any) -> Any:
    response = client.post("/api/sessions", json=fields)
    assert response.status_code == 201, response.text
    return response.json()


def say(client: httpx.Client, session_id: str, *contents: Any) -> list[Any]:
    messages = [{"role": "user", "content": content} for content in contents]
    response = client.post(f"/api/sessions/{session_id}/messages", json={"messages": messages})
    assert response.status_code == 201, response.text
    return list(response.json()["items"])


def test_what_is_made_is_there(alice: httpx.Client, names: tuple[str, str]) -> None:
    fields = {"name": "Trip", "model": "qwen3", "endpoint_url": "http://x/v1", "folder": "f", "extra": {"a": [1, None]}}
    made = alice.post("/api/sessions", json={"id": "s1", **fields})
    assert made.status_code == 201
    assert made.json()["owner"] == names[0]
    assert {name: made.json()[name] for name in fields} == fields
    assert made.headers["etag"] == '"1"'
    found = alice.get(str(made.url.join(made.headers["location"])))
    assert found.json() == made.json()


def test_an_id_may_be_any_text(alice: httpx.Client) -> None:
    for id in ("a/b", "%2F", "ü ö/?#&", "a:undo", "x/messages", ".", ".."):
        made = alice.post("/api/sessions", json={"id": id})
        assert made.json()["id"] == id
        found = alice.get(str(made.url.join(made.headers["location"])))
        assert found.json()["id"] == id


def test_a_list_comes_in_pages(alice: httpx.Client) -> None:
    ids = [make(alice, name=str(number))["id"] for number in range(7)]
    found, path = [], "/api/sessions?limit=3&sort=created"
    while path:
        page = alice.get(path)
        found += [each["id"] for each in page.json()["items"]]
        assert ("next" in page.links) == (page.json()["cursor"] is not None)
        path = str(page.url.join(page.links["next"]["url"])) if "next" in page.links else ""
    assert found == ids[::-1]


def test_a_list_can_be_streamed(alice: httpx.Client) -> None:
    ids = [make(alice)["id"] for _ in range(5)]
    lines = alice.get("/api/sessions?limit=2", headers={"accept": "application/jsonl"})
    assert lines.headers["content-type"] == "application/jsonl"
    assert {httpx.Response(200, text=line).json()["id"] for line in lines.iter_lines()} == set(ids)
    assert alice.get("/api/sessions?name=nothing", headers={"accept": "application/jsonl"}).text == ""


def test_filters_narrow_lists_and_counts(alice: httpx.Client) -> None:
    make(alice, id="a", name="Ferry", folder="trips")
    make(alice, id="b", name="Other")
    alice.patch("/api/sessions/b", json={"archived": True, "is_important": True})
    for query, expected in {
        "name=FERR": ["a"], "folder=trips": ["a"], "folder=": ["b"], "archived=true": ["b"], "important=false": ["a"],
        "active_since=2020-01-01T00:00:00Z": ["b", "a"], "sort=name": ["a", "b"],
        "important_first=true&sort=name": ["b", "a"],
    }.items():  # fmt: skip
        assert [each["id"] for each in alice.get(f"/api/sessions?{query}").json()["items"]] == expected, query
    assert alice.get("/api/sessions:count?archived=true").json() == {"count": 1}


def test_changes_say_what_is_left(alice: httpx.Client) -> None:
    make(alice, id="s", name="A", folder="f")
    changed = alice.patch("/api/sessions/s", json={"name": "B", "folder": None})
    assert (changed.json()["name"], changed.json()["folder"], changed.headers["etag"]) == ("B", None, '"2"')
    nothing = alice.patch("/api/sessions/s", json={})
    assert nothing.status_code == 422


def test_the_last_messages_come_along_if_asked_for(alice: httpx.Client) -> None:
    make(alice, id="s")
    say(alice, "s", "1", "2", "3")
    assert "history" not in alice.get("/api/sessions/s").json()
    assert [m["content"] for m in alice.get("/api/sessions/s?last=2").json()["history"]] == ["2", "3"]
    assert [m["content"] for m in alice.get("/api/sessions/s?last=1000").json()["history"]] == ["1", "2", "3"]
    for wrong in ("-1", "1001", "all"):
        assert alice.get(f"/api/sessions/s?last={wrong}").json()["field"] == "last"


def test_what_was_deleted_comes_back(alice: httpx.Client) -> None:
    make(alice, id="s")
    say(alice, "s", "1", "2")
    removed = alice.delete("/api/sessions/s").json()
    assert (removed["sessions"], removed["messages"]) == (1, 2)
    assert alice.get("/api/sessions/s").status_code == 404
    assert alice.post("/api/sessions/s/undo").json() == {"sessions": 1, "messages": 2, "documents": 0}
    assert alice.get("/api/sessions/s").json()["message_count"] == 2


def test_many_are_deleted_in_one_transaction(alice: httpx.Client) -> None:
    make(alice, id="a"), make(alice, id="b")
    removed = alice.post("/api/sessions:delete", json={"session_ids": ["a", "gone", "b"]}).json()
    assert removed["sessions"] == 2


def test_a_batch_has_a_result_for_each(alice: httpx.Client) -> None:
    make(alice, id="a"), make(alice, id="b")
    actions = [
        {"session_id": "a", "changes": {"archived": True}},
        {"session_id": "gone", "delete": True},
        {"session_id": "b", "changes": {"name": "B"}, "expected_revision": 9},
        {"session_id": "b", "delete": True},
    ]
    results = alice.post("/api/sessions:batch", json={"actions": actions}).json()["items"]
    assert [result["status"] for result in results] == [200, 404, 412, 200]
    assert results[0]["session"]["archived"] is True
    assert results[1]["problem"]["error"] == "SessionNotFound"
    assert (results[2]["problem"]["found"], results[2]["problem"]["expected"]) == (1, 9)
    assert results[3]["removed"]["sessions"] == 1


def test_an_action_that_is_none_is_refused_before_any_is_done(alice: httpx.Client) -> None:
    make(alice, id="a")
    for action in ({"session_id": "a"}, {"session_id": "a", "delete": True, "changes": {"name": "B"}}):
        refused = alice.post("/api/sessions:batch", json={"actions": [{"session_id": "a", "delete": True}, action]})
        assert (refused.status_code, refused.json()["field"]) == (422, "actions.1")
    assert alice.get("/api/sessions/a").status_code == 200


def test_a_task_has_its_session_once(alice: httpx.Client) -> None:
    task = {"id": "t", "name": "Task", "endpoint_url": "", "model": "m"}
    first = alice.post("/api/sessions:ensure", json=task).json()
    assert alice.post("/api/sessions:ensure", json=task | {"name": "Other"}).json() == first


def test_a_fork_is_independent(alice: httpx.Client) -> None:
    make(alice, id="s")
    second = say(alice, "s", "1", "2", "3")[1]
    made = alice.post("/api/sessions/s/forks", json={"at": second["id"], "new_id": "f/1"})
    assert (made.status_code, made.json()["message_count"], made.json()["forked_from"]) == (201, 2, "s")
    assert alice.get(str(made.url.join(made.headers["location"]))).json()["id"] == "f/1"


def test_provider_keys_go_in_and_never_out(alice: httpx.Client, stored: SessionManager) -> None:
    made = alice.post("/api/sessions", json={"id": "s", "headers": {"Authorization": "Bearer sk-secret"}})
    changed = alice.patch("/api/sessions/s", json={"name": "B"})
    bad = alice.patch("/api/sessions/s", json={"headers": {"Authorization": "sk-secret\n"}})
    worse = alice.patch("/api/sessions/s", json={"headers": {"Authorization": ["sk-secret"]}})
    wrong = alice.post("/api/sessions", json={"headers": "sk-secret"})
    assert (bad.status_code, worse.status_code, wrong.status_code) == (422, 422, 422)
    assert worse.json()["field"] == "headers.Authorization"
    replies = [made, changed, bad, worse, wrong, alice.get("/api/sessions/s?last=100"), alice.get("/api/sessions")]
    assert not any("sk-secret" in reply.text or "headers" in reply.json() for reply in replies)
    assert stored.get_session("s").headers == {"Authorization": "Bearer sk-secret"}


def test_an_incognito_session_is_known_to_the_server_only(alice: httpx.Client, stored: SessionManager) -> None:
    make(alice, id="s", incognito=True)
    say(alice, "s", "psst")
    assert alice.get("/api/sessions").json()["items"] == []
    assert [each["id"] for each in alice.get("/api/sessions?incognito=true").json()["items"]] == ["s"]
    assert stored.count_sessions() == 0
