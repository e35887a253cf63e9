"""Real servers for the tests: uvicorn on a socket, in a thread with an event loop of its own."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import httpx
from starlette.requests import HTTPConnection

from ithaca import AsyncSessionManager, NotSignedIn, Settings
from ithaca.service import Access, Right, ServiceSettings, SignedIn, Visitor, create_app
from ithaca.service.running import Server, address_of, listen


class ByHeader:
    """Believes what the request's headers, or cookies, say of who is asking. Keys open, too."""

    _keys: SignedIn | None = None

    def __init__(self, manager: AsyncSessionManager | None = None) -> None:
        self._keys = None if manager is None else SignedIn(manager)

    async def visitor(self, connection: HTTPConnection) -> Visitor:
        if self._keys is not None and "authorization" in connection.headers:
            return await self._keys.visitor(connection)
        said = {**connection.cookies, **connection.headers}
        if "x-owner" not in said:
            raise NotSignedIn
        rights = said.get("x-rights", "read,write").split(",")
        return Visitor(said["x-owner"], frozenset(cast(list[Right], rights)))


class Served:
    """A server on a database, and its clients."""

    def __init__(self, url: str, address: str, app: Any, server: Server) -> None:
        #: The database's.
        self.url = url
        self.address = address
        self.app = app
        self._server = server
        self._clients: list[httpx.Client] = []

    def client(self, owner: str | None = "alice", rights: str = "read,write", **headers: str) -> httpx.Client:
        """A client that asks as somebody; None as nobody."""
        who = {} if owner is None else {"x-owner": owner, "x-rights": rights}
        return self._client({**who, **headers})

    def with_key(self, token: str, **headers: str) -> httpx.Client:
        """A client that shows a key."""
        return self._client({"authorization": f"Bearer {token}", **headers})

    def _client(self, headers: dict[str, str]) -> httpx.Client:
        # Without TLS there is nothing to verify, and to read the authorities takes longer than most requests.
        client = httpx.Client(base_url=self.address, headers=headers, timeout=60, verify=False)
        self._clients.append(client)
        return client

    def stop(self) -> None:
        """Begins to end it, as a signal does."""
        self._server.should_exit = True

    def close(self) -> None:
        for client in self._clients:
            client.close()


def _access(given: Access | Callable[[AsyncSessionManager], Access] | None, manager: AsyncSessionManager) -> Access:
    if given is None:
        return ByHeader(manager)
    return given(manager) if callable(given) else given


@contextmanager
def served(
    url: str,
    *,
    service: ServiceSettings | None = None,
    settings: Settings | None = None,
    access: Access | Callable[[AsyncSessionManager], Access] | None = None,
    change: Callable[[Any], object] = lambda app: None,
) -> Iterator[Served]:
    """A running server; `change` may do something to its app."""
    service = service or ServiceSettings(port=0)
    listener = listen(service)
    began, held = threading.Event(), list[Any]()

    async def run() -> None:
        async with AsyncSessionManager(url, settings=settings) as manager:
            app = create_app(manager, service, access=_access(access, manager), page=True)
            change(app)
            server = Server(app, replace(service, stop_seconds=5))
            held.extend((server, app))
            began.set()
            await server.serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="test-server", daemon=True)
    thread.start()
    assert began.wait(60)
    server, app = held
    running = Served(url, address_of(listener), app, server)
    try:
        yield running
    finally:
        running.close()
        running.stop()
        thread.join()
        listener.close()
