"""What went wrong, as RFC 9457 has it: every error of the library, and whatever else can happen."""

import gzip
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from ithaca import Settings, errors
from ithaca.errors import IthacaError
from ithaca.service.problems import problem_of, status_of
from ithaca.service.routes import ROUTERS
from ithaca.service.strict import Route
from tests.conftest import Servers
from tests.service.test_sessions import make, say
from tests.support.clocks import before_long
from tests.support.postgres import prepare_database
from tests.support.serving import Served, served

CLASSES = [getattr(errors, name) for name in errors.__all__]

EXPECTED = {
    "SessionNotFound": 404, "NothingToUndo": 404, "SessionExists": 409, "MessageConflict": 409, "LegalHold": 409,
    "AmbiguousId": 409, "AlreadyDone": 409, "StillRunning": 409, "RevisionConflict": 412, "KeyReused": 422,
    "InvalidMessage": 422, "ContextTooSmall": 422, "ImportFailed": 422, "NotSignedIn": 401, "NotAllowed": 403,
    "DatabaseBusy": 503, "DatabaseUnavailable": 503, "DiskFull": 507, "SchemaOutOfDate": 503, "StorageError": 500,
    "HeadersUnreadable": 500, "ConfigurationError": 500,
}  # fmt: skip


def test_statuses() -> None:
    assert {name: status_of(getattr(errors, name)) for name in EXPECTED} == EXPECTED


def example(kind: type[IthacaError]) -> IthacaError:
    error = kind.__new__(kind)
    names = {name for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}
    IthacaError.__init__(error, **{name: f"<{name}>" for name in names})
    return error


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_is_a_problem_with_its_data(alice: httpx.Client, kind: type[IthacaError]) -> None:
    answer = problem_of(example(kind))
    body = answer.value
    assert (body["status"], body["error"], answer.headers["content-type"]) == (
        answer.status, kind.__name__, "application/problem+json",
    )  # fmt: skip
    data = {name: text for name, text in vars(example(kind)).items() if name != "answer"}
    if issubclass(kind, errors.ProviderError):
        assert (body["words"], body["provider_status"]) == ("<words>", "<status>")
    elif answer.status < 500:
        assert {name: body[name] for name in data} == data
    else:
        assert not (set(data) - {"status", "error"}) & set(body)  # which every problem has
        assert "<" not in answer.body.decode()
    described = alice.get(body["type"]).json()
    assert (described["title"], described["status"], described["error"]) == (
        body["title"], body["status"], kind.__name__,
    )  # fmt: skip


def test_problems_from_the_framework(alice: httpx.Client) -> None:
    make(alice, id="s")
    json = {"content-type": "application/json"}
    for method, path, body, status, name, field in (
        ("GET", "/nowhere", None, 404, "NoSuchRoute", None),
        ("GET", "/api/sessions/", None, 404, "NoSuchRoute", None),
        ("GET", "/api/problems/none", None, 404, "NoSuchRoute", None),
        ("PUT", "/api/sessions", None, 405, "MethodNotAllowed", None),
        ("POST", "/api/sessions", b"{", 422, "InvalidInput", "body"),
        ("POST", "/api/sessions", b"\xff", 400, "BadRequest", "body"),
        ("POST", "/api/sessions", b"[" * 100_000, 400, "BadRequest", "body"),
        ("POST", "/api/sessions", b"[]", 422, "InvalidInput", "body"),
        ("POST", "/api/sessions", b"", 422, "InvalidInput", "body"),
        ("POST", "/api/markdown", b'{"text":"\\ud800"}', 422, "InvalidArgument", "text"),
        ("GET", "/api/sessions?limit=x", None, 422, "InvalidInput", "limit"),
        ("GET", "/api/sessions?limit=0", None, 422, "InvalidInput", "limit"),
        ("GET", "/api/sessions?limit=1001", None, 422, "InvalidArgument", "limit"),
        ("GET", "/api/sessions?cursor=x", None, 422, "InvalidArgument", "cursor"),
        ("GET", "/api/sessions?sort=x", None, 422, "InvalidInput", "sort"),
        ("GET", "/api/sessions/s/messages?attachments=x", None, 422, "InvalidInput", "attachments"),
        ("GET", "/api/sessions/s/messages?before=-1", None, 422, "InvalidArgument", "before"),
        ("GET", "/api/sessions/s/context?max_tokens=0", None, 422, "InvalidInput", "max_tokens"),
        ("GET", "/api/sessions/%00", None, 404, "SessionNotFound", None),
        ("GET", "/api/sessions/%ED%A0%80", None, 404, "SessionNotFound", None),
    ):
        answer = alice.request(method, path, content=body, headers=json)
        assert answer.headers["content-type"] == "application/problem+json", path
        assert (answer.status_code, answer.json()["error"]) == (status, name), (path, answer.text)
        assert answer.json().get("field") == field, (path, answer.text)
        described = alice.get(answer.json()["type"]).json()
        assert (described["error"], described["status"]) == (name, status)


