"""What a call asks of a server, apart from how it is sent: nothing here waits or awaits.

A call is a generator that yields each `Request`, is sent its `Reply`, and returns its value. `Client` runs it in the
caller's thread, `AsyncClient` on the event loop: each call is written once, and `call` gives it both faces.
"""

import inspect
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial, wraps
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    get_args,
    get_type_hints,
    overload,
)
from urllib.parse import quote, urlencode

from ithaca.errors import Described, InvalidArgument

if TYPE_CHECKING:
    from ithaca.client.awaiting import Awaiting
    from ithaca.client.waiting import Waiting

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

JSON = "application/json"
JSON_LINES = "application/jsonl"

#: Characters that servers take in an address.
LONGEST_QUERY = 60_000

#: Bytes to send, or where they come from as they are sent.
Sent: TypeAlias = bytes | BinaryIO | Iterable[bytes] | AsyncIterable[bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the server, below its address."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: Sent = b""
    #: Whether it may be sent again when nobody knows what became of it.
    repeatable: bool = False
    #: Seconds without a byte of the answer after which nobody waits any more, if not the client's.
    dead_after: float | None = None


#: Like every request of a stream.
REPEATABLE = Request("GET", "", repeatable=True)


@dataclass(frozen=True)
class Reply:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def value(self) -> Any:
        """What its JSON says."""
        return json.loads(self.body)


#: A call under way: it yields requests, is sent replies that are no problems, and returns its value.
Asking: TypeAlias = Generator[Request, Reply, T]


class Stream(Protocol[T_co]):
    """Something long that is read as it comes."""

    def request(self) -> Request | None:
        """What to ask for next, from where it has got; None if that was all."""

    def take(self, piece: bytes) -> Iterable[T_co]:
        """What is complete with this piece of the body."""

    def ended(self) -> float:
        """The body is complete: seconds until the next request, if there is one."""


def at(*segments: str) -> str:
    """A path under `/api`, of segments that may hold any text."""
    return "/api/" + "/".join(map(_segment, segments))


def _segment(text: str) -> str:
    # Dots alone would be taken for a step upward; the colon is that of an action.
    return quote(text, safe=":") if text.strip(".") else "%2E" * len(text)


def with_query(path: str, asked: Mapping[str, Any]) -> str:
    """The path with a query; what is None is left out, and a list is given item by item."""
    given = {name: _plain(value) for name, value in asked.items() if value is not None}
    query = urlencode(given, doseq=True, errors="surrogatepass")
    if len(query) > LONGEST_QUERY:
        size, longest = max((len(str(value)), name) for name, value in given.items())
        raise InvalidArgument(longest, Described(f"{size} characters"), "short enough for an address")
    return f"{path}?{query}" if given else path


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else value


def written(value: Any) -> bytes:
    """The value as JSON."""
    return _encode(value).encode()


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class _Faced:
    """Something written once that has a face on each kind of client, made when it is first looked at."""

    def __init__(self, written: Callable[..., Any]) -> None:
        self._written = written
        self._faces: dict[type, Callable[..., Any]] = {}
        self.__doc__ = written.__doc__

    def __get__(self, client: Any, kind: Any = None) -> Any:
        kind = kind or type(client)
        face = self._faces.get(kind)
        if face is None:
            face = self._faces[kind] = wraps(self._written)(self._face(kind.awaits))
            _say_what_is_returned(face, self._returns(kind.awaits))
        return face if client is None else partial(face, client)

    def _face(self, awaits: bool) -> Callable[..., Any]:
        raise NotImplementedError

    def _returns(self, awaits: bool) -> Any:
        raise NotImplementedError


def _say_what_is_returned(face: Any, returned: Any) -> None:
    face.__annotations__ = face.__annotations__ | {"return": returned}
    face.__signature__ = inspect.signature(face).replace(return_annotation=returned)


class call(_Faced, Generic[P, T]):
    """Makes a method of a generator over requests: one that waits, or one to be awaited."""

    def __init__(self, ask: Callable[Concatenate[Any, P], Asking[T]]) -> None:
        super().__init__(ask)

    @overload
    def __get__(self, client: "Waiting", kind: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: "Awaiting", kind: Any = None) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, client: None, kind: Any) -> Callable[..., Any]: ...
    def __get__(self, client: Any, kind: Any = None) -> Any:
        return super().__get__(client, kind)

    def _face(self, awaits: bool) -> Callable[..., Any]:
        ask = self._written
        if not awaits:
            return lambda client, *args, **kwargs: client._run(ask(client, *args, **kwargs))

        async def awaited(client: Any, *args: Any, **kwargs: Any) -> Any:
            return await client._run(ask(client, *args, **kwargs))

        return awaited

    def _returns(self, awaits: bool) -> Any:
        return get_args(get_type_hints(self._written)["return"])[2]


class stream(_Faced, Generic[P, T]):
    """Makes a method of what describes a `Stream`: an iterator on a `Client`, an async one on an `AsyncClient`."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Stream[T]]) -> None:
        super().__init__(describe)

    @overload
    def __get__(self, client: "Waiting", kind: Any = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: "Awaiting", kind: Any = None) -> Callable[P, AsyncIterator[T]]: ...
    @overload
    def __get__(self, client: None, kind: Any) -> Callable[..., Any]: ...
    def __get__(self, client: Any, kind: Any = None) -> Any:
        return super().__get__(client, kind)

    def _face(self, awaits: bool) -> Callable[..., Any]:
        describe = self._written
        return lambda client, *args, **kwargs: client._stream(describe(client, *args, **kwargs))

    def _returns(self, awaits: bool) -> Any:
        item = self._item(get_type_hints(self._written)["return"])
        return (AsyncIterator if awaits else Iterator)[item]

    def _item(self, hint: Any) -> Any:
        return get_args(hint)[0]


class begun(stream[P, T]):
    """Makes a method of a generator over requests that returns a `Stream`, to be read when they are answered.

    On a `Client` it begins with the call; on an `AsyncClient`, when the first item is asked for.
    """

    def __init__(self, ask: Callable[Concatenate[Any, P], Asking[Stream[T]]]) -> None:
        super().__init__(ask)  # type: ignore[arg-type]

    def _face(self, awaits: bool) -> Callable[..., Any]:
        ask = self._written
        if not awaits:
            return lambda client, *args, **kwargs: client._stream(client._run(ask(client, *args, **kwargs)))

        async def awaited(client: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async for item in client._stream(await client._run(ask(client, *args, **kwargs))):
                yield item

        return awaited

    def _item(self, hint: Any) -> Any:
        return get_args(get_args(hint)[2])[0]
