"""`/api/sessions/{id}/messages`: what was said, read and changed."""

import json
from base64 import b64decode, b64encode
from typing import Any

import httpx
import pytest

from ithaca import SessionManager
from tests.service.test_sessions import make, say
from tests.support.files import data_url, image_message, made
from tests.support.managers import execute

M = "/api/sessions/s/messages"


@pytest.fixture(autouse=True)
def _session(alice: httpx.Client) -> None:
    make(alice, id="s")


@pytest.mark.parametrize(
    "content",
    [
        "hello", "", None, "\0 and \ufdd0", '[{"type": "text"}]', [], ["plain"], [{"type": "new", "n": [1, 1.0, None]}],
        [{"type": "text", "text": "ünï 🦜"}], [{"big": 10**30, "small": 0.1}],
    ],
)  # fmt: skip
def test_what_goes_in_comes_out(alice: httpx.Client, content: Any) -> None:
    new = {"role": "user", "content": content, "metadata": {"n": 10**30}, "tool_calls": [{"id": "c"}], "name": "n"}
    kept = alice.post(M, json={"messages": [new]}).json()["items"][0]
    read = alice.get(f"{M}/{kept['id']}").text
    assert json.dumps(json.loads(read)["content"]) == json.dumps(content)  # 1 is not 1.0
    assert {name: json.loads(read)[name] for name in new} == new
    assert (kept["seq"], kept["attachments"]) == (1, [])


def test_a_batch_is_stored_whole_or_not_at_all(alice: httpx.Client) -> None:
    bad = [{"role": "user", "content": "1"}, {"role": "user", "content": [float("1e400")]}]
    body = json.dumps({"messages": bad}).replace("Infinity", "1e400")
    refused = alice.post(M, content=body, headers={"content-type": "application/json"})
    assert (refused.status_code, refused.json()["error"], refused.json()["field"]) == (422, "InvalidMessage", "content")
    assert alice.get(M).json() == {"items": []}


def test_unknown_fields_are_refused_by_name(alice: httpx.Client) -> None:
    refused = alice.post(M, json={"messages": [{"role": "user", "content": "1", "contnet": "2"}]})
    assert (refused.status_code, refused.json()["field"]) == (422, "messages.0.contnet")
    for wrong in ({"role": 1}, {"role": "user", "content": 5}, {"role": "user", "metadata": []}, {}):
        assert alice.post(M, json={"messages": [wrong]}).status_code == 422


def test_a_message_with_an_id_can_be_sent_again(alice: httpx.Client) -> None:
    new = {"messages": [{"role": "user", "content": "1", "id": "m/1"}]}
    assert alice.post(M, json=new).json() == alice.post(M, json=new).json()
    other = alice.post(M, json={"messages": [{"role": "user", "content": "2", "id": "m/1"}]})
    assert (other.status_code, other.json()["error"], other.json()["message_id"]) == (409, "MessageConflict", "m/1")
    assert alice.get(f"{M}/m%2F1").json()["content"] == "1"


def test_pages_go_both_ways(alice: httpx.Client) -> None:
    say(alice, "s", *map(str, range(1, 8)))
    backward = list(pages(alice, f"{M}?limit=3", "prev"))
    assert backward == [["5", "6", "7"], ["2", "3", "4"], ["1"]]
    assert list(pages(alice, f"{M}?limit=3&after=0", "next")) == [["1", "2", "3"], ["4", "5", "6"], ["7"]]


def pages(client: httpx.Client, path: str, rel: str) -> Any:
    while path:
        page = client.get(path)
        yield [message["content"] for message in page.json()["items"]]
        path = str(page.url.join(page.links[rel]["url"])) if rel in page.links else ""


