"""A server that asks for keys, and the stock clients of OpenAI on it."""

from collections.abc import Callable, Iterator
from functools import cache

import openai
import pytest

from ithaca import SessionManager
from ithaca.service import SignedIn
from tests.support.serving import Served, served


@pytest.fixture(scope="session")
def token_of(trusted: SessionManager) -> Callable[[str], str]:
    """Makes keys: `rw-alice` is alice's, and `r-alice` one of hers to read with. What is neither stays what it is."""

    @cache
    def token(who: str) -> str:
        scopes, _, owner = who.partition("-")
        if scopes not in ("r", "rw"):
            return who
        return trusted.create_key(who, owner=owner, scopes=["read", "write"] if scopes == "rw" else ["read"]).token

    return token


@pytest.fixture(scope="session")
def keyed(database_url: str) -> Iterator[Served]:
    """A server that asks for keys."""
    with served(database_url, access=SignedIn) as running:
        yield running
    with SessionManager(database_url) as manager:
        assert manager.verify() == []


@pytest.fixture
def connect(keyed: Served, token_of: Callable[[str], str]) -> Iterator[Callable[..., openai.OpenAI]]:
    """Makes stock clients; they try once, so that a test sees the first answer."""
    clients: list[openai.OpenAI] = []

    def connected(who: str) -> openai.OpenAI:
        key = token_of(who)
        # Without TLS there is nothing to verify, and to read the authorities takes longer than most requests.
        http = openai.DefaultHttpxClient(verify=False)
        address = f"{keyed.address}/v1"
        clients.append(openai.OpenAI(base_url=address, api_key=key, max_retries=0, timeout=60, http_client=http))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Callable[[str], openai.OpenAI], names: tuple[str, str]) -> openai.OpenAI:
    """The stock client, with alice's key."""
    return connect(f"rw-{names[0]}")


@pytest.fixture
def asynchronous(
    keyed: Served, names: tuple[str, str], token_of: Callable[[str], str]
) -> Callable[[], openai.AsyncOpenAI]:
    """Makes the stock asynchronous client, with alice's key."""
    key = token_of(f"rw-{names[0]}")
    return lambda: openai.AsyncOpenAI(base_url=f"{keyed.address}/v1", api_key=key, max_retries=0)
