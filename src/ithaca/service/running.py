"""The server process: an app on uvicorn, from its socket to its orderly end."""

import asyncio
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from errno import EADDRINUSE
from typing import Any

import uvicorn
from fastapi import FastAPI

from ithaca import AsyncSessionManager, ConfigurationError, IthacaError, ManagerClosed
from ithaca.service.access import Access, Service
from ithaca.service.app import create_app
from ithaca.service.connections import Config
from ithaca.service.meters import Meters
from ithaca.service.settings import ServiceSettings
from ithaca.service.traces import exporting

_log = logging.getLogger("ithaca.service")

#: Seconds between two looks for replies whose process has died.
SWEEP = 2.0

#: Connections that wait to be taken.
_BACKLOG = 2048


def listen(settings: ServiceSettings) -> socket.socket:
    """The socket to serve on. Raises `ConfigurationError` if it can't be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio sees that its connections are TCP's, and sends what is small at once. Otherwise
    # the second of two small pieces waits until the client has acknowledged the first, which takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        taken = error.errno == EADDRINUSE
        why = "another program listens there already" if taken else str(error.strerror)
        raise ConfigurationError(f"port {settings.port} of {settings.host}", why) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """The URL to open."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    manager: AsyncSessionManager,
    settings: ServiceSettings,
    listener: socket.socket,
    *,
    access: Access | None = None,
    meters: Meters | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serves until SIGINT or SIGTERM; then takes no new connection, lets requests under way end, and closes."""
    settings = replace(settings, allowed_hosts=settings.allowed_hosts or f"localhost,{settings.host}")
    with exporting(settings) as traces:
        async with manager:
            app = create_app(manager, settings, access=access, meters=meters, traces=traces, page=True)
            server = Server(app, settings)
            work = [asyncio.create_task(each) for each in (server.meters.keep_writing(), keep_sweeping(manager))]
            ready()
            try:
                await server.serve(sockets=[listener])
                await manager.wait_for_replies(server.seconds_left)  # what hasn't ended then, ends as interrupted
            finally:
                for task in work:
                    task.cancel()


async def keep_sweeping(manager: AsyncSessionManager) -> None:
    """Marks replies whose process has died, soon after it did, for as long as this is not cancelled."""
    while True:
        try:
            await manager.sweep_replies()
        except ManagerClosed:
            return
        except IthacaError as error:
            _log.warning("Lost replies could not be looked for: %s", type(error).__name__)
        except Exception:  # noqa: BLE001, the next look may go well
            _log.exception("Lost replies could not be looked for")
        await asyncio.sleep(SWEEP)


def until_done(serving: Coroutine[Any, Any, None]) -> None:
    """Runs an event loop for it, a quick one where there is one."""
    with asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory()) as runner:
        runner.run(serving)


def room_for_connections() -> None:
    """Lets the process have as many files open as it may: each connection is one."""
    if sys.platform != "win32":
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Server(uvicorn.Server):
    """uvicorn's server, which ends by returning: what stands around it is closed in order."""

    def __init__(self, app: FastAPI, settings: ServiceSettings) -> None:
        service: Service = app.state.ithaca
        self._ends_at, self._stop_seconds = 0.0, settings.stop_seconds
        self.meters, self._live = service.meters, service.live
        super().__init__(Config(app, settings))
        self.meters.gauges["ithaca_http_connections"] = lambda: len(self.server_state.connections)

    @property
    def seconds_left(self) -> float:
        """How long what is under way may go on after the server was stopped; 0 where it was stopped twice."""
        return 0.0 if self.force_exit else max(0.0, self._ends_at - time.monotonic())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the streams of live events, which would never end by themselves, and then as uvicorn does."""
        self._ends_at = time.monotonic() + self._stop_seconds
        self._live.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends at the first signal, at once at the second. Only a process's main thread gets any."""
        main = threading.current_thread() is threading.main_thread()
        loop, signals = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM) if main else ()
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
