"""Both clients have the managers' calls, with the same arguments and the same results."""

import inspect
import re
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from ithaca import AsyncClient, AsyncSessionManager, Client, ConfigurationError, ManagerClosed, SessionManager
from tests.behaviour.stages import CORE, LEFT_OUT, LONG

#: Calls of managers that no client has, and why.
NOT_REMOTE = {
    "once": "the server does it, by the `Idempotency-Key` that each change of a client has",
    "noting": "the server tells it, as the `ETag` of each answer",
    "done_before": "the server asks it",
    "begin_once": "the server notes it",
    "end_once": "the server notes it",
    "give_up_once": "the server notes it",
    "go_on_once": "the server notes it",
    "record_once": "the server notes it",
    "log_in": "a browser does it, whose cookie is what it is about",
    "log_out": "a browser does it",
    "change_password": "a browser does it",
    "identify_login": "the server does it, by the cookie that each request shows",
    "open_link": "a browser does it",
    "create_link": "the server prints it when it begins",
    "still_open": "the server asks it for those who listen",
    "identify_key": "the server does it, by the key that each request shows",
    "guarded": "the server guards each request by its settings",
    "relay": "/v1/chat/completions, for any client of OpenAI",
    "sweep_replies": "the server does it every few seconds",
    "wait_for_replies": "the server does it when it is stopped",
}

PAIRS = [(Client, SessionManager), (AsyncClient, AsyncSessionManager)]


def public(kind: type) -> dict[str, Any]:
    return {name: value for name, value in inspect.getmembers(kind) if not name.startswith("_")}


def calls(kind: type) -> dict[str, Callable[..., Any]]:
    return {name: value for name, value in public(kind).items() if callable(value)}


def parameters(call: Callable[..., Any]) -> list[tuple[str, Any, Any, Any]]:
    return [(p.name, p.kind, p.default, p.annotation) for p in inspect.signature(call).parameters.values()]


@pytest.mark.parametrize(("client", "manager"), PAIRS)
def test_a_client_has_the_calls_of_a_manager(client: type, manager: type) -> None:
    assert set(calls(manager)) - set(calls(client)) == set(NOT_REMOTE)
    assert set(public(client)) - set(public(manager)) == {"awaits"}


@pytest.mark.parametrize(("client", "manager"), PAIRS)
def test_their_arguments_are_the_same(client: type, manager: type) -> None:
    here, there = calls(client), calls(manager)
    differing = [name for name in here if parameters(here[name]) != parameters(there[name])]
    # Written once for both, it takes what comes asynchronously; `Client` refuses that, as `SessionManager` does.
    assert differing == (["put_attachment"] if client is Client else [])
    assert list(inspect.signature(here["put_attachment"]).parameters) == ["self", "data", "media_type", "owner"]


@pytest.mark.parametrize(("client", "manager"), PAIRS)
def test_their_results_are_the_same(client: type, manager: type) -> None:
    here, there = calls(client), calls(manager)
    differing = [name for name in sorted(here) if returned(here[name]) != returned(there[name])]
    assert differing == []
    awaited = [name for name in here if inspect.iscoroutinefunction(here[name])]
    assert awaited == [name for name in here if inspect.iscoroutinefunction(there[name])]


def returned(call: Callable[..., Any]) -> Any:
    hint = get_type_hints(call)["return"]
    return (get_origin(hint), get_args(hint)) if get_origin(hint) in (Iterator, AsyncIterator) else hint


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_every_call_is_documented(client: type) -> None:
    assert [name for name, value in calls(client).items() if not inspect.getdoc(value)] == []


def test_importing_ithaca_loads_no_client_and_a_client_no_database() -> None:
    for program, absent in (
        ("import sys, ithaca; ithaca.SessionManager(':memory:').close()", {"httpx2", "ithaca.client"}),
        ("import sys, ithaca; ithaca.Client().close()", {"apsw", "ithaca.storage", "ithaca.manager", "asyncio"}),
    ):
        command = [sys.executable, "-c", f"{program}; print(*sys.modules)"]
        loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert absent & set(loaded) == set(), program


def test_the_address_and_the_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert address_and_headers(Client()) == ("http://127.0.0.1:8421", {})
    monkeypatch.setenv("ITHACA_URL", "https://chats.example/ithaca/")
    monkeypatch.setenv("ITHACA_KEY", "secret")
    assert address_and_headers(Client()) == ("https://chats.example/ithaca", {"Authorization": "Bearer secret"})
    given = Client("http://[::1]:1", key="other")
    assert address_and_headers(given) == ("http://[::1]:1", {"Authorization": "Bearer other"})


def address_and_headers(client: Client) -> tuple[str, dict[str, str]]:
    with client:
        return client._connection.address, client._connection._headers


@pytest.mark.parametrize("url", ["chats.db", "ftp://host", "http://", "http://host/?a=1", "//host"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="url"):
        Client(url)


@pytest.mark.parametrize("key", ["a b", "a\r\nX: y", "ключ"])
def test_what_is_no_key_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Client(key=key)
    assert key not in str(refused.value)


def test_certificates_are_checked() -> None:
    with Client("https://chats.example") as client:
        assert client._connection.http._transport._pool._ssl_context.verify_mode == ssl.CERT_REQUIRED  # type: ignore[attr-defined]


def test_a_closed_client_refuses_and_one_of_for_owner_closes_nothing() -> None:
    client = Client("http://127.0.0.1:1", retries=0)
    client.for_owner("ann").close()
    client.close()
    client.close()
    with pytest.raises(ManagerClosed):
        client.count_sessions()


def test_what_is_said_of_the_suites_tests_is_said_of_tests_that_are_there() -> None:
    folder = Path(__file__).parents[1] / "behaviour"
    for named in (*LEFT_OUT, *LONG, *CORE):
        module, _, test = named.partition("::")
        source = (folder / module).read_text(encoding="utf-8")
        assert not test or re.search(rf"^def {test}\(", source, re.MULTILINE), named
