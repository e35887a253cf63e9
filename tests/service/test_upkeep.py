"""What a model gets, search, trash, usage, retention, imports: every other noun."""

from typing import Any

import httpx

from ithaca import SessionManager
from tests.service.test_sessions import make, say


def test_a_context_for_each_provider(alice: httpx.Client) -> None:
    make(alice, id="s")
    new = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    alice.post("/api/sessions/s/messages", json={"messages": new})
    plain = alice.get("/api/sessions/s/context?max_tokens=1000").json()
    assert [message["content"] for message in plain["messages"]] == ["Be brief.", "hello"]
    assert (plain["limit"], plain["left_out"]) == (1000, {})
    openai = alice.get("/api/sessions/s/context?max_tokens=1000&format=openai").json()
    assert openai["messages"] == new
    anthropic = alice.get("/api/sessions/s/context?max_tokens=1000&provider=anthropic&format=anthropic").json()
    assert (anthropic["system"], len(anthropic["messages"])) == ([{"type": "text", "text": "Be brief."}], 1)
    info = alice.get("/api/sessions/s/context-info?max_tokens=1000&reserve=10").json()
    assert (info["used"], info["reserve"]) == (plain["used"], 10)
    small = alice.get("/api/sessions/s/context?max_tokens=2")
    assert (small.status_code, small.json()["error"], small.json()["limit"]) == (422, "ContextTooSmall", 2)


def test_a_compaction_and_its_undoing(alice: httpx.Client) -> None:
    make(alice, id="s")
    messages = say(alice, "s", *"12345")
    made = alice.post("/api/sessions/s/compactions", json={"summary": "Counting.", "through": messages[2]["id"]})
    assert (made.status_code, made.json()["through"]) == (201, 3)
    assert len(alice.get("/api/sessions/s/compactions").json()["items"]) == 1
    both = alice.post("/api/sessions/s/compactions", json={"summary": "x", "through": 1, "keep_last": 1})
    assert both.json()["field"] == "keep_last"
    assert alice.post("/api/sessions/s/undo").status_code == 200
    assert alice.get("/api/sessions/s/compactions").json()["items"] == []


def test_search(alice: httpx.Client) -> None:
    make(alice, id="s", name="Trip")
    say(alice, "s", "before", "When does the ferry leave?", "after")
    hit = alice.get("/api/search", params={"q": "ferry", "neighbours": 1}).json()["items"][0]
    assert (hit["session_id"], hit["message"]["content"]) == ("s", "When does the ferry leave?")
    assert [hit["snippet"][a:b] for a, b in hit["highlights"]] == ["ferry"]
    assert [message["content"] for message in hit["before"] + hit["after"]] == ["before", "after"]
    assert alice.get("/api/search?q=ferry&role=assistant").json()["items"] == []
    first = alice.get("/api/search", params={"q": '"the ferry" OR after', "limit": 1})
    second = alice.get(str(first.url.join(first.links["next"]["url"])))
    assert (len(first.json()["items"]), len(second.json()["items"]), second.links) == (1, 1, {})
    assert alice.get("/api/search", params={"q": "ferry", "cursor": first.json()["cursor"]}).json()["field"] == "cursor"
    assert alice.get("/api/search?q=ferry&session_id=gone").json()["error"] == "SessionNotFound"
    assert alice.get("/api/search").json()["field"] == "q"
    assert alice.get("/api/search?q=x&since=yesterday").json()["field"] == "since"


def test_the_trash(alice: httpx.Client) -> None:
    make(alice, id="s")
    ids = [message["id"] for message in say(alice, "s", "1", "2", "3")]
    entry = alice.post("/api/sessions/s/messages:delete", json={"message_ids": ids[:2]}).json()["trash_id"]
    assert [each["id"] for each in alice.get("/api/trash?session_id=s").json()["items"]] == [entry]
    kept = alice.get(f"/api/trash/{entry}/messages?after=1").json()["items"]
    first = alice.get(f"/api/trash/{entry}/messages?limit=1")
    assert alice.get(str(first.url.join(first.links["next"]["url"]))).json()["items"] == kept
    assert [message["content"] for message in kept] == ["2"]
    assert alice.post(f"/api/trash/{entry}/restore").json()["messages"] == 2
    assert alice.post(f"/api/trash/{entry}/restore").json()["error"] == "TrashNotFound"
    other = alice.delete("/api/sessions/s").json()["trash_id"]
    assert alice.delete(f"/api/trash/{other}").json()["counts"]["trashed_messages"] == 3
    assert alice.post("/api/sessions/s/undo").json()["error"] in ("NothingToUndo", "SessionNotFound")
    make(alice, id="t")
    alice.delete("/api/sessions/t")
    assert alice.post("/api/trash:purge", json={}).json() == {"counts": {}}
    assert alice.post("/api/trash:purge", json={"older_than_days": 0}).json()["counts"]["trashed_sessions"] == 1
    assert alice.get("/api/trash").json()["items"] == []


