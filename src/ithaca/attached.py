"""Attachments: the binary parts of messages, which lie beside them, and what stands in their places.

A message's column `attachments` says which places of its blocks lie elsewhere, and that column alone decides:
content is never looked at to find out. It is a JSON list of `Place`, and in the blocks each place holds "".
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import reduce
from operator import getitem
from typing import Any, Literal, NamedTuple, TypeAlias

from ithaca.columns import Plain, from_json, iso, to_json
from ithaca.errors import AttachmentNotFound, Described, InvalidArgument
from ithaca.media_types import is_media_type

#: How bytes stand in a content: as base64 in a text, or as they are.
Form: TypeAlias = Literal["base64", "bytes"]

#: What the text of a reference begins with.
SCHEME = "ithaca:sha256:"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FORMS = ("base64", "bytes")


def is_digest(text: object) -> bool:
    """Whether it is a SHA-256 digest as it is written here: 64 hexadecimal digits, in lower case."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


class AttachmentReference(str):
    """Stands in a message's content for bytes that were not read along: `ithaca:sha256:…`.

    It is a text, so JSON shows it. Given back within a message, it refers to the same attachment: its type says so,
    a plain text of the same characters is a text. `prefix` is what comes before base64, as `data:image/png;base64,`;
    if it is None, the place decides where the reference is put.
    """

    __slots__ = ("digest", "form", "media_type", "prefix", "size")

    #: SHA-256, in hexadecimal.
    digest: str
    media_type: str
    #: In bytes.
    size: int
    prefix: str | None
    form: Form

    def __new__(
        cls, digest: str, media_type: str, size: int, prefix: str | None = None, form: Form = "base64"
    ) -> "AttachmentReference":
        if not is_digest(digest):
            raise InvalidArgument("digest", digest, "a SHA-256 digest in hexadecimal")
        if not is_media_type(media_type):
            raise InvalidArgument("media_type", media_type, "a media type, as image/png")
        if type(size) is not int or size < 0:
            raise InvalidArgument("size", size, "a number of bytes")
        if not isinstance(prefix, (str, type(None))):
            raise InvalidArgument("prefix", prefix, "a text, or None")
        if form not in _FORMS:
            raise InvalidArgument("form", form, f"one of {', '.join(_FORMS)}")
        self = super().__new__(cls, SCHEME + digest)
        self.digest, self.media_type, self.size, self.prefix, self.form = digest, media_type, size, prefix, form
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return AttachmentReference, (self.digest, self.media_type, self.size, self.prefix, self.form)


@dataclass(frozen=True, slots=True)
class Attachment:
    """Bytes that are kept once for an owner, however many messages refer to them."""

    owner: str
    #: SHA-256, in hexadecimal: its name.
    digest: str
    media_type: str
    #: In bytes.
    size: int
    #: When it was last stored, or referred to by a new message.
    used_at: datetime

    @property
    def reference(self) -> AttachmentReference:
        """What to put into a message's content in place of the bytes."""
        return AttachmentReference(self.digest, self.media_type, self.size)

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it."""
        return asdict(self) | {"used_at": iso(self.used_at)}


@dataclass(frozen=True, slots=True)
class Collected(Plain):
    """How many attachments were removed, and their bytes."""

    count: int = 0
    bytes: int = 0

    def __add__(self, other: "Collected") -> "Collected":
        return Collected(self.count + other.count, self.bytes + other.bytes)


class Place(NamedTuple):
    """A place in the blocks of a message, and what belongs there."""

    #: Keys and indexes, from the list of blocks inward.
    path: list[str | int]
    digest: str
    size: int
    media_type: str
    form: Form
    prefix: str

    @property
    def reference(self) -> AttachmentReference:
        return AttachmentReference(self.digest, self.media_type, self.size, self.prefix, self.form)

    @property
    def meaning(self) -> str:
        """What its author decided, to be compared."""
        return to_json([self.path, self.digest, self.form, self.prefix])

    def filled(self, data: Mapping[str, bytes | None]) -> Any:
        """What stood there. None for the bytes: a reference did."""
        found = data.get(self.digest, b"" if self.size == 0 else _MISSING)
        if found is None:
            return self.reference
        if not isinstance(found, bytes):
            raise AttachmentNotFound(self.digest)
        return found if self.form == "bytes" else self.prefix + base64_of(found)


_MISSING = object()


class Attached(str):
    """The column `attachments` of a message whose bytes are at hand."""

    __slots__ = ("data",)

    #: By digest; None where only a reference was given.
    data: Mapping[str, bytes | None]

    @property
    def size(self) -> int:
        """How many bytes are at hand."""
        return sum(len(data) for data in self.data.values() if data is not None)

    @classmethod
    def of(cls, places: Iterable[Place], data: Mapping[str, bytes | None]) -> "Attached":
        return cls.with_bytes(to_json(list(places)), data)

    @classmethod
    def with_bytes(cls, column: str, data: Mapping[str, bytes | None]) -> "Attached":
        self = cls(column)
        self.data = data
        return self


def places_of(column: str | None) -> list[Place]:
    """The places that the column `attachments` names."""
    return [] if column is None else [Place(*place) for place in from_json(column)]


def put_back(blocks: list[Any], column: str) -> list[Any]:
    """The blocks with what belongs in their empty places: what stood there, or references if it isn't at hand.

    Raises `AttachmentNotFound` if the bytes were lost.
    """
    data = column.data if isinstance(column, Attached) else None
    for place in places_of(column):
        *way, last = place.path
        holder: Any = reduce(getitem, way, blocks)  # type: ignore[arg-type]
        holder[last] = place.reference if data is None else place.filled(data)
    return blocks


def without_bytes(value: Any) -> Any:
    """The value as JSON can hold it: bytes as base64."""
    if isinstance(value, dict):
        return {key: without_bytes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_bytes(item) for item in value]
    return base64_of(value) if isinstance(value, bytes) else value


def base64_of(data: bytes) -> str:
    """The bytes in base64 (RFC 4648, 4)."""
    from pybase64 import b64encode_as_string

    return b64encode_as_string(data)


def digest_in(value: object) -> str:
    """The digest that somebody names: itself, or a reference, or the text of one."""
    if isinstance(value, AttachmentReference):
        return value.digest
    if not isinstance(value, str):
        raise InvalidArgument("digest", Described(f"a {type(value).__name__}"), "a text")
    digest = value.removeprefix(SCHEME)
    if not is_digest(digest):
        raise AttachmentNotFound(value)
    return digest