def test_a_full_disk(tmp_path: Path) -> None:
    """What found no room is refused, whatever else is asked is answered, and when there is room all goes on."""
    with served(f"sqlite:///{tmp_path}/full.db") as server:
        client = server.client()
        make(client, id="s")
        db = server.app.state.ithaca.manager._storage._storage.storage.db
        db.pragma("max_page_count", db.pragma("page_count"))
        long = {"messages": [{"role": "user", "content": "x" * 100_000}]}
        refused = client.post("/api/sessions/s/messages", json=long)
        assert (refused.status_code, refused.json()["error"]) == (507, "DiskFull")
        assert client.get("/api/sessions/s/messages").json()["items"] == []
        db.pragma("max_page_count", 2**30)
        assert client.post("/api/sessions/s/messages", json=long).status_code == 201


def test_head_says_what_get_says(alice: httpx.Client) -> None:
    make(alice, id="s")
    say(alice, "s", "x" * 2000)
    own = {"date", "x-request-id", "transfer-encoding"}
    for path in ("/api/sessions", "/api/sessions/s/messages", "/api/sessions/none", "/", "/healthz", "/api/events"):
        head = alice.head(path)
        with alice.stream("GET", path) as got:
            there = {name: value for name, value in got.headers.items() if name not in own}
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert {name: value for name, value in head.headers.items() if name not in own} == there, path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/sessions", "GET, HEAD, POST"),
        ("PUT", "/api/sessions/a%2Fb", "GET, HEAD, PATCH, DELETE"),
        ("PROPFIND", "/api/sessions/s/messages", "GET, HEAD, POST, PUT"),
        ("PATCH", "/api/attachments/d", "GET, HEAD"),
        ("PATCH", "/api/retention", "GET, HEAD, PUT, DELETE"),
        ("GET", "/api/admin/owners:erase", "POST"),
        ("DELETE", "/link/l", "GET, HEAD, POST"),
        ("POST", "/", "GET, HEAD"),
        ("PUT", "/sessions/s", "GET, HEAD"),
        ("POST", "/static/1/x.js", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
def test_a_method_that_a_path_does_not_take(alice: httpx.Client, method: str, path: str, allowed: str) -> None:
    answer = alice.request(method, path)
    assert (answer.status_code, answer.headers.get_list("allow")) == (405, [allowed])
    assert answer.json()["error"] == "MethodNotAllowed"


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_says_that_it_is_json(alice: httpx.Client, media_type: str) -> None:
    refused = alice.post("/api/sessions", content=b'{"name":"x"}', headers={"content-type": media_type})
    assert (refused.status_code, refused.json()["error"]) == (415, "UnsupportedMediaType")
    assert refused.json()["field"] == "Content-Type"


@pytest.mark.parametrize(
    ("path", "media_type"), [("/api/sessions", "application/json"), ("/api/attachments", "text/plain")]
)
def test_a_body_comes_as_it_is(alice: httpx.Client, path: str, media_type: str) -> None:
    packed = gzip.compress(b"{}")
    for coding, status in (("gzip", 415), ("GZip", 415), ("identity, br", 415), ("identity", 201), ("", 201)):
        body = packed if status == 415 else b"{}"
        headers = {"content-type": media_type, "content-encoding": coding}
        answer = alice.post(path, content=body, headers=headers)
        assert answer.status_code == status, answer.text
        if status == 415:
            assert (answer.json()["error"], answer.json()["field"]) == ("UnsupportedMediaType", "Content-Encoding")
            assert answer.headers["accept-encoding"] == "identity"
            assert answer.headers["content-type"] == "application/problem+json"
    assert alice.get("/api/me", headers={"content-encoding": "gzip"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "header", "given"),
    [
        ("POST", "/api/sessions", "Idempotency-Key", "x" * 201),
        ("POST", "/api/sessions:batch", "Idempotency-Key", ""),
        ("POST", "/api/attachments", "Content-Type", "nonsense"),
        ("POST", "/api/attachments", "Content-Type", "image/png"),
        ("GET", "/api/sessions", "Ithaca-Owner", "%00"),
        ("GET", "/api/events?after=0-1", "Last-Event-ID", "nonsense"),
        ("GET", "/api/admin/events", "Last-Event-ID", "nonsense"),
        ("GET", "/api/replies/r/events", "Last-Event-ID", "-1"),
        ("PATCH", "/api/sessions/s", "If-Match", "nonsense"),
    ],
)
def test_a_wrong_header_is_named(root: httpx.Client, method: str, path: str, header: str, given: str) -> None:
    body = b'{"actions": []}' if "batch" in path else b"{}"
    headers = {"content-type": "application/json"} | {header.lower(): given}
    refused = root.request(method, path, content=body, headers=headers)
    assert (refused.status_code, refused.json()["field"]) == (422, header)
    assert refused.json()["detail"].startswith(header)


def test_every_wrong_field_is_named(alice: httpx.Client) -> None:
    refused = alice.post("/api/sessions", json={"name": 1, "rag": "yes", "nmae": "x"}).json()
    assert [each["field"] for each in refused["errors"]] == ["name", "rag", "nmae"]
    assert refused["field"] == "name"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/sessions", '{"id": "s", "name": "a", "name": "b"}', "name"),
        ("/api/sessions", '{"id": "s", "extra": {"a": {"b": 1, "b": 1, "b": 1}}}', "b"),
        ("/api/sessions", '{"id": "s", "na\\u006de": "a", "name": "a"}', "name"),
        ("/api/login", '{"name": "a", "password": "b", "password": "c"}', "password"),
    ],
)
def test_a_key_that_is_there_twice_is_refused_and_named(alice: httpx.Client, path: str, body: str, field: str) -> None:
    refused = alice.post(path, content=body, headers={"content-type": "application/json"})
    assert (refused.status_code, refused.json()["error"], refused.json()["field"]) == (422, "InvalidInput", field)
    assert refused.json()["detail"].startswith(f"{field}: It is there ")
    assert alice.get("/api/sessions/s").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "reasons"),
    [
        ("GET", "/api/sessions?limt=10", {"limt": "There is no such parameter; did you mean limit"}),
        ("GET", "/api/sessions?archive=true", {"archive": "There is no such parameter; did you mean archived"}),
        (
            "GET",
            "/api/folders?limit=1&zzz=2&zzz=3&courser=4",
            {
                "zzz": "There is no such parameter here, but archived, cursor, limit",
                "courser": "There is no such parameter; did you mean cursor",
            },
        ),
        ("HEAD", "/api/sessions/s?last=3&lst=3", None),
        (
            "GET",
            "/api/sessions/s/messages?order=desc",
            {"order": "There is no such parameter here, but after, attachments, before, limit, rendered"},
        ),
        ("POST", "/api/sessions?name=x", {"name": "There is no parameter here"}),
        ("DELETE", "/api/admin/retention?foldr=f", {"foldr": "There is no such parameter; did you mean folder"}),
        ("GET", "/api/sessions?limit=1&archived=true&limit=2", {"limit": "It is there twice"}),
        ("GET", "/api/usage?by=day&by=model&model=a&model=b&model=c", {"model": "It is there 3 times"}),
    ],
)
def test_a_parameter_that_would_be_overlooked_is_refused_and_named(
    root: httpx.Client, method: str, path: str, reasons: dict[str, str] | None
) -> None:
    refused = root.request(method, path, json={"name": "x"})
    assert refused.status_code == 422
    if reasons is not None:
        assert refused.json()["errors"] == [{"field": name, "reason": reason} for name, reason in reasons.items()]
        assert (refused.json()["error"], refused.json()["field"]) == ("InvalidInput", next(iter(reasons)))


