"""`/api/admin`, and on whose behalf an administrator may ask."""

import inspect
import re
import sys
from collections.abc import Iterator

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from ithaca.service.access import owned, trusted
from ithaca.service.asking import is_closed
from ithaca.service.routes import ROUTERS, page
from tests.service.test_sessions import make
from tests.support.serving import Served


def test_what_concerns_all_owners(root: httpx.Client, alice: httpx.Client, names: tuple[str, str]) -> None:
    name = names[0]
    make(alice, id="s-" + name)
    make(alice, id="t-" + name)
    used = {"model": name, "input_tokens": 9, "output_tokens": 1}
    alice.post(f"/api/sessions/s-{name}/usage", json=used)
    alice.delete(f"/api/sessions/t-{name}")
    assert root.get("/api/admin/database").json()["sessions"] >= 1
    assert root.post("/api/admin/database:verify").json() == {"problems": []}
    assert [each["id"] for each in root.get("/api/admin/sessions", params={"owner": name}).json()["items"]] == [
        "s-" + name
    ]
    assert root.get("/api/admin/sessions:count", params={"owner": name}).json() == {"count": 1}
    assert len(root.get("/api/admin/trash", params={"owner": name}).json()["items"]) == 1
    sums = root.get("/api/admin/usage", params={"model": name, "by": "owner"}).json()["items"]
    assert [(each["owner"], each["input_tokens"]) for each in sums] == [(name, 9)]


def test_holds_are_put_and_lifted_by_administrators(
    root: httpx.Client, alice: httpx.Client, names: tuple[str, str]
) -> None:
    make(alice, id="s")
    assert root.put("/api/admin/retention", json={"owner": names[0], "legal_hold": True}).json()["legal_hold"] is True
    assert len(root.get("/api/admin/retention", params={"owner": names[0]}).json()["items"]) == 1
    held = root.post("/api/admin/owners:erase", json={"owner": names[0]})
    assert (held.status_code, held.json()["error"], held.json()["owner"]) == (409, "LegalHold", names[0])
    assert alice.post("/api/trash:purge", json={}).json()["error"] == "LegalHold"
    root.put("/api/admin/retention", json={"owner": names[0], "legal_hold": False})
    assert root.delete("/api/admin/retention", params={"owner": names[0]}).status_code == 204
    assert root.post("/api/admin/owners:erase", json={"owner": names[0]}).json()["counts"]["sessions"] == 1
    assert alice.get("/api/sessions/s").status_code == 404


def test_imports_are_for_whom_they_name(root: httpx.Client, alice: httpx.Client, names: tuple[str, str]) -> None:
    conversation = {"id": "i-" + names[0], "name": "Old", "owner": names[0]}
    root.post("/api/admin/conversations:import", json={"conversations": [conversation]})
    assert alice.get("/api/sessions/i-" + names[0]).json()["name"] == "Old"
    assert root.post("/api/admin/documents:import", json={"documents": []}).json()["documents"] == 0


def test_a_user_is_made_once_whatever_his_password(root: httpx.Client, names: tuple[str, str]) -> None:
    key, user = {"idempotency-key": "u-" + names[0]}, {"name": "u-" + names[0], "password": "a long one"}
    first, again, other = (
        root.post("/api/admin/users", json=user | more, headers=key)
        for more in ({}, {"password": "another one"}, {"is_admin": True})
    )
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["error"]) == (422, "KeyReused")
    assert root.post("/api/admin/users", json=user).status_code == 409
    for _ in range(2):
        done = root.post(f"/api/admin/users/{user['name']}/logout", headers={"idempotency-key": "o-" + names[0]})
        assert done.json() == {"count": 0}
    assert done.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("call", ["sessions:cleanup", "retention:apply", "attachments:collect"])
def test_upkeep_can_be_tried_out(root: httpx.Client, call: str) -> None:
    assert root.post(f"/api/admin/{call}", json={"dry_run": True}).status_code == 200


def test_purging_for_all(root: httpx.Client) -> None:
    assert root.post("/api/admin/trash:purge", json={"older_than_days": 1000}).json() == {"counts": {}}


def test_an_administrator_may_ask_on_behalf_of_an_owner(
    root: httpx.Client, alice: httpx.Client, names: tuple[str, str]
) -> None:
    make(alice, id="s")
    behalf = {"ithaca-owner": names[0]}
    assert root.get("/api/sessions/s", headers=behalf).json()["owner"] == names[0]
    assert root.get("/api/sessions/s").status_code == 404
    assert root.get("/api/me", headers=behalf).json()["owner"] == names[0]
    assert alice.get("/api/sessions/s", headers=behalf).status_code == 200
    refused = alice.get("/api/sessions/s", headers={"ithaca-owner": "root"})
    assert (refused.status_code, refused.json()["right"]) == (403, "admin")


def test_every_route_asks_who_it_is_first(server: Served) -> None:
    """As nobody, as a reader and as a writer: before the body is looked at, and before anything is looked up."""
    nobody, reader, writer = server.client(None), server.client("r", "read"), server.client("w", "read,write")
    for method, path, admin in operations(server):
        assert nobody.request(method, path).status_code == 401, path
        assert "www-authenticate" in nobody.request(method, path).headers
        if method not in ("GET", "HEAD"):
            assert reader.request(method, path).status_code == 403, path
        if admin:
            assert writer.request(method, path).status_code == 403, path


def test_only_routes_for_administrators_get_a_manager_that_is_not_confined() -> None:
    """Neither as what they depend on nor by reaching for the app's own."""
    found = {}
    for router in (*ROUTERS, page.router):
        for route in (route for route in router.routes if isinstance(route, APIRoute)):
            depends = {dependant.call for dependant in every_dependant(route.dependant)}
            found[route.path] = (trusted in depends, owned in depends)
            source = inspect.getsource(sys.modules[route.endpoint.__module__])
            assert not re.search(r"service_of\(\w+\)\.manager(?!\.for_owner\()", source), route.path
    assert {path for path, (unconfined, _) in found.items() if unconfined} == {
        path for path in found if path.startswith("/api/admin/")
    }
    assert not any(both == (True, True) for both in found.values())
    assert sum(confined for _, confined in found.values()) > 60


def test_no_request_waits_for_a_thread() -> None:
    """FastAPI calls what is no coroutine in a thread: whatever a request depends on is one."""
    routes = [route for router in (*ROUTERS, page.router) for route in router.routes if isinstance(route, APIRoute)]
    calls = {dependant.call for route in routes for dependant in every_dependant(route.dependant)}
    assert [call for call in calls if not inspect.iscoroutinefunction(call)] == []


def every_dependant(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from every_dependant(inner)


def operations(server: Served) -> list[tuple[str, str, bool]]:
    """Every operation that is not for everybody: method, path with some id, and whether it is for admins."""
    return [
        (method.upper(), path.replace("{", "x").replace("}", ""), path.startswith("/api/admin"))
        for path, methods in server.app.openapi()["paths"].items()
        for method in methods
        if is_closed(path)
    ]