def test_a_history_comes_as_lines(alice: httpx.Client) -> None:
    say(alice, "s", *(f"line {n}\nand more" for n in range(1200)))
    response = alice.get(M, headers={"accept": "application/jsonl"})
    lines = [json.loads(line) for line in response.text.split("\n")[:-1]]
    assert [line["seq"] for line in lines] == list(range(1, 1201))
    assert lines[7]["content"] == "line 7\nand more"
    rest = alice.get(f"{M}?after=1198", headers={"accept": "application/jsonl"})
    assert [json.loads(line)["seq"] for line in rest.iter_lines()] == [1199, 1200]
    gone = alice.get("/api/sessions/gone/messages", headers={"accept": "application/jsonl"})
    assert (gone.status_code, gone.json()["error"]) == (404, "SessionNotFound")


@pytest.mark.parametrize(
    ("accept", "lines"),
    [
        (["application/jsonl"], True), (["application/jsonl, */*"], True), (["Application/JSONL;q=0.5"], True),
        (["application/json;q=0.5, application/jsonl"], True), (["application/json", "application/jsonl"], True),
        (["application/jsonl;q=0"], False), (["application/jsonl ; charset=utf-8 ; Q=0"], False), (["*/*"], False),
        (["application/json, application/jsonl;q=0.5"], False), (["application/*, application/jsonl;q=0.9"], False),
        (["application/jsonl;q=no"], False), (["application/jsonlines"], False), ([], False),
    ],
)  # fmt: skip
def test_lines_come_to_who_would_rather_have_them(alice: httpx.Client, accept: list[str], lines: bool) -> None:
    say(alice, "s", "1")
    for path in (M, "/api/sessions"):
        request = httpx.Request("GET", alice.base_url.join(path), headers=[("accept", each) for each in accept])
        request.headers["x-owner"] = alice.headers["x-owner"]
        answer = alice.send(request)
        assert answer.headers["content-type"] == ("application/jsonl" if lines else "application/json")
        assert "Accept" in answer.headers["vary"].split(", ")


def test_edits(alice: httpx.Client) -> None:
    first, second = say(alice, "s", "1", "2")
    edited = alice.patch(f"{M}/{first['id']}", json={"content": "one", "metadata": {"a": 1}}).json()
    assert (edited["content"], edited["metadata"], edited["seq"]) == ("one", {"a": 1}, 1)
    assert alice.patch(f"{M}/{second['id']}", json={"content": None}).json()["content"] is None
    assert alice.patch(f"{M}/{second['id']}", json={}).status_code == 422
    assert alice.patch(f"{M}/gone", json={"content": "x"}).json()["error"] == "MessageNotFound"


def test_deletions(alice: httpx.Client) -> None:
    ids = [message["id"] for message in say(alice, "s", *"12345")]
    assert alice.delete(f"{M}/{ids[0]}").json()["messages"] == 1
    assert alice.delete(f"{M}/{ids[0]}").json()["error"] == "MessageNotFound"
    assert alice.post(f"{M}:delete", json={"message_ids": [ids[1], "gone"]}).json()["messages"] == 1
    assert alice.post(f"{M}:truncate", json={"keep_count": 1}).json()["messages"] == 2
    assert alice.post(f"{M}:truncate", json={"keep_count": -1}).json()["field"] == "keep_count"
    assert [message["content"] for message in alice.get(M).json()["items"]] == ["3"]


def test_replacing_keeps_what_is_equal(alice: httpx.Client) -> None:
    first = say(alice, "s", "1", "2")[0]
    same = {"role": "user", "content": "1", "id": first["id"]}
    replaced = alice.put(M, json={"messages": [same, {"role": "user", "content": "new"}]}).json()["items"]
    assert replaced[0] == first
    assert [message["content"] for message in alice.get(M).json()["items"]] == ["1", "new"]


