"""A model's server that answers to the byte as a test says, on a socket of its own.

What an answer consists of: bytes are sent at once, a number is a pause in seconds, an event is waited for, and `CUT`
breaks the connection off. Each request takes the next answer; the last one is given again and again.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, TypeAlias

CUT = "cut"

Part: TypeAlias = bytes | float | threading.Event | str


@dataclass(frozen=True)
class Asked:
    """A request, as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """A response: sent in chunks, unless it ends with the connection."""

    parts: tuple[Part, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = True


class ModelServer:
    """Runs until it is closed; `requests` are those that came."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.requests: list[Asked] = []
        self._answers: list[Answer | Callable[[Asked], Answer]] = []
        self._taking = threading.Lock()
        model = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                while (asked := _request(self.rfile)) is not None and _respond(self.connection, model._take(asked)):
                    pass

        self._server = ThreadingTCPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://{host}:{self.port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def answer(self, *parts: Part, status: int = 200, chunked: bool = True, **headers: str) -> None:
        """What the next request gets; a header's name is written with `_` for `-`."""
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        self._answers.append(Answer(parts, status, given, chunked))

    def answer_by(self, answer: Callable[[Asked], Answer]) -> None:
        """What the next request gets, by what it asks."""
        self._answers.append(answer)

    def forget(self) -> None:
        """No answers but those that are put from now on."""
        self._answers.clear()

    def say(self, *texts: str, finish: str | None = "stop", usage: tuple[int, int] | None = None) -> None:
        """The next request gets these texts, an event each, and the end."""
        self.answer(*said(*texts, finish=finish, usage=usage), content_type="text/event-stream")

    def fail(self, status: int, message: str = "no", code: str | None = None, **headers: str) -> None:
        """The next request gets an error, as OpenAI writes it."""
        body = json.dumps({"error": {"message": message, "code": code}}).encode()
        self.answer(body, status=status, chunked=True, content_type="application/json", **headers)

    def _take(self, asked: Asked) -> Answer:
        with self._taking:
            self.requests.append(asked)
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer if isinstance(answer, Answer) else answer(asked)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def model_server(host: str = "127.0.0.1") -> Iterator[ModelServer]:
    """A running server."""
    server = ModelServer(host)
    try:
        yield server
    finally:
        server.close()


def said(*texts: str, finish: str | None = "stop", usage: tuple[int, int] | None = None) -> list[bytes]:
    """Events that say these texts."""
    parts = [event(delta={"content": text}) for text in texts]
    parts += [event(delta={}, finish_reason=finish)] if finish else []
    if usage is not None:
        counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        parts.append(sent({"choices": [], "usage": counted}))
    return [*parts, b"data: [DONE]\n\n"]


def event(**choice: Any) -> bytes:
    """An event with one choice."""
    return sent({"id": "c-1", "object": "chat.completion.chunk", "choices": [{"index": 0, **choice}]})


def sent(value: Any) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _request(file: Any) -> Asked | None:
    line = file.readline().decode()
    if not line.strip():
        return None
    method, path, _ = line.split(" ", 2)
    headers = {}
    while header := file.readline().decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return Asked(method, path, headers, file.read(int(headers.get("content-length", 0))))


def _respond(connection: socket.socket, answer: Answer) -> bool:
    """Whether the connection can be used again."""
    framing = {"transfer-encoding": "chunked"} if answer.chunked else {"connection": "close"}
    lines = [f"HTTP/1.1 {answer.status} Said so", *(f"{n}: {v}" for n, v in {**framing, **answer.headers}.items())]
    try:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        for part in answer.parts:
            if isinstance(part, threading.Event):
                part.wait(60)
            elif isinstance(part, float):
                time.sleep(part)
            elif isinstance(part, str):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
                return False
            else:
                connection.sendall(b"%x\r\n%s\r\n" % (len(part), part) if answer.chunked else part)
        if answer.chunked:
            connection.sendall(b"0\r\n\r\n")
    except OSError:  # whoever asked has hung up
        return False
    return answer.chunked
