"""What goes out: JSON as the library writes it, with nothing checked a second time.

The values are the library's own (`to_dict`), so validating them against a schema again would only cost. pydantic's
JSON is three times as quick as the standard library's, and like it keeps whole numbers of more than 64 bits.
"""

import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from pydantic_core import PydanticSerializationError, to_json

from ithaca.service.preferences import BY_ACCEPT, wants
from ithaca.service.wire.shapes import plain_json

JSON = "application/json"
JSON_LINES = "application/jsonl"

#: Bytes of lines that are sent together.
PIECE = 64 * 1024

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


#: What pydantic calls numbers that JSON doesn't have; in a text, they are nothing.
_NO_NUMBERS = (b"NaN", b"Infinity")


def written(value: Any) -> bytes:
    """The value as JSON. Half a character, which no stored text holds but a question may, is written as its number."""
    try:
        text = to_json(value)
    except PydanticSerializationError:  # half a character, or nested deeper than it goes
        return _carefully(value)
    return _carefully(value) if any(each in text for each in _NO_NUMBERS) else text


def _carefully(value: Any) -> bytes:
    """As the standard library writes it. Raises `ValueError` for what is no number."""
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that can be kept and given again."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str | None) -> Self:
        """JSON; a header's name is written with `_` for `-`, and one that is None is left out."""
        given = {name.replace("_", "-"): text for name, text in headers.items() if text is not None}
        return cls(written(value), status, {"content-type": JSON} | given)

    @classmethod
    def plain(cls, value: Any) -> Self:
        """JSON of a value of the library's that has no secrets and no bytes."""
        return cls.of(plain_json(value))

    def having(self, **headers: str) -> Self:
        """The same answer with these headers, unless it has them."""
        more = {name.replace("_", "-"): text for name, text in headers.items()}
        return replace(self, headers={**more, **self.headers})

    @property
    def value(self) -> Any:
        """What its JSON says."""
        return json.loads(self.body)

    def response(self, **more: str) -> Response:
        return Response(self.body, self.status, {**self.headers, **more})

    def kept(self) -> bytes:
        """What `again` makes the same answer of."""
        return written([self.status, dict(self.headers)]) + b"\n" + self.body

    @classmethod
    def again(cls, kept: bytes) -> Self:
        head, _, body = kept.partition(b"\n")
        status, headers = json.loads(head)
        return cls(body, status, headers)


NO_CONTENT = Answer(b"", 204)


def accepts_lines(request: Request) -> bool:
    """Whether who asks wants JSON Lines."""
    return wants(request, JSON_LINES)


async def json_lines(values: AsyncIterable[Any], as_json: Callable[[Any], Any]) -> StreamingResponse:
    """A line for each value, sent as they come: no more of them are in memory than fit into a piece.

    The first are asked for before the response begins, so that what isn't there is a problem response.
    """
    pieces = _pieces(values, as_json)
    first = await anext(pieces, b"")
    return StreamingResponse(_all(first, pieces), headers=BY_ACCEPT, media_type=JSON_LINES)


async def _all(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


async def _pieces(values: AsyncIterable[Any], as_json: Callable[[Any], Any]) -> AsyncIterator[bytes]:
    lines, size = [], 0
    async for value in values:
        lines.append(written(as_json(value)))
        size += len(lines[-1])
        if size > PIECE:
            yield b"\n".join((*lines, b""))
            lines, size = [], 0
    if lines:
        yield b"\n".join((*lines, b""))
