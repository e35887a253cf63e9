"""Every route that changes something takes an `Idempotency-Key`; a new one cannot forget it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from ithaca import SessionManager
from ithaca.service import SignedIn, Visitor
from ithaca.service.routes import ROUTERS
from tests.behaviour.replies.given import wait_until
from tests.interchange.legacy import make_legacy, message, session
from tests.support.factories import texts
from tests.support.managers import execute
from tests.support.model_server import model_server
from tests.support.serving import ByHeader, Served, served

#: Routes that take no key, and why each may be sent again without one.
NEED_NONE = {
    "POST /api/login": "logs in once more; the cookie of the last answer is the one that is kept",
    "POST /api/logout": "nobody is logged in then, and the answer says so",
    "POST /api/markdown": "changes nothing",
    "POST /api/endpoints/{name}/test": "changes nothing",
    "POST /api/admin/database:verify": "changes nothing",
}

PASSWORD = "Kalypso's island 7341"


class ByEither(SignedIn):
    """Believes a header, as most tests do, and knows log-ins."""

    async def visitor(self, connection: HTTPConnection) -> Visitor:
        if "x-owner" in connection.headers:
            return await ByHeader().visitor(connection)
        return await super().visitor(connection)


@dataclass
class Place:
    """What there is to be changed by one request; ids are its own."""

    stored: SessionManager
    trusted: SessionManager
    #: A model's server that everybody may use.
    endpoint: str
    number: int

    def id(self, kind: str) -> str:
        return f"{kind}-{self.stored.owner}-{self.number}"

    @cached_property
    def own_endpoint(self) -> str:
        return self.stored.create_endpoint(self.id("own"), "http://elsewhere/v1").name

    @cached_property
    def session(self) -> str:
        """A session of six messages, of which two were removed."""
        made = self.stored.create_session(self.id("s"), "Trip", endpoint_url=self.endpoint, model="muse")
        self.messages = [str(each.id) for each in self.stored.add_messages(made.id, texts(6))]
        for id in self.messages[:2]:
            self.trash = str(self.stored.delete_messages(made.id, [id]).trash_id)
        return made.id

    @cached_property
    def document(self) -> str:
        return self.stored.create_document("List", document_id=self.id("d")).id

    @cached_property
    def reply(self) -> str:
        """A reply that has ended."""
        *_, end = self.stored.reply(self.session, "Sing!")
        assert end.reply is not None
        return end.reply.id

    @cached_property
    def user(self) -> str:
        return self.trusted.create_user(self.id("u"), PASSWORD, owner=self.stored.owner).name


@dataclass
class Asked:
    """The path of a request, and what it sends."""

    path: str
    json: Any = None
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


SAID = {"role": "user", "content": "x"}


def _legacy(place: Place) -> bytes:
    file = make_legacy(
        Path(place.id("legacy.db")), sessions=[session("old")], messages=[message("m", session_id="old")]
    )
    return file.read_bytes()


def _chat(place: Place) -> Asked:
    asked = {"model": "muse", "messages": [SAID]}
    headers = {"ithaca-session": place.session, "ithaca-endpoint": place.endpoint}
    return Asked("/v1/chat/completions", asked, headers=headers)


def _of_session(rest: str, json: Any = None) -> Callable[[Place], Asked]:
    return lambda place: Asked(f"/api/sessions/{place.session}{rest}", json)


def _of_message(rest: str, json: Any = None) -> Callable[[Place], Asked]:
    return lambda place: Asked(f"/api/sessions/{place.session}/messages/{place.messages[3]}{rest}", json)


def _of_document(rest: str, json: Any = None) -> Callable[[Place], Asked]:
    return lambda place: Asked(f"/api/documents/{place.document}{rest}", json)


def _plain(path: str, json: Any = None) -> Callable[[Place], Asked]:
    return lambda place: Asked(path, json)


#: Each such request by its route, and by what else is special about it.
CHANGES: dict[str, Callable[[Place], Asked]] = {
    "POST /api/me/password": _plain("/api/me/password", {"password": PASSWORD, "new_password": "another one"}),
    "POST /api/sessions": _plain("/api/sessions", {}),
    "POST /api/sessions incognito": _plain("/api/sessions", {"id": "i", "incognito": True}),
    "POST /api/sessions with an id": lambda place: Asked("/api/sessions", {"id": place.id("new")}),
    "POST /api/sessions:ensure": lambda place: Asked(
        "/api/sessions:ensure", {"id": place.id("task"), "name": "Task", "endpoint_url": "", "model": ""}
    ),
    "POST /api/sessions:delete": lambda place: Asked("/api/sessions:delete", {"session_ids": [place.session]}),
    "POST /api/sessions:delete nothing": _plain("/api/sessions:delete", {"session_ids": []}),
    "POST /api/sessions:batch": lambda place: Asked(
        "/api/sessions:batch", {"actions": [{"session_id": place.session, "delete": True}]}
    ),
    "PATCH /api/sessions/{session_id}": _of_session("", {"name": "x"}),
    "POST /api/sessions/{session_id}/undo": _of_session("/undo"),
    "POST /api/sessions/{session_id}/forks": _of_session("/forks", {}),
    "POST /api/sessions/{session_id}/forks with an id": lambda place: Asked(
        f"/api/sessions/{place.session}/forks", {"new_id": place.id("fork")}
    ),
    "POST /api/sessions/{session_id}/messages": _of_session("/messages", {"messages": [SAID]}),
    "POST /api/sessions/{session_id}/messages nothing": _of_session("/messages", {"messages": []}),
    "PUT /api/sessions/{session_id}/messages": _of_session("/messages", {"messages": [SAID]}),
    "POST /api/sessions/{session_id}/messages:delete": lambda place: Asked(
        f"/api/sessions/{place.session}/messages:delete", {"message_ids": place.messages}
    ),
    "POST /api/sessions/{session_id}/messages:truncate": _of_session("/messages:truncate", {"keep_count": 1}),
    "PATCH /api/sessions/{session_id}/messages/{message_id}": _of_message("", {"content": "y"}),
    "POST /api/sessions/{session_id}/messages/{message_id}/versions": _of_message("/versions", SAID),
    "POST /api/sessions/{session_id}/messages/{message_id}/switch": _of_message("/switch"),
    "POST /api/sessions/{session_id}/replies": _of_session("/replies", {"content": "Sing!"}),
    "POST /api/replies/{reply_id}/stop": lambda place: Asked(f"/api/replies/{place.reply}/stop"),
    "POST /api/sessions/{session_id}/title": _of_session("/title"),
    "POST /api/sessions/{session_id}/summaries": _of_session("/summaries", {"keep_last": 1}),
    "POST /api/sessions/{session_id}/compactions": _of_session("/compactions", {"summary": "x", "keep_last": 1}),
    "POST /api/sessions/{session_id}/usage": _of_session(
        "/usage", {"model": "m", "input_tokens": 1, "output_tokens": 1}
    ),
    "POST /api/documents": _plain("/api/documents", {"title": "Other"}),
    "PATCH /api/documents/{document_id}": _of_document("", {"content": "x"}),
    "PUT /api/documents/{document_id}/session": lambda place: Asked(
        f"/api/documents/{place.document}/session", {"session_id": place.session}
    ),
    "PUT /api/documents/{document_id}/archived": _of_document("/archived"),
    "POST /api/documents/{document_id}/versions/{version}/restore": _of_document("/versions/1/restore"),
    "POST /api/attachments": lambda place: Asked("/api/attachments", content=place.id("bytes").encode()),
    "POST /api/trash/{trash_id}/restore": lambda place: Asked(f"/api/trash/{place.session and place.trash}/restore"),
    "PUT /api/retention": _plain("/api/retention", {"folder": "f", "archive_after": 9}),
    "POST /api/endpoints": lambda place: Asked("/api/endpoints", {"name": place.id("e"), "base_url": "http://x/v1"}),
    "PATCH /api/endpoints/{name}": lambda place: Asked(f"/api/endpoints/{place.own_endpoint}", {"model": "m"}),
    "POST /api/imports/odysseus": lambda place: Asked("/api/imports/odysseus", content=_legacy(place)),
    "POST /api/keys": _plain("/api/keys", {"name": "k"}),
    "PUT /api/admin/retention": lambda place: Asked(
        "/api/admin/retention", {"owner": place.stored.owner, "folder": "g", "archive_after": 9}
    ),
    "POST /api/admin/endpoints": lambda place: Asked(
        "/api/admin/endpoints", {"name": f"{place.endpoint}-too", "base_url": "http://x/v1"}
    ),
    "PATCH /api/admin/endpoints/{name}": lambda place: Asked(f"/api/admin/endpoints/{place.endpoint}", {"model": "m"}),
    "POST /api/admin/keys": lambda place: Asked("/api/admin/keys", {"name": "k", "owner": place.stored.owner}),
    "POST /api/admin/users": lambda place: Asked(
        "/api/admin/users", {"name": place.id("new"), "password": PASSWORD, "owner": place.stored.owner}
    ),
    "PATCH /api/admin/users/{name}": lambda place: Asked(f"/api/admin/users/{place.user}", {"password": "another one"}),
    "POST /api/admin/users/{name}/logout": lambda place: Asked(f"/api/admin/users/{place.user}/logout"),
    "POST /api/admin/database:rotate-secret-keys": _plain("/api/admin/database:rotate-secret-keys"),
    "POST /v1/chat/completions": _chat,
    "POST /v1/conversations": _plain("/v1/conversations", {}),
    "POST /v1/conversations/{conversation_id}": lambda place: Asked(
        f"/v1/conversations/{place.session}", {"metadata": {"a": "b"}}
    ),
    "POST /v1/conversations/{conversation_id}/items": lambda place: Asked(
        f"/v1/conversations/{place.session}/items", {"items": [{"type": "message", **SAID}]}
    ),
}

_MANY = {
    "sessions:cleanup": {"min_age_hours": 0},
    "retention:apply": {},
    "attachments:collect": {"min_age_hours": 0},
    "trash:purge": {"older_than_days": 0},
    "conversations:import": {"conversations": [{"id": "imported", "name": "x"}]},
    "documents:import": {"documents": [{"id": "imported", "title": "x", "versions": [{"content": "x"}]}]},
}
CHANGES |= {f"POST /api/{noun}": _plain(f"/api/{noun}", body) for noun, body in _MANY.items()}
CHANGES |= {f"POST /api/admin/{noun}": _plain(f"/api/admin/{noun}", body) for noun, body in _MANY.items()}

# Last, since nothing is left then.
CHANGES["POST /api/me:erase"] = lambda place: Asked("/api/me:erase", {"owner": place.stored.owner})
CHANGES["POST /api/admin/owners:erase"] = lambda place: Asked("/api/admin/owners:erase", {"owner": place.stored.owner})


def test_every_route_that_changes_something_is_asked() -> None:
    there = {
        f"{method} {route.path}"
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.path.startswith(("/api/", "/v1/")) and route.include_in_schema
        for method in route.methods & {"POST", "PUT", "PATCH"}
    }
    asked = {" ".join(name.split()[:2]) for name in CHANGES}
    assert asked | NEED_NONE.keys() == there
    assert asked & NEED_NONE.keys() == set()


@pytest.fixture
def endpoint(trusted: SessionManager) -> Iterator[str]:
    """A model's server that everybody may use."""
    with model_server() as model:
        model.say("Tell me, O Muse")
        name = f"once-{model.port}"
        trusted.create_endpoint(name, model.url, model="muse", shared=True)
        yield name
        for each in (name, f"{name}-too"):
            trusted.delete_endpoint(each)


