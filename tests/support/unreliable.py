"""A network that fails as it is told: a proxy before a server, whose next connections each meet a fault."""

import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Cut:
    """The connection breaks when so many bytes of the answer have come; with None, before the server is asked."""

    after: int | None


@dataclass(frozen=True)
class Answer:
    """Something else than the server answers."""

    response: bytes


class Silence:
    """Nobody answers."""


Fault = Cut | Answer | Silence


class Unreliable:
    """The proxy; `faults` are those of the next connections, one each. The others are passed on."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._there = (parts.hostname or "", parts.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.faults: deque[Fault] = deque()
        self.connections = 0
        self._open: list[socket.socket] = []
        #: Connections on which events are told, and those that are dead without anybody's knowing.
        self._telling, self._dead = set[socket.socket](), set[socket.socket]()
        threading.Thread(target=self._accept, name="unreliable", daemon=True).start()

    def close(self) -> None:
        for each in (self._listener, *self._open):
            end(each)

    def kill_streams(self) -> int:
        """Nothing comes any more over the connections on which events are told, not even their end. How many.

        So a computer finds them when it wakes up.
        """
        killed = len(self._telling)
        self._dead |= self._telling
        self._telling.clear()
        return killed

    def kill(self) -> None:
        """Nothing comes any more over any connection there is; what is asked over it still arrives."""
        self._dead |= set(self._open)

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            fault = self.faults.popleft() if self.faults else None
            self._open.append(here)
            threading.Thread(target=self._serve, args=(here, fault), daemon=True).start()

    def _serve(self, here: socket.socket, fault: Fault | None) -> None:
        first = here.recv(65536)
        if isinstance(fault, Silence):
            return
        if isinstance(fault, Answer):
            here.sendall(fault.response)
        elif not (isinstance(fault, Cut) and fault.after is None):
            with socket.create_connection(self._there) as there:
                ask, answer = self._ways(here, there)
                ask(first)
                threading.Thread(target=pass_on, args=(here, ask), daemon=True).start()
                pass_on(there, answer, fault.after if isinstance(fault, Cut) else None)
        end(here)

    def _ways(self, here: socket.socket, there: socket.socket) -> tuple[Callable[[bytes], None], ...]:
        def ask(piece: bytes) -> None:
            (self._telling.add if b"text/event-stream" in piece else self._telling.discard)(here)
            there.sendall(piece)

        def answer(piece: bytes) -> None:
            if here not in self._dead:
                here.sendall(piece)

        return ask, answer


def pass_on(source: socket.socket, send: Callable[[bytes], None], most: int | None = None) -> None:
    """Sends what comes, until one end is closed, or so many bytes were passed."""
    passed = 0
    try:
        while piece := source.recv(65536):
            if most is not None:
                piece = piece[: most - passed]
            send(piece)
            passed += len(piece)
            if passed == most:
                return
    except OSError:
        return


def end(connection: socket.socket) -> None:
    """Ends it at both ends, also for who waits for it."""
    with suppress(OSError):  # it had ended already
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
