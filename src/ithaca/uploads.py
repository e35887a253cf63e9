"""Bytes on their way in, piece by piece: regrouped into chunks, counted, hashed, and checked, in constant memory."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ParamSpec, TypeVar

from ithaca.attached import Attached, Place
from ithaca.config import Limits
from ithaca.content import new_id
from ithaca.digests import sha256
from ithaca.errors import Described, InvalidArgument
from ithaca.media_types import HEAD, contradiction, plain_media_type

P = ParamSpec("P")
T = TypeVar("T")

#: Bytes that are taken from a file at a time.
PIECE = 1024 * 1024

#: Chunks that are stored in one transaction; what has no more is stored whole.
CHUNKS_AT_ONCE = 4


class Upload:
    """What was taken in of something whose end is not known yet."""

    def __init__(self, media_type: str, limits: Limits, chunk_size: int) -> None:
        self.id = new_id()
        self.media_type = media_type
        self.size = 0
        #: How many chunks were handed on.
        self.stored = 0
        self._limit = limits.max_attachment_bytes
        self._chunk_size = chunk_size
        self._hash = sha256()
        self._pending = bytearray()

    @property
    def columns(self) -> dict[str, Any]:
        return {"id": self.id, "media_type": self.media_type}

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def known_digest(self, data: object) -> str | None:
        """The digest of what is at hand as a whole, which may be stored already; None for anything else."""
        if not isinstance(data, bytes):
            return None
        self._check_size(len(data))
        self._check_media_type(data[:HEAD])
        return sha256(data).hexdigest()

    def take(self, piece: object) -> list[bytes]:
        """The chunks to store now; none until there are enough for a transaction.

        Raises `InvalidArgument` for what is not bytes, is too much, or is not of the media type.
        """
        piece = _bytes_like(piece)
        self._pending += piece
        self._hash.update(piece)
        before, self.size = self.size, self.size + memoryview(piece).nbytes
        self._check_size(self.size)
        if before < HEAD <= self.size:
            self._check_media_type(bytes(self._pending[:HEAD]))
        enough = CHUNKS_AT_ONCE * self._chunk_size
        return self._chunks(whole_only=True) if len(self._pending) > enough else []

    def end(self) -> list[bytes]:
        """The rest, when all was taken."""
        if self.size < HEAD:
            self._check_media_type(bytes(self._pending))
        return self._chunks(whole_only=False)

    def whole(self, chunks: list[bytes]) -> Attached:
        """All of it, if nothing was handed on before."""
        place = Place([], self.digest, self.size, self.media_type, "bytes", "")
        return Attached.of([place], {self.digest: b"".join(chunks)})

    def _chunks(self, *, whole_only: bool) -> list[bytes]:
        end = len(self._pending) // self._chunk_size * self._chunk_size if whole_only else len(self._pending)
        chunks = [bytes(self._pending[at : at + self._chunk_size]) for at in range(0, end, self._chunk_size)]
        del self._pending[:end]
        return chunks

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise InvalidArgument("data", Described(f"more than {self._limit} bytes"), f"at most {self._limit} bytes")

    def _check_media_type(self, head: bytes) -> None:
        plain = plain_media_type(self.media_type)
        if plain and (actual := contradiction(plain, head)):
            raise InvalidArgument("media_type", self.media_type, f"that of the bytes, which are {actual}")


def is_file(data: object) -> bool:
    """Whether it is read like a file."""
    return callable(getattr(data, "read", None))


def pieces(data: Any) -> Iterator[object]:
    """What was given to be stored, in pieces: bytes as they are, a file as it is read, or what comes out of it."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        whole = memoryview(data).cast("B")
        yield from (whole[at : at + PIECE] for at in range(0, len(whole), PIECE))
    elif is_file(data):
        while piece := data.read(PIECE):
            yield piece
    elif hasattr(data, "__iter__") and not isinstance(data, str):
        yield from data
    else:
        raise InvalidArgument("data", Described(f"a {type(data).__name__}"), "bytes, a file, or pieces of bytes")


def bytes_of(data: Any) -> Iterator[bytes]:
    """As `pieces`, checked to be bytes."""
    return (bytes(_bytes_like(piece)) for piece in pieces(data))


def _bytes_like(piece: object) -> bytes | bytearray | memoryview:
    if not isinstance(piece, (bytes, bytearray, memoryview)):
        raise InvalidArgument("data", Described(f"pieces of {type(piece).__name__}"), "bytes, or pieces of bytes")
    return piece


async def async_pieces(data: Any) -> AsyncIterator[object]:
    """As `pieces`, of what comes asynchronously too; a file is read in a thread."""
    if hasattr(data, "__aiter__"):
        async for piece in data:
            yield piece
    elif is_file(data):
        while piece := await in_thread(data.read, PIECE):
            yield piece
    else:
        for piece in pieces(data):
            yield piece


async def async_bytes_of(data: Any) -> AsyncIterator[bytes]:
    """As `async_pieces`, checked to be bytes."""
    async for piece in async_pieces(data):
        yield bytes(_bytes_like(piece))


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a call returns that the event loop must not wait for. Who is not on one doesn't import asyncio."""
    from asyncio import to_thread

    return await to_thread(call, *args, **kwargs)
