"""`Idempotency-Key`: asked for once more, a change happens once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from ithaca import AlreadyDone, SessionManager, StillRunning
from tests.conftest import Servers, fresh_database
from tests.service.test_sessions import make
from tests.support.managers import FakeClock, execute
from tests.support.serving import served

KEY = {"idempotency-key": "k1"}


def test_the_same_key_and_request_get_the_same_answer(alice: httpx.Client) -> None:
    first = alice.post("/api/sessions", json={"name": "A"}, headers=KEY)
    again = alice.post("/api/sessions", json={"name": "A"}, headers=KEY)
    assert (again.status_code, again.content) == (201, first.content)
    assert (again.headers["etag"], again.headers["location"]) == (first.headers["etag"], first.headers["location"])
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert alice.get("/api/sessions:count").json() == {"count": 1}


def test_the_same_key_for_another_request_is_refused(alice: httpx.Client) -> None:
    make(alice, id="s")
    alice.post("/api/sessions", json={"name": "A"}, headers=KEY)
    for path, body, more in (
        ("/api/sessions", {"name": "B"}, {}),
        ("/api/sessions:ensure", {"name": "A", "id": "x", "model": "", "endpoint_url": ""}, {}),
        ("/api/trash:purge", {}, {}),
        ("/api/sessions", {"name": "A"}, {"if-match": "*"}),
    ):
        refused = alice.post(path, json=body, headers=KEY | more)
        assert (refused.status_code, refused.json()["error"], refused.json()["key"]) == (422, "KeyReused", "k1")


def test_keys_are_each_owners_own(alice: httpx.Client, bob: httpx.Client) -> None:
    first = alice.post("/api/sessions", json={"name": "A"}, headers=KEY).json()
    other = bob.post("/api/sessions", json={"name": "A"}, headers=KEY)
    assert "idempotency-replayed" not in other.headers
    assert other.json()["id"] != first["id"]


def test_what_failed_may_be_tried_again(alice: httpx.Client) -> None:
    say_it = {"messages": [{"role": "user", "content": "1"}]}
    assert alice.post("/api/sessions/s/messages", json=say_it, headers=KEY).status_code == 404
    make(alice, id="s")
    assert alice.post("/api/sessions/s/messages", json=say_it, headers=KEY).status_code == 201
    assert alice.post("/api/sessions/s/messages", json=say_it, headers=KEY).status_code == 201
    assert alice.get("/api/sessions/s").json()["message_count"] == 1


def test_two_at_once_are_one(alice: httpx.Client, names: tuple[str, str], server: Any) -> None:
    make(alice, id="s")
    clients = [server.client(names[0]) for _ in range(8)]
    start = threading.Barrier(8)

    def send(client: httpx.Client) -> httpx.Response:
        start.wait()
        body = {"messages": [{"role": "user", "content": "once"}]}
        return client.post("/api/sessions/s/messages", json=body, headers=KEY)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, clients))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert alice.get("/api/sessions/s").json()["message_count"] == 1


def test_another_server_gives_the_same_answer(alice: httpx.Client, names: tuple[str, str], database_url: str) -> None:
    first = alice.post("/api/sessions", json={"name": "A"}, headers=KEY)
    with served(database_url) as other:
        again = other.client(names[0]).post("/api/sessions", json={"name": "A"}, headers=KEY)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")


def test_what_is_under_way_elsewhere_is_not_begun_again(alice: httpx.Client, stored: SessionManager) -> None:
    make(alice, id="s")
    purge = {"older_than_days": 0}
    assert alice.post("/api/trash:purge", json=purge, headers=KEY).status_code == 200
    fingerprint = _fingerprint(stored, "k1")
    stored.begin_once("k2", fingerprint)
    waiting = alice.post("/api/trash:purge", json=purge, headers={"idempotency-key": "k2"})
    assert (waiting.status_code, waiting.json()["error"]) == (409, "StillRunning")
    stored.end_once("k2", b'[200,{"content-type":"application/json"}]\n{"from":"elsewhere"}')
    done = alice.post("/api/trash:purge", json=purge, headers={"idempotency-key": "k2"})
    assert done.json() == {"from": "elsewhere"}


def _fingerprint(manager: SessionManager, key: str) -> str:
    owner = str(manager.owner)
    sql = f"SELECT fingerprint FROM repeats WHERE owner = '{owner}' AND key = '{key}'"
    return str(execute(manager.info().database, sql)[0][0])


def test_what_several_transactions_failed_at_may_be_tried_again(alice: httpx.Client, stored: SessionManager) -> None:
    conversations = {"conversations": [{"id": "x" * 300, "name": "too long an id"}]}
    for _ in range(2):
        refused = alice.post("/api/conversations:import", json=conversations, headers=KEY)
        assert (refused.status_code, refused.json()["field"]) == (422, "id")


def test_a_purge_erases_the_answers_but_not_what_was_done(alice: httpx.Client, database_url: str) -> None:
    make(alice, id="s")
    body = {"messages": [{"role": "user", "content": "a secret of nobody else"}]}
    assert alice.post("/api/sessions/s/messages", json=body, headers=KEY).status_code == 201
    alice.delete("/api/sessions/s")
    alice.post("/api/trash:purge", json={"older_than_days": 0})
    again = alice.post("/api/sessions/s/messages", json=body, headers=KEY)
    assert (again.status_code, again.json()["error"]) == (409, "AlreadyDone")
    answers = execute(database_url, "SELECT answer FROM repeats WHERE answer IS NOT NULL")
    assert not any(b"a secret of nobody else" in bytes(answer) for (answer,) in answers)


def test_erasing_an_owner_erases_the_keys(
    alice: httpx.Client, root: httpx.Client, names: tuple[str, str], database_url: str
) -> None:
    alice.post("/api/sessions", json={"name": "A"}, headers=KEY)
    erased = root.post("/api/admin/owners:erase", json={"owner": names[0]}, headers=KEY)
    assert erased.json()["counts"]["repeats"] == 1
    assert root.post("/api/admin/owners:erase", json={"owner": names[0]}, headers=KEY).content == erased.content
    assert execute(database_url, f"SELECT count(*) FROM repeats WHERE owner = '{names[0]}'") == [(0,)]


def test_the_note_of_an_erasure_names_nobody(
    alice: httpx.Client, root: httpx.Client, names: tuple[str, str], database_url: str
) -> None:
    for client, path in ((alice, "/api/me:erase"), (root, "/api/admin/owners:erase")):
        make(alice, id="s")
        key, me = {"idempotency-key": f"{names[0]} goes"}, {"owner": names[0]}
        first, again = client.post(path, json=me, headers=key), client.post(path, json=me, headers=key)
        assert (first.status_code, again.content, again.headers["idempotency-replayed"]) == (200, first.content, "true")
        assert first.json()["counts"]["sessions"] == 1
        notes = execute(database_url, "SELECT owner, key, fingerprint, answer FROM repeats")
        assert not any(names[0] in str(value) for note in notes for value in note)
        other = client.post(path, json={"owner": names[1]}, headers=key)
        assert (other.status_code, other.json()["error"], other.json()["key"]) == (422, "KeyReused", f"{names[0]} goes")


def test_of_an_incognito_session_nothing_is_noted_on_the_disk(alice: httpx.Client, database_url: str) -> None:
    make(alice, id="i", incognito=True)
    actions = {"actions": [{"session_id": "i", "changes": {"name": "a secret of nobody else"}}]}
    answers = [alice.post("/api/sessions:batch", json=actions, headers=KEY) for _ in range(2)]
    assert (answers[0].content, answers[1].headers["idempotency-replayed"]) == (answers[1].content, "true")
    assert b"a secret of nobody else" in answers[0].content
    notes = execute(database_url, "SELECT answer FROM repeats WHERE answer IS NOT NULL")
    assert not any(b"a secret of nobody else" in bytes(answer) for (answer,) in notes)
    assert alice.post("/api/sessions:batch", json={"actions": []}, headers=KEY).status_code == 422


def test_administrators_keys_are_not_nobodys(root: httpx.Client, names: tuple[str, str]) -> None:
    key = {"idempotency-key": f"{names[0]} ".ljust(200, "k")}
    body = {"name": "x", "owner": names[0]}
    assert root.post("/api/admin/keys", json=body, headers=key).status_code == 201
    again = root.post("/api/admin/keys", json=body | {"name": "y"}, headers=key)
    assert (again.status_code, again.json()["key"]) == (422, key["idempotency-key"])
    root.post("/api/admin/keys", json=body, headers={"idempotency-key": names[0]})
    nobodys = {"ithaca-owner": "", "idempotency-key": f"admin {names[0]}"}
    assert root.post("/api/sessions", json={"name": "x"}, headers=nobodys).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_key_has_its_bounds(alice: httpx.Client, key: str) -> None:
    refused = alice.post("/api/sessions", json={}, headers={"idempotency-key": key})
    assert (refused.status_code, refused.json()["field"]) == (422, "Idempotency-Key")


# The library's own calls, which the service stands on.


@pytest.fixture(params=["sqlite", "postgres-newest"])
def own_url(request: pytest.FixtureRequest, servers: Servers, tmp_path: Any) -> Any:
    with fresh_database(request.param, servers, tmp_path, with_tables=True) as url:
        yield url


def test_a_key_is_known_for_a_day(own_url: str) -> None:
    clock = FakeClock()
    with SessionManager(own_url, clock=clock) as manager:
        manager.once("k", "f", lambda s: s.id.encode()).create_session("s")
        clock.move(hours=23)
        with pytest.raises(AlreadyDone) as done:
            manager.once("k", "f", lambda s: s.id.encode()).create_session("t")
        assert done.value.answer == b"s"
        clock.move(hours=2)
        manager.done_before("k", "f")
        manager.once("k", "other", lambda s: s.id.encode()).create_session("t")
        assert manager.count_sessions() == 2


def test_old_keys_are_tidied_away(own_url: str) -> None:
    clock = FakeClock()
    with SessionManager(own_url, clock=clock) as manager:
        for number in range(12):
            manager.once(f"k{number}", "f", lambda s: b"").create_session()
        clock.move(hours=25)
        manager.once("new", "f", lambda s: b"").create_session()
        assert execute(own_url, "SELECT count(*) FROM repeats") == [(3,)]  # so many with each new one
        clock.move(hours=25)
        manager.apply_retention()
        assert execute(own_url, "SELECT count(*) FROM repeats") == [(0,)]


def test_what_died_half_way_can_begin_again_after_a_while(own_url: str) -> None:
    clock = FakeClock()
    with SessionManager(own_url, clock=clock) as manager:
        manager.begin_once("k", "f")
        with pytest.raises(StillRunning):
            manager.begin_once("k", "f")
        clock.move(minutes=11)
        manager.begin_once("k", "f")
        manager.give_up_once("k")
        manager.begin_once("k", "f")
        for _ in range(2):
            clock.move(minutes=9)
            manager.go_on_once("k")
        with pytest.raises(StillRunning):
            manager.begin_once("k", "f")
        manager.end_once("k", b"answer")
        manager.give_up_once("k")
        with pytest.raises(AlreadyDone):
            manager.begin_once("k", "f")


def test_once_is_for_one_change(own_url: str) -> None:
    with SessionManager(own_url) as manager:
        once = manager.once("k", "f", lambda s: b"")
        once.create_session("s")
        with pytest.raises(RuntimeError):
            once.create_session("t")
        assert manager.get_session("s").id == "s"


def test_an_answer_that_cannot_be_made_undoes_the_change(own_url: str) -> None:
    with SessionManager(own_url) as manager:
        with pytest.raises(ZeroDivisionError):
            manager.once("k", "f", lambda s: bytes(1 // 0)).create_session("s")
        assert manager.count_sessions() == 0
        manager.purge(older_than=timedelta(0))
