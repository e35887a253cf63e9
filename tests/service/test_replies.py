"""Replies over HTTP: begun by a request, and told to whoever listens, however often the connection breaks."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ithaca import SessionManager
from tests.behaviour.replies.given import ALL, WORDS, Held, speak, wait_for_size
from tests.service.test_sessions import make
from tests.support.model_server import ModelServer, model_server, said

EVENTS = {"accept": "text/event-stream"}


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def session(alice: httpx.Client, model: ModelServer, trusted: SessionManager) -> str:
    """A session of alice's that a shared endpoint answers."""
    name = f"muse-{model.port}"
    trusted.create_endpoint(name, model.url, model="muse", shared=True)
    return str(make(alice, name="Trip", endpoint_url=name)["id"])


def ask(client: httpx.Client, session: str, content: str | None = "Sing!", **fields: Any) -> Any:
    response = client.post(f"/api/sessions/{session}/replies", json={"content": content, **fields})
    assert response.status_code == 201, response.text
    return response.json()


def events_of(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """The events of a stream, each with its `id`."""
    event: dict[str, Any] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line:
            event[name] = value
        elif event:
            yield json.loads(event["data"]) | {"id": event.get("id"), "event": event["event"]}
            event = {}


def heard(client: httpx.Client, reply: str, after: str | None = None) -> list[dict[str, Any]]:
    headers = {} if after is None else {"last-event-id": after}
    with client.stream("GET", f"/api/replies/{reply}/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        return list(events_of(response))


def text(events: list[dict[str, Any]]) -> str:
    return "".join(event.get("text", "") for event in events)


def test_a_reply_outlives_its_request(alice: httpx.Client, session: str, model: ModelServer) -> None:
    held = Held(model)
    asked = alice.post(f"/api/sessions/{session}/replies", json={"content": "Sing!"})
    reply = asked.json()
    assert (reply["state"], reply["message_id"]) == ("running", None)
    assert alice.get(str(asked.url.join(asked.headers["location"]))).json()["id"] == reply["id"]
    refused = alice.post(f"/api/sessions/{session}/replies", json={"content": "Me too!"})
    assert (refused.status_code, refused.json()["error"], refused.json()["reply_id"]) == (
        409,
        "ReplyRunning",
        reply["id"],
    )
    held.go_on()
    events = heard(alice, reply["id"])
    assert (text(events), events[-1]["kind"], events[-1]["reply"]["state"]) == (ALL, "end", "complete")
    assert alice.get(f"/api/sessions/{session}/replies").json()["items"] == [events[-1]["reply"]]
    messages = alice.get(f"/api/sessions/{session}/messages").json()["items"]
    assert [message["content"] for message in messages] == ["Sing!", ALL]
    assert messages[1]["id"] == reply["id"]


def test_the_events_with_the_request(alice: httpx.Client, session: str, model: ModelServer) -> None:
    model.say(*WORDS)
    earlier = ask(alice, session)["id"]
    assert text(heard(alice, earlier)) == ALL
    model.say(*WORDS)
    body = {"message": {"role": "user", "content": [{"type": "text", "text": "Sing!"}]}}
    headers = {**EVENTS, "idempotency-key": "k1"}
    for _ in range(2):  # with the same key, they are those of the same reply
        with alice.stream("POST", f"/api/sessions/{session}/replies", json=body, headers=headers) as response:
            assert text(list(events_of(response))) == ALL
            assert response.headers["vary"] == "Accept"
    no_events = {**headers, "accept": "text/event-stream;q=0, application/json"}
    again = alice.post(f"/api/sessions/{session}/replies", json=body, headers=no_events)
    assert (again.status_code, again.json()["session_id"]) == (201, session)
    assert "Accept" in again.headers["vary"]
    assert len(model.requests) == 2
    assert len(alice.get(f"/api/sessions/{session}/messages").json()["items"]) == 4
    newest = alice.get(f"/api/sessions/{session}/replies?limit=1")
    second = alice.get(str(newest.url.join(newest.links["next"]["url"])))
    assert ([reply["id"] for reply in second.json()["items"]], second.links) == ([earlier], {})


def test_a_client_that_reconnects_after_every_event(alice: httpx.Client, session: str, model: ModelServer) -> None:
    speak(model, *[part for one in said(*WORDS * 3) for part in (one, 0.004)])
    reply = ask(alice, session)["id"]
    said_, last = [], None
    while last is None or not said_ or said_[-1]["kind"] != "end":
        headers = {} if last is None else {"last-event-id": last}
        with alice.stream("GET", f"/api/replies/{reply}/events", headers=headers) as response:
            stream = events_of(response)
            assert next(stream)["kind"] == "begin"
            said_.append(next(stream))
            last = said_[-1]["id"]
    assert text(said_) == ALL * 3
    assert alice.get(f"/api/replies/{reply}/events", headers={"last-event-id": str(last)}).status_code == 204


def test_many_watchers_and_another_process(
    alice: httpx.Client, session: str, model: ModelServer, stored: SessionManager
) -> None:
    """The other process, so to speak, generates; who watches at the server hears it, and the server stops it."""
    held = Held(model)
    reply = stored.start_reply(session, "Sing!")
    with ThreadPoolExecutor(6) as pool:
        listening = [pool.submit(heard, alice, reply.id) for _ in range(6)]
        wait_for_size(stored, reply, len("".join(WORDS[:3])))
        stopped = alice.post(f"/api/replies/{reply.id}/stop", headers={"idempotency-key": "stop"})
        assert stopped.json()["state"] == "stopped"
        revision = alice.get(f"/api/sessions/{reply.session_id}").headers["etag"]
        assert stopped.headers["etag"] == revision
        again = alice.post(f"/api/replies/{reply.id}/stop", headers={"idempotency-key": "stop"})
        assert (again.content, again.headers["etag"]) == (stopped.content, revision)
        assert alice.post(f"/api/replies/{reply.id}/stop").headers["etag"] == revision  # it changes nothing more
        for each in listening:
            events = each.result(20)
            assert (text(events), events[-1]["reply"]["state"]) == ("".join(WORDS[:3]), "stopped")
    held.go_on()
    assert stored.wait_for_replies(20)


def test_regenerate_continue_title_and_summary(alice: httpx.Client, session: str, model: ModelServer) -> None:
    speak(model, *said("First", finish=None)[:1])
    for words in (" and last.", "Second.", "A title", "They sang."):
        model.say(words)
    path = f"/api/sessions/{session}"
    for asked in ({"content": "Sing!"}, {"kind": "continue", "content": None}, {"kind": "regenerate", "content": None}):
        heard(alice, ask(alice, session, **asked)["id"])
    messages = alice.get(f"{path}/messages").json()["items"]
    assert [message["content"] for message in messages] == ["Sing!", "Second."]
    versions = alice.get(f"{path}/messages/{messages[1]['id']}/versions").json()["items"]
    assert [each["message"]["content"] for each in versions] == ["First and last.", "Second."]
    alice.patch(path, json={"name": ""})
    assert alice.post(f"{path}/title", headers={"idempotency-key": "t"}).json()["name"] == "A title"
    made = alice.post(f"{path}/summaries", json={"keep_last": 1}, headers={"idempotency-key": "s"})
    assert (made.status_code, made.json()["summary"], made.json()["through"]) == (201, "They sang.", 1)


def test_errors_of_the_provider(alice: httpx.Client, session: str, model: ModelServer) -> None:
    model.fail(401, "who are you?")
    end = heard(alice, ask(alice, session)["id"])[-1]
    assert (end["reply"]["state"], end["reply"]["error"]["status"]) == ("failed", 401)
    refused = alice.post(f"/api/sessions/{session}/summaries", json={"keep_last": 0})
    assert (refused.status_code, refused.json()["error"]) == (502, "ProviderError")
