"""A server whose keys name their owner, and the stock clients of OpenAI on it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from starlette.requests import HTTPConnection

from ithaca import NotSignedIn, SessionManager
from ithaca.service import Visitor
from tests.support.serving import Served, served


class ByKey:
    """Takes `rw-alice` for alice's key, and `r-alice` for one to read with."""

    async def visitor(self, connection: HTTPConnection) -> Visitor:
        scheme, _, key = connection.headers.get("authorization", "").partition(" ")
        rights, _, owner = key.partition("-")
        if scheme != "Bearer" or not owner or rights not in ("r", "rw"):
            raise NotSignedIn
        return Visitor(owner, frozenset(("read", "write") if rights == "rw" else ("read",)))


def by_key(app: Any) -> None:
    """Lets an app ask for keys."""
    app.state.ithaca = replace(app.state.ithaca, access=ByKey())


@pytest.fixture(scope="session")
def keyed(database_url: str) -> Iterator[Served]:
    """A server that asks for keys."""
    with served(database_url, change=by_key) as running:
        yield running
    with SessionManager(database_url) as manager:
        assert manager.verify() == []


@pytest.fixture
def connect(keyed: Served) -> Iterator[Callable[..., openai.OpenAI]]:
    """Makes stock clients; they try once, so that a test sees the first answer."""
    clients: list[openai.OpenAI] = []

    def connected(key: str) -> openai.OpenAI:
        clients.append(openai.OpenAI(base_url=f"{keyed.address}/v1", api_key=key, max_retries=0, timeout=60))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Callable[[str], openai.OpenAI], names: tuple[str, str]) -> openai.OpenAI:
    """The stock client, with alice's key."""
    return connect(f"rw-{names[0]}")


@pytest.fixture
def asynchronous(keyed: Served, names: tuple[str, str]) -> Callable[[], openai.AsyncOpenAI]:
    """Makes the stock asynchronous client, with alice's key."""
    return lambda: openai.AsyncOpenAI(base_url=f"{keyed.address}/v1", api_key=f"rw-{names[0]}", max_retries=0)