def test_every_route_of_the_api_looks_at_all_that_it_is_given() -> None:
    every = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    routes = [each for each in every if each.path.startswith(("/api/", "/v1/"))]
    assert len(routes) > 100
    assert {each.path for each in routes if not isinstance(each, Route)} == set()


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ('{"messages": [{"role": "user", "content": 42}]}', "messages.0.content", "Input should be a valid string"),
        ('{"messages": [{"role": "user", "contnt": "x"}]}', "messages.0.contnt", "There is no such field"),
        ('{"messages": ["x"]}', "messages.0", "It should be a JSON object"),
        ("[]", "body", "It should be a JSON object"),
        ('{"messages": []', "body", "It is no JSON: Expecting ',' delimiter, at character 15"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(alice: httpx.Client, body: str, field: str, reason: str) -> None:
    make(alice, id="s")
    headers = {"content-type": "application/json"}
    refused = alice.post("/api/sessions/s/messages", content=body, headers=headers).json()
    assert (refused["field"], refused["detail"]) == (field, f"{field}: {reason}.")


def test_half_a_character_is_refused_and_named(alice: httpx.Client) -> None:
    body = b'{"messages": [{"role": "user", "content": "\\ud800"}]}'
    make(alice, id="s")
    refused = alice.post("/api/sessions/s/messages", content=body, headers={"content-type": "application/json"})
    assert (refused.status_code, refused.json()["field"]) == (422, "content")
    missing = alice.post(
        "/api/sessions:delete", content=b'{"session_ids": ["\\ud800"]}', headers={"content-type": "application/json"}
    )
    assert missing.status_code == 422


def test_what_nobody_thought_of_says_nothing(servers: Servers, tmp_path: Path, caplog: Any) -> None:
    said = "what somebody said"

    def add_faults(app: FastAPI) -> None:
        async def fault() -> None:
            raise RuntimeError(said)

        async def late() -> Any:
            from fastapi.responses import StreamingResponse

            async def pieces() -> Any:
                yield b"some"
                raise RuntimeError(said)

            return StreamingResponse(pieces())

        app.add_api_route("/fault", fault)
        app.add_api_route("/late", late)

    url = f"sqlite:///{tmp_path}/faults.db"
    with caplog.at_level(logging.INFO), served(url, change=add_faults) as server:
        client = server.client()
        answer = client.get("/fault")
        assert (answer.status_code, answer.json()["error"]) == (500, "InternalError")
        assert "somebody" not in answer.text
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/late")  # cut off: half is not taken for all
        assert client.get("/api/me").status_code == 200
    assert "RuntimeError" in caplog.text
    assert said not in caplog.text


def test_a_database_that_is_gone_is_said_to_be(servers: Servers, tmp_path: Path, caplog: Any) -> None:
    server = servers["newest"]
    url = server.create_database()
    prepare_database(url)
    with served(url, settings=Settings(url, busy_timeout=0.5)) as running:
        client = running.client()
        make(client, id="s")
        assert client.get("/readyz").json() == {"status": "ready"}
        server.drop_at_once(url)
        for path in ("/readyz", "/api/sessions/s"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["error"] == "DatabaseUnavailable"
            assert "host" not in answer.text
            assert "test_" not in answer.text
        assert client.get("/healthz").json() == {"status": "ok"}
        assert [client.head(path).status_code for path in ("/healthz", "/readyz")] == [200, 503]


def test_a_schema_that_was_changed_under_the_server_is_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "newer.db"
    with served(f"sqlite:///{file}") as running:
        client = running.client()
        assert client.get("/readyz").json() == {"status": "ready"}
        with closing(sqlite3.connect(file)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            db.execute(f"PRAGMA user_version = {version + 1}")
        assert (client.get("/readyz").status_code, client.get("/readyz").json()["error"]) == (503, "SchemaTooNew")


def test_the_log_names_requests_by_their_routes(server: Served, alice: httpx.Client, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, logger="ithaca.service.requests"):
        answer = alice.get("/api/sessions/secret-id/messages?cursor=secret", headers={"x-request-id": "r-1"})
        bad = alice.get("/api/me", headers={"x-request-id": "bad id"})
    assert answer.headers["x-request-id"] == "r-1"
    assert len(bad.headers["x-request-id"]) == 32
    # Those of tests before this one may come late.
    lines = {line.facts["request_id"]: line.facts for line in caplog.records if line.name == "ithaca.service.requests"}
    assert (lines["r-1"]["route"], lines["r-1"]["status"]) == ("/api/sessions/{session_id}/messages", 422)
    assert "secret" not in caplog.text
    metrics = alice.get("/metrics").text
    assert (
        'ithaca_http_requests_total{method="GET",route="/api/sessions/{session_id}/messages",status="422"}' in metrics
    )
    # What tests before this one left behind may be under way for a moment still.
    assert before_long(lambda: "ithaca_http_requests_under_way 1\n" in alice.get("/metrics").text, True)
