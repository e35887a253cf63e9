"""A real server process for tests through a client: many managers behind one port, each below a path of its own.

Run as a program, it serves. It is told over its standard input which managers to open and close, each message a pickle,
and answers over its standard output. `Remote` is the other end.

Where a request names no owner, the manager that answers is not confined: on a real server, nobody can have that.

A manager that was opened with a `FakeClock` goes by the time that each request tells: the clock stands in the test.
"""

import asyncio
import copy
import itertools
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2
from starlette.requests import Request

from ithaca import AsyncClient, Client
from tests.support.clocks import FakeClock

#: The time of a test's clock, in microseconds.
NOW = "x-test-now"


class Remote:
    """The server process, and clients of it that share their connections."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.remote"]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)
        self._talking = threading.Lock()
        self.address = f"http://127.0.0.1:{self._hear()}"
        self._transport = httpx2.HTTPTransport(verify=False)
        self._async_transport = httpx2.AsyncHTTPTransport(verify=False)

    def open(self, options: dict[str, Any], *, timed: bool) -> str:
        """The address of a manager that is opened there with these arguments. Raises what opening it raises."""
        return f"{self.address}/{self._ask('open', options, timed)}"

    def close_manager(self, address: str) -> None:
        self._ask("close", address.rpartition("/")[2])

    def client(self, address: str, clock: FakeClock | None, **options: Any) -> Client:
        hooks = {"request": [_telling(clock)]} if clock else {}
        http = httpx2.Client(transport=self._transport, event_hooks=hooks, trust_env=False)
        return Client(address, http=http, **options)

    def async_client(self, address: str, clock: FakeClock | None, **options: Any) -> AsyncClient:
        hooks = {"request": [_telling_async(clock)]} if clock else {}
        http = httpx2.AsyncClient(transport=self._async_transport, event_hooks=hooks, trust_env=False)
        return AsyncClient(address, http=http, **options)

    def stop(self, wait_for: Callable[[Awaitable[Any]], Any]) -> None:
        """Ends the process, and connections: those that are awaited by `wait_for`."""
        self._transport.close()
        wait_for(self._async_transport.aclose())
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(60) == 0

    def _ask(self, *question: Any) -> Any:
        with self._talking:
            assert self._process.stdin is not None
            pickle.dump(question, self._process.stdin)
            self._process.stdin.flush()
            answer = self._hear()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)


def _telling(clock: FakeClock) -> Callable[[httpx2.Request], None]:
    def tell(request: httpx2.Request) -> None:
        request.headers[NOW] = str(clock())

    return tell


def _telling_async(clock: FakeClock) -> Callable[[httpx2.Request], Awaitable[None]]:
    async def tell(request: httpx2.Request) -> None:
        request.headers[NOW] = str(clock())

    return tell


# The program.


class ToldClock:
    """A clock that shows the time that it was told last."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@dataclass
class Opened:
    """A manager, the app on it, and its clock if it is a test's."""

    manager: Any
    app: Any
    clock: ToldClock | None = None


@dataclass
class Many:
    """An ASGI app that passes each request on to the app that the first segment of its path names."""

    opened: dict[str, Opened] = field(default_factory=dict)
    _names: Any = field(default_factory=lambda: itertools.count(1))
    _app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        name = scope["path"].split("/")[1]
        which = self.opened[name]
        if which.clock is not None:
            which.clock.now = int(dict(scope["headers"])[NOW.encode()])
        below = {key: scope[key][len(name) + 1 :] for key in ("path", "raw_path")}
        await which.app({**scope, **below}, receive, send)

    async def open(self, options: dict[str, Any], timed: bool) -> str:
        from ithaca import AsyncSessionManager

        clock = ToldClock() if timed else None
        manager = await AsyncSessionManager(**options | ({"clock": clock} if clock else {})).__aenter__()
        name = f"m{next(self._names)}"
        self.opened[name] = Opened(manager, self._app_on(manager), clock)
        return name

    async def close(self, name: str) -> None:
        await self.opened.pop(name).manager.close()

    def _app_on(self, manager: Any) -> Any:
        """An app on a manager; its routes are made once, which takes longer than most tests."""
        from dataclasses import replace

        from starlette.datastructures import State

        from ithaca.service import LocalOwner, create_app
        from ithaca.service.access import owned, visitor
        from ithaca.service.live import Live

        if self._app is None:
            self._app = create_app(manager, access=LocalOwner())
            self._app.dependency_overrides |= {owned: _owned_or_all, visitor: _visitor_or_all}
            self._app.middleware_stack = self._app.build_middleware_stack()
        app = copy.copy(self._app)
        live = Live(manager, self._app.state.ithaca.access)
        app.state = State({"ithaca": replace(self._app.state.ithaca, manager=manager, live=live)})
        return app


async def _owned_or_all(request: Request) -> Any:
    """A manager that is confined if the request names an owner, as `for_owner` makes it, and else sees everything.

    So a client is what a manager is, and the suite, whose managers are not confined, runs on both.
    """
    owner, manager = request.headers.get("ithaca-owner"), request.app.state.ithaca.manager
    return manager if owner is None else manager.for_owner(unquote(owner))


async def _visitor_or_all(request: Request) -> Any:
    """Who asks for events and names no owner hears everybody's, as who watches through such a manager does."""
    from dataclasses import replace

    from ithaca.service.access import visitor_of

    found = await visitor_of(request)
    everybody = request.url.path.endswith("/events") and "ithaca-owner" not in request.headers
    return replace(found, owner=None) if everybody else found  # type: ignore[arg-type]


async def _serve() -> None:
    import uvicorn

    from ithaca.service import ServiceSettings
    from ithaca.service.running import address_of, listen

    many, listener = Many(), listen(ServiceSettings(port=0))
    config = uvicorn.Config(many, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    say, hear = os.fdopen(os.dup(1), "wb"), sys.stdin.buffer
    os.dup2(2, 1)  # whatever else is printed
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    _say(say, int(address_of(listener).rpartition(":")[2]))
    try:
        while True:
            verb, *args = await asyncio.to_thread(pickle.load, hear)
            try:
                _say(say, await getattr(many, verb)(*args))
            except Exception as error:  # noqa: BLE001, it is raised at the other end
                _say(say, error)
    except EOFError:
        server.should_exit = True
        await serving
    for opened in many.opened.values():
        await opened.manager.close()


def _say(pipe: Any, value: Any) -> None:
    pickle.dump(value, pipe)
    pipe.flush()


if __name__ == "__main__":
    asyncio.run(_serve())
