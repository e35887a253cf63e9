"""Answers of models, and what came of them."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from ithaca import Reply, ReplyEvent, Session, SessionManager
from tests.support.model_server import ModelServer, Part, event, said

#: What a model says: characters of one to four bytes, and a line break.
WORDS = ("Tell me, ", "O Muse, ", "of that ingenious hero\n", "— πολύτροπον, ", "世界 ", "🏛", " who travelled far.")
ALL = "".join(WORDS)


def make_asked(manager: SessionManager, model: ModelServer, **fields: Any) -> Session:
    """A session that the model answers."""
    return manager.create_session(**{"name": "Trip", "endpoint_url": model.url, "model": "muse"} | fields)


def speak(model: ModelServer, *parts: Part) -> None:
    """The next request gets these events."""
    model.answer(*parts, content_type="text/event-stream")


def call_parts(index: int, name: str, *arguments: str, id: str | None = "c1") -> list[bytes]:
    """The events of a tool call, whose arguments come in parts."""
    first = {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [{"index": index, "function": {"arguments": part}} for part in arguments]
    return [event(delta={"tool_calls": [call]}) for call in (first, *rest)]


class Held:
    """An answer that stops in its midst until the test lets it go on."""

    def __init__(self, model: ModelServer, *parts: Part, after: int = 3) -> None:
        self._gate = threading.Event()
        parts = parts or tuple(said(*WORDS, usage=(12, 7)))
        speak(model, *parts[:after], self._gate, *parts[after:])

    def go_on(self) -> None:
        self._gate.set()


def last(events: Iterable[ReplyEvent]) -> Reply:
    """How a reply ended."""
    *_, end = events
    assert end.kind == "end"
    assert end.reply is not None
    return end.reply


def text(events: Iterable[ReplyEvent]) -> str:
    return "".join(event.text for event in events if event.kind == "text")


def wait_until(true: Callable[[], object], seconds: float = 20) -> None:
    """Returns when it is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def wait_for_size(manager: SessionManager, reply: Reply, size: int) -> None:
    """Returns when so much of a reply is stored."""
    wait_until(lambda: manager.get_reply(reply.id).size >= size)
