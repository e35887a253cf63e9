"""`/api/documents`: texts with versions."""

import httpx

from tests.service.test_sessions import make


def test_the_life_of_a_document(alice: httpx.Client) -> None:
    make(alice, id="s")
    made = alice.post("/api/documents", json={"title": "List", "content": "socks", "language": "markdown", "id": "d/1"})
    assert (made.status_code, made.json()["version"], made.headers["etag"]) == (201, 1, '"1"')
    path = str(made.url.join(made.headers["location"]))
    assert alice.get(path).json()["content"] == "socks"
    edited = alice.patch(path, json={"content": "socks, hat", "summary": "a hat", "source": "user"})
    assert (edited.json()["version"], edited.json()["title"]) == (2, "List")
    versions = alice.get(f"{path}/versions").json()["items"]
    assert [(v["version"], v["summary"], v["content"]) for v in versions] == [(2, "a hat", None), (1, None, None)]
    assert alice.get(f"{path}/versions/1").json()["content"] == "socks"
    assert alice.get(f"{path}/versions/3").json()["error"] == "VersionNotFound"
    assert alice.post(f"{path}/versions/1/restore").json()["content"] == "socks"
    assert alice.put(f"{path}/session", json={"session_id": "s"}).json()["session_id"] == "s"
    assert [each["id"] for each in alice.get("/api/documents?session_id=s").json()["items"]] == ["d/1"]
    assert alice.delete(f"{path}/session").json()["session_id"] is None
    assert alice.put(f"{path}/archived").json()["archived"] is True
    assert alice.get("/api/documents?archived=false").json()["items"] == []
    assert alice.delete(f"{path}/archived").json()["archived"] is False
    trash_id = alice.delete(path).json()["trash_id"]
    assert alice.get(path).json()["error"] == "DocumentNotFound"
    assert alice.post(f"/api/trash/{trash_id}/restore").json()["documents"] == 1


def test_a_taken_id_is_refused(alice: httpx.Client) -> None:
    for status in (201, 409):
        assert alice.post("/api/documents", json={"title": "List", "id": "d"}).status_code == status


def test_pages(alice: httpx.Client) -> None:
    ids = [alice.post("/api/documents", json={"title": str(number)}).json()["id"] for number in range(3)]
    first = alice.get("/api/documents?limit=2")
    second = alice.get(str(first.url.join(first.links["next"]["url"])))
    assert [each["id"] for each in first.json()["items"] + second.json()["items"]] == ids[::-1]
    assert "next" not in second.links
