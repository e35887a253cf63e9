"""Images of 1 MB in messages."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import TypeVar

import psycopg
import pybase64

from benchmarks import floor_sqlite, given
from benchmarks.bench import Bench
from benchmarks.floor_sqlite import Transaction
from benchmarks.measuring import Outcome, Timed, at_most
from ithaca import ChatMessage, SessionManager

T = TypeVar("T")

#: All of an image but its last 19 bytes: whole groups of three, so that its base64 can be continued.
_START = (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4_000)[:999_981]
_START_BASE64 = base64.b64encode(_START).decode()


def image(number: int) -> bytes:
    """An image of 1 MB unlike that of any other number."""
    return _START + number.to_bytes(19, "big")


def image_url(number: int) -> str:
    """The same as a data URL, made without encoding it all anew."""
    return f"data:image/png;base64,{_START_BASE64}{base64.b64encode(number.to_bytes(19, 'big')).decode()}"


def of_bytes(number: int) -> ChatMessage:
    return ChatMessage("user", [{"type": "image", "media_type": "image/png", "data": image(number)}], given.METADATA)


def of_url(number: int) -> ChatMessage:
    return ChatMessage("user", [{"type": "image_url", "image_url": {"url": image_url(number)}}], given.METADATA)


def decoded(number: int) -> bytes:
    """What the floor makes of a data URL."""
    return pybase64.b64decode(image_url(number).partition(",")[2], validate=True)


def attach_1mb(bench: Bench) -> Iterator[Outcome]:
    """A message with an image of 1 MB, new or stored already, as bytes or as a data URL, over hashing and writing one.

    The floor always writes a new image; where ours gets a data URL, the floor decodes one.
    """
    yield from _attachments(bench, "SQLite", bench.path("images"), SQLiteImages(bench.path("images-floor")))
    create = bench.postgres.create_database
    yield from _attachments(bench, "PostgreSQL", create(), PostgresImages(create()))


class SQLiteImages:
    """The floor: images by their digest, and messages that name one."""

    def __init__(self, path: str) -> None:
        self.db = floor_sqlite.connect(path)
        self.db.execute(
            "PRAGMA journal_mode = WAL; CREATE TABLE images (digest BLOB PRIMARY KEY, data BLOB);"
            "CREATE TABLE messages (seq INTEGER PRIMARY KEY, digest BLOB, metadata TEXT)"
        ).fetchall()

    def add(self, data: bytes) -> None:
        digest = hashlib.sha256(data).digest()
        with Transaction(self.db):
            self.db.execute("INSERT INTO images VALUES (?, ?)", (digest, data))
            self.db.execute("INSERT INTO messages (digest, metadata) VALUES (?, ?)", (digest, given.METADATA_JSON))

    def close(self) -> None:
        self.db.close()


class PostgresImages:
    """The same on PostgreSQL, in one statement."""

    def __init__(self, url: str) -> None:
        self.db = psycopg.connect(url, autocommit=True)
        self.db.execute(
            "CREATE TABLE images (digest BYTEA PRIMARY KEY, data BYTEA);"
            "CREATE TABLE messages (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, digest BYTEA, metadata TEXT)"
        )

    def add(self, data: bytes) -> None:
        digest = hashlib.sha256(data).digest()
        self.db.execute(
            "WITH image AS (INSERT INTO images VALUES (%b, %b) RETURNING digest)"
            "INSERT INTO messages (digest, metadata) SELECT digest, %s FROM image",
            (digest, data, given.METADATA_JSON),
            prepare=True,
        )

    def close(self) -> None:
        self.db.close()


def _attachments(bench: Bench, case: str, ours: str, floor: SQLiteImages | PostgresImages) -> Iterator[Outcome]:
    with SessionManager(ours) as manager:
        session = manager.create_session()
        for form, message, taken in _FORMS:
            add = partial(manager.add_message, session.id)
            new, stored = _attached(add, message), _attached(add, message, stored=True)
            least = _attached(floor.add, taken)
            yield from bench.compare(f"{case}, {form}, new", new, least, at_most(1.3))
            yield from bench.compare(f"{case}, {form}, stored", stored, least, at_most(0.3))
    floor.close()


_FORMS: tuple[tuple[str, Callable[[int], ChatMessage], Callable[[int], bytes]], ...] = (
    ("bytes", of_bytes, image),
    ("data URL", of_url, decoded),
)
_numbers = count(1)


def _attached(add: Callable[[T], object], make: Callable[[int], T], *, stored: bool = False) -> Timed:
    """Adds what is made of a number: always another one, or one that was added before."""
    return Timed(lambda: add(make(0 if stored else next(_numbers))))
