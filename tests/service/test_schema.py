"""The OpenAPI document: whatever is asked as it says, or otherwise, is answered as it says, and never with a 500."""

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias
from zlib import crc32

import httpx
import pytest
import schemathesis
from fastapi import APIRouter
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from ithaca import AsyncSessionManager, SessionManager
from ithaca.service import SignedIn, create_app
from ithaca.service.asking import is_closed
from ithaca.service.examples import EXAMPLES, OTHERS, contents, name_of
from tests.service.test_sessions import make, say
from tests.support.processes import rounds
from tests.support.serving import Served, served

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

#: Who asks: somebody who may do all, another owner, and nobody.
Who: TypeAlias = Literal["ann", "bob", "nobody"]

#: How often each of them.
TURNS: tuple[Who, ...] = ("ann", "ann", "ann", "bob", "nobody")


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = f"sqlite:///{tmp_path_factory.mktemp('schema')}/schema.db"
    with served(url, access=SignedIn) as running:
        yield running


@pytest.fixture(scope="module")
def keys(on_sqlite: Served) -> dict[Who, dict[str, str]]:
    """What each of them shows."""
    with SessionManager(on_sqlite.url) as manager:
        ann = manager.create_key("hers", owner="ann", scopes=["read", "write", "admin"]).token
        bob = manager.create_key("his", owner="bob").token
    return {"ann": {"authorization": f"Bearer {ann}"}, "bob": {"authorization": f"Bearer {bob}"}, "nobody": {}}


@pytest.fixture(scope="module")
def ann(on_sqlite: Served, keys: dict[Who, dict[str, str]]) -> httpx.Client:
    return on_sqlite.client(None, **keys["ann"])


_FEW = schemathesis.Config.from_dict({"phases": {"coverage": {"enabled": False}, "examples": {"enabled": False}}})
_DOCUMENT = create_app(AsyncSessionManager("sqlite:///:memory:")).openapi()

schema = schemathesis.openapi.from_dict(_DOCUMENT, config=_FEW)


@schema.parametrize()
@settings(
    max_examples=rounds(4),
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_the_document_says(
    case: Any, on_sqlite: Served, keys: dict[Who, dict[str, str]], ann: httpx.Client
) -> None:
    """Half of the time with ids of what ann has."""
    ids = what_is_there(ann)
    for name in set(case.path_parameters or {}) & set(ids):
        if len(repr(case.body)) % 2:
            case.path_parameters[name] = ids[name]
    if case.path.endswith("/events"):
        case.query = {**(case.query or {}), "timeout": 0}  # else it would not end
    who = TURNS[crc32(repr((case.path, case.path_parameters, case.query, case.body)).encode()) % len(TURNS)]
    answer = case.call_and_validate(base_url=on_sqlite.address, headers=keys[who], checks=CHECKS)
    if who == "nobody" and is_closed(case.path):
        assert answer.status_code == 401


def what_is_there(client: httpx.Client) -> dict[str, Any]:
    session = make(client, name="Trip")["id"]
    first, second = say(client, session, "1", "2")
    entry = client.delete(f"/api/sessions/{session}/messages/{second['id']}").json()["trash_id"]
    document = client.post("/api/documents", json={"title": "List"}).json()["id"]
    digest = client.post("/api/attachments", content=b"x", headers={"content-type": "text/plain"}).json()["digest"]
    ids = {
        "session_id": session,
        "conversation_id": session,
        "item_id": first["id"],
        "message_id": first["id"],
        "trash_id": entry,
        "document_id": document,
    }
    return ids | {"digest": digest, "version": 1, "name": "session-not-found"}


#: Lists whose length is somebody else's: what a provider names, and what answers on a handful of ports.
OF_OTHERS = {"/api/endpoints/{name}/models", "/api/admin/endpoints:discover", "/v1/models"}


def test_no_list_is_without_an_end() -> None:
    """Whatever GET lists has a `limit`, and a way on."""
    without, lists = set(), 0
    for path, operations in _DOCUMENT["paths"].items():
        operation = operations.get("get", {"responses": {}})
        answer = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema")
        if {"items", "data"} & set(_resolved(answer or {}).get("properties", {})):
            lists += 1
            given = {each["name"] for each in operation.get("parameters", ())}
            if "limit" not in given or not ({"cursor", "after"} & given):
                without.add(path)
    assert (without, lists > 25) == (OF_OTHERS, True)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    found: dict[str, Any] = _DOCUMENT["components"]["schemas"][name] if name else schema
    return found


def test_every_body_and_every_answer_has_an_example_that_fits() -> None:
    resolver = {"components": _DOCUMENT["components"]}
    seen, named = set(), set()
    for path, operations in _DOCUMENT["paths"].items():
        for method, operation in operations.items():
            for which, media_type, content in contents(operation):
                where = f"{which} of {method} {path} as {media_type}"
                assert "example" in content, where
                faults = Draft202012Validator({**content.get("schema", {}), **resolver}).iter_errors(content["example"])
                assert [f"{fault.json_path}: {fault.message}" for fault in faults] == [], where
                seen.add((name_of(operation), which, media_type))
                named.update(re.findall(r"schemas/([^\"]+)", json.dumps(content.get("schema", {}))))
    assert set(OTHERS) <= seen
    parts = {name for name in _DOCUMENT["components"]["schemas"] for page in named if f"_{name}_" in page}
    assert set(EXAMPLES) <= named | parts  # none is of what is there no more


def test_what_an_app_adds_of_its_own_needs_no_example() -> None:
    class Menu(BaseModel):
        items: str

    router = APIRouter()
    router.add_api_route("/menu", lambda: None, response_model=Menu)
    paths = create_app(AsyncSessionManager("sqlite:///:memory:"), routers=[router]).openapi()["paths"]
    assert "example" not in paths["/menu"]["get"]["responses"]["200"]["content"]["application/json"]


def test_everything_is_described() -> None:
    for path, operations in _DOCUMENT["paths"].items():
        for operation in operations.values():
            assert operation["description"], path
            given = {each["name"] for each in operation.get("parameters", ())}
            told = [status for status, answer in operation["responses"].items() if "ETag" in answer.get("headers", ())]
            compares = "If-Match" in given and path.startswith("/api/")
            assert [status for status in told if status < "300"] == told, path
            assert len(told) == compares, path
            problems = "application/json" if path.startswith("/v1/") else "application/problem+json"
            assert set(operation["responses"]["default"]["content"]) == {problems}