def test_usage(alice: httpx.Client) -> None:
    make(alice, id="s")
    used: dict[str, Any] = {"model": "m", "input_tokens": 9, "output_tokens": 1, "at": "2026-03-01T05:00:00Z"}
    first = alice.post("/api/sessions/s/usage", json=used | {"cost": "0.000001", "id": "u"})
    assert (first.status_code, first.json()["cost"]) == (201, "0.000001")
    assert alice.post("/api/sessions/s/usage", json=used | {"cost": "0.000001", "id": "u"}).json() == first.json()
    assert alice.post("/api/sessions/s/usage", json=used | {"id": "u"}).json()["error"] == "UsageConflict"
    assert alice.post("/api/sessions/s/usage", json=used | {"cost": "dear"}).json()["field"] == "cost"
    alice.post("/api/sessions/s/usage", json=used | {"cost": 0.5, "model": "n"})
    sums = alice.get("/api/usage?by=model&since=2026-03-01&until=2026-03-01").json()["items"]
    assert [(each["model"], each["cost"], each["day"]) for each in sums] == [
        ("m", "0.000001", None),
        ("n", "0.500000", None),
    ]
    assert [each["day"] for each in alice.get("/api/usage?model=m").json()["items"]] == ["2026-03-01"]
    assert alice.get("/api/usage?together=true").json()["items"][0]["count"] == 2
    assert alice.get("/api/usage?by=colour").status_code == 422


def test_retention(alice: httpx.Client) -> None:
    policy = {"folder": "f", "archive_after": 1, "delete_after": 2.5, "keep_newest": 3}
    put = alice.put("/api/retention", json=policy).json()
    assert {name: put[name] for name in policy} == policy
    assert alice.put("/api/retention", json={"delete_after": 1, "archive_after": 2}).json()["field"] == "delete_after"
    assert alice.put("/api/retention", json={"legal_hold": True}).json()["field"] == "legal_hold"
    assert [each["folder"] for each in alice.get("/api/retention").json()["items"]] == ["f"]
    report = alice.post("/api/retention:apply", json={"dry_run": True}).json()
    assert (report["archived"], report["outcomes"][0]["policy"]["folder"]) == (0, "f")
    assert alice.post("/api/retention:apply", json={"batch": 0}).json()["field"] == "batch"
    misspelt = alice.delete("/api/retention?foldr=f")  # not taken for the policy of all folders
    assert (misspelt.status_code, misspelt.json()["field"]) == (422, "foldr")
    gone = alice.delete("/api/retention?folder=f")
    assert (gone.status_code, gone.content) == (204, b"")
    assert alice.delete("/api/retention?folder=f").json()["error"] == "RetentionNotFound"


def test_clean_up(alice: httpx.Client) -> None:
    make(alice)
    call = {"min_age_hours": 0, "auto_archive_days": 30}
    assert alice.post("/api/sessions:cleanup", json=call | {"dry_run": True}).json()["deleted_empty"] == 1
    assert alice.post("/api/sessions:cleanup", json=call).json() == {
        "deleted_empty": 1, "archived_old": 0, "total_checked": 1,
    }  # fmt: skip


def test_imports_are_ones_own(alice: httpx.Client, names: tuple[str, str], stored: SessionManager) -> None:
    said = [{"role": "user", "content": "1", "id": "m", "created_at": "2020-01-01T00:00:00Z"}]
    conversation = {"id": "s", "name": "Old", "messages": said, "owner": "somebody else", "headers": {"a": "b"}}
    report = alice.post("/api/conversations:import", json={"conversations": [conversation]}).json()
    assert (report["sessions"], report["messages"]) == (1, 1)
    assert alice.get("/api/sessions/s").json()["owner"] == names[0]
    assert stored.get_session("s").headers == {"a": "b"}
    document = {"id": "d", "title": "Old", "versions": [{"content": "1"}, {"content": "2", "source": "user"}]}
    report = alice.post("/api/documents:import", json={"documents": [document]}).json()
    assert (report["documents"], report["versions"]) == (1, 2)
    assert alice.get("/api/documents/d").json()["content"] == "2"


def test_one_can_erase_all_that_one_has(alice: httpx.Client, names: tuple[str, str]) -> None:
    make(alice, id="s")
    assert alice.post("/api/me:erase", json={"owner": "somebody else"}).json()["field"] == "owner"
    assert alice.post("/api/me:erase", json={"owner": names[0]}).json()["counts"]["sessions"] == 1
    assert alice.get("/api/sessions").json()["items"] == []
    assert alice.get("/api/me").json()["owner"] == names[0]