def test_versions(alice: httpx.Client) -> None:
    _, answer = say(alice, "s", "?", "first answer")
    other = alice.post(f"{M}/{answer['id']}/versions", json={"role": "assistant", "content": "second answer"})
    assert other.status_code == 201
    versions = alice.get(f"{M}/{answer['id']}/versions").json()["items"]
    assert [(v["message"]["content"], v["shown"]) for v in versions] == [
        ("first answer", False),
        ("second answer", True),
    ]
    shown = alice.post(f"{M}/{answer['id']}/switch").json()["items"]
    assert [message["content"] for message in shown] == ["first answer"]
    branch = alice.patch(f"{M}/{answer['id']}", json={"content": "third", "branch": True}).json()
    assert branch["id"] != answer["id"]


def test_an_image_comes_back_whole_or_as_a_reference(alice: httpx.Client) -> None:
    image = made()
    block = {"type": "image_url", "image_url": {"url": data_url(image)}}
    kept = alice.post(M, json={"messages": [{"role": "user", "content": [block]}]}).json()["items"][0]
    whole = alice.get(f"{M}/{kept['id']}").json()
    assert whole["content"] == [block] == kept["content"]
    assert [(place["path"], place["inline"]) for place in whole["attachments"]] == [([0, "image_url", "url"], True)]
    bare = alice.get(f"{M}/{kept['id']}?attachments=reference").json()
    assert bare["content"][0]["image_url"]["url"] == "ithaca:sha256:" + whole["attachments"][0]["digest"]
    assert bare["attachments"][0]["inline"] is False
    again = {name: bare[name] for name in ("role", "content", "attachments")}
    copy = alice.post(M, json={"messages": [again]}).json()["items"][0]
    assert alice.get(f"{M}/{copy['id']}").json()["content"] == [block]


def test_bytes_come_back_as_bytes(alice: httpx.Client, stored: SessionManager) -> None:
    image = made()
    block = {"type": "image", "data": b64encode(image).decode()}
    places = [{"path": [0, "data"], "form": "bytes", "media_type": "image/png"}]
    kept = alice.post(M, json={"messages": [{"role": "user", "content": [block], "attachments": places}]})
    read = alice.get(f"{M}/{kept.json()['items'][0]['id']}").json()
    assert b64decode(read["content"][0]["data"]) == image
    assert read["attachments"][0]["form"] == "bytes"
    assert stored.get_messages("s")[0].content[0]["data"] == image  # type: ignore[index]


@pytest.mark.parametrize("path", [[0], [5, "x"], [0, "text", "deeper"], ["x"], [0, "gone", "x"]])
def test_a_place_that_is_none_is_refused(alice: httpx.Client, path: list[Any]) -> None:
    content = [{"type": "text", "text": "not base64!"}]
    new = {"role": "user", "content": content, "attachments": [{"path": path}]}
    refused = alice.post(M, json={"messages": [new]})
    assert (refused.status_code, refused.json()["field"]) == (422, "attachments")


def test_a_history_of_images_is_streamed(alice: httpx.Client, stored: SessionManager) -> None:
    stored.add_messages("s", [image_message(made(seed=n)) for n in range(20)])
    with alice.stream("GET", M, headers={"accept": "application/jsonl"}) as response:
        contents = [json.loads(line)["content"][1]["image_url"]["url"] for line in response.iter_lines()]
    assert contents == [data_url(made(seed=n)) for n in range(20)]


def test_one_damaged_value_takes_nothing_else_along(
    alice: httpx.Client, stored: SessionManager, database_url: str
) -> None:
    say(alice, "s", "one", "two")
    execute(database_url, f"UPDATE messages SET metadata = '{{broken' WHERE owner = '{stored.owner}' AND seq = 1")
    try:
        damaged, whole = alice.get(M).json()["items"]
        assert (damaged["content"], damaged["metadata"], damaged["unreadable"]) == ("one", None, ["metadata"])
        assert ("unreadable" in whole, alice.get("/api/sessions/s").status_code) == (False, 200)
    finally:
        execute(database_url, f"UPDATE messages SET metadata = NULL WHERE owner = '{stored.owner}'")
