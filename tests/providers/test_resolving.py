"""Which endpoint answers a session, and what it is sent."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ithaca import EndpointRefused, FoundServer, InvalidSession, ProviderError, SessionManager, Settings
from ithaca.providers import Target, local_servers, resolve
from ithaca.providers.resolving import _resolved
from tests.support.model_server import ModelServer, model_server

URL = "http://127.0.0.1:9/v1"


@pytest.fixture
def manager() -> Iterator[SessionManager]:
    with SessionManager(":memory:") as opened:
        yield opened
        assert opened.verify() == []


def target(manager: SessionManager, asked: str | None = None, **session: Any) -> Target:
    async def read(op: Any, *args: Any) -> Any:
        return manager._storage.read(op, *args)

    made = manager.create_session(**session)
    return asyncio.run(resolve(read, manager._door.scope, made, asked))


def test_a_url_that_nobody_registered_gets_the_sessions_headers(manager: SessionManager) -> None:
    found = target(manager, endpoint_url=URL + "/chat/completions", model="m", headers={"A": "b"})
    assert found == Target(URL, "m", {"A": "b"})


def test_a_registered_url_gets_its_key_and_the_sessions_headers(manager: SessionManager) -> None:
    manager.create_endpoint("e", URL, key="k", headers={"A": "a", "B": "b"}, model="default", max_tokens=9)
    found = target(manager, endpoint_url=URL + "/", headers={"A": "own"})
    assert (found.base_url, found.model, found.key, found.endpoint) == (URL, "default", "k", "e")
    assert (found.headers, found.options) == ({"A": "own", "B": "b"}, {"max_tokens": 9})
    assert target(manager, "other", endpoint_url=URL, model="m").model == "other"
    assert target(manager, endpoint_url="http://127.0.0.1:9/v2", model="m").key is None


def test_a_name_gets_nothing_of_the_sessions(manager: SessionManager) -> None:
    manager.create_endpoint("e", URL, key="k", context_window=5)
    found = target(manager, endpoint_url="e", model="m", headers={"Authorization": "Bearer for-another"})
    assert (found.base_url, found.headers, found.key, found.context_window) == (URL, {}, "k", 5)


def test_others_endpoints_are_not_found(manager: SessionManager) -> None:
    manager.create_endpoint("e", URL, key="anns", owner="ann")
    manager.create_endpoint("s", URL, key="shared", shared=True)
    found = [target(manager, endpoint_url=URL, model="m", owner=owner).key for owner in ("ann", "bob")]
    assert found == ["anns", "shared"]
    with pytest.raises(EndpointRefused, match="no endpoint of that name"):
        target(manager, endpoint_url="e", model="m", owner="bob")


def test_a_guarded_manager_calls_registered_endpoints_only(manager: SessionManager) -> None:
    manager.create_endpoint("e", URL, owner="ann")
    manager.create_endpoint("s", "http://127.0.0.1:8/v1", shared=True)
    guarded = manager.guarded()
    with pytest.raises(EndpointRefused, match="not registered"):
        target(guarded, endpoint_url="http://model.example/v1", model="m", owner="ann")
    reaches = [
        target(kind, endpoint_url=name, model="m", owner="ann").reach
        for kind in (manager, guarded, manager.guarded(private=True), guarded.for_owner("ann"))
        for name in ("e", "s")
    ]
    assert reaches == ["private", "private", "public", "private", "private", "private", "public", "private"]
    assert target(manager.guarded(unregistered=True), endpoint_url="http://x/v1", model="m").reach == "public"
    with pytest.raises(EndpointRefused, match="this machine"):
        guarded.for_owner("ann").list_endpoint_models("e")


def test_how_long_is_waited_is_a_setting() -> None:
    settings = Settings(":memory:", first_token_seconds=1, gap_seconds=2, reply_seconds=3)
    with SessionManager(settings=settings) as manager:
        manager.create_endpoint("e", URL, shared=True)
        for kind in (manager, manager.guarded()):
            limits = target(kind, endpoint_url="e", model="m").limits
            assert (limits.first_token, limits.gap, limits.whole) == (1, 2, 3)


def test_a_secret_that_an_older_session_has_in_its_url_is_not_repeated(manager: SessionManager) -> None:
    session = manager.create_session(model="m")
    object.__setattr__(session, "endpoint_url", "http://user:sk-planted@host/v1?key=sk-planted")
    with pytest.raises(EndpointRefused, match="'http://host/v1'") as error:
        _resolved(manager._door.scope, [], session, None)
    assert "sk-planted" not in str(error.value)


def test_what_names_no_place_or_no_model_is_refused(manager: SessionManager) -> None:
    for url in ("nowhere", "ftp://x/", "http://ho st/v1"):
        with pytest.raises(EndpointRefused):
            target(manager, endpoint_url=url, model="m")
    with pytest.raises(InvalidSession, match="endpoint_url must be set before its model is asked"):
        target(manager, model="m")
    with pytest.raises(InvalidSession, match="model must be named"):
        target(manager, endpoint_url=URL)


def test_an_endpoint_is_tested(manager: SessionManager, server: ModelServer) -> None:
    manager.create_endpoint("e", server.url, key="k-123456", model="small")
    server.answer(b'{"data": [{"id": "small"}]}')
    tested = manager.test_endpoint("e")
    assert (tested.name, tested.models, tested.has_model, tested.seconds < 10) == ("e", ["small"], True, True)
    manager.update_endpoint("e", model="large")
    assert manager.test_endpoint("e").has_model is False
    assert {asked.headers["authorization"] for asked in server.requests} == {"Bearer k-123456"}
    manager.update_endpoint("e", base_url=URL)
    with pytest.raises(ProviderError, match="cannot be reached"):
        manager.test_endpoint("e")


def test_local_servers_are_found_in_bounded_time(server: ModelServer) -> None:
    server.answer(b'{"data": [{"id": "small"}]}')
    with model_server() as silent, model_server() as page:
        silent.answer(2.0)
        page.answer(b"<html>hello</html>")
        ports = {server.port: "Ollama", silent.port: "vLLM", page.port: "Jan", 9: "LM Studio"}
        found = asyncio.run(asyncio.wait_for(local_servers(0.3, ports), 5))
    assert found == [FoundServer("Ollama", server.url, ["small"])]