@pytest.fixture
def server(database_url: str) -> Iterator[Served]:
    with served(database_url, access=ByEither) as running:
        yield running


@pytest.fixture
def browser(server: Served, trusted: SessionManager, names: tuple[str, str]) -> httpx.Client:
    """Somebody who logged in with a password, to alice's data."""
    trusted.create_user(f"user of {names[0]}", PASSWORD, owner=names[0])
    client = server.client(None, origin=server.address)
    assert client.post("/api/login", json={"name": f"user of {names[0]}", "password": PASSWORD}).status_code == 200
    return client


@pytest.mark.usefixtures("quick_passwords")
def test_asked_for_again_each_change_was_made_once(
    alice: httpx.Client,
    root: httpx.Client,
    browser: httpx.Client,
    stored: SessionManager,
    trusted: SessionManager,
    endpoint: str,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    running = f"SELECT count(*) FROM replies WHERE owner = '{stored.owner}' AND state = 'running'"
    for number, (name, change) in enumerate(CHANGES.items()):
        method, route = name.split()[:2]
        client = root if route.startswith("/api/admin") else browser if route == "/api/me/password" else alice
        asked = change(Place(stored, trusted, endpoint, number))
        headers = {"idempotency-key": f"{stored.owner} {number}", **asked.headers}
        ask = partial(client.request, method, asked.path, json=asked.json, content=asked.content, headers=headers)
        first = ask()
        assert first.status_code in (200, 201, 204), (name, first.text)
        assert "idempotency-replayed" not in first.headers, name
        wait_until(lambda: execute(database_url, running) == [(0,)])
        state = everything(stored)
        again = ask()
        assert (again.status_code, again.headers.get("idempotency-replayed")) == (first.status_code, "true"), name
        assert (_said(again), again.headers.get("etag")) == (_said(first), first.headers.get("etag")), name
        assert everything(stored) == state, name


def _said(answer: httpx.Response) -> Any:
    """What an answer says, but for what a key says, which is in the first alone."""
    if "/keys" in str(answer.url):
        return {name: value for name, value in answer.json().items() if name != "token"}
    return answer.content


def everything(manager: SessionManager) -> list[Any]:
    """What there is of an owner's that a change could change."""
    return [
        sorted((each.id, each.revision, each.message_count) for each in manager.list_sessions(limit=500)),
        [(each.id, each.revision) for each in manager.list_documents(limit=500)],
        [each.id for each in manager.trash(limit=500)],
        [each.digest for each in manager.list_attachments(limit=500)],
        manager.list_endpoints(),
        manager.list_keys(),
        manager.list_users(),
        manager.list_retention(),
        manager.usage(by=()),
    ]
