"""The calls about attachments."""

from collections.abc import AsyncIterable, Iterable
from typing import BinaryIO

from ithaca.attached import Attachment, Collected
from ithaca.client import values
from ithaca.client.asking import Asking, Request, Stream, at, call, stream
from ithaca.client.base import Calls
from ithaca.content import MOST
from ithaca.models import Page

#: Bytes that `read_attachment` gives at a time, at most.
PIECE = 1024 * 1024


class Attachments(Calls):
    """The calls about attachments."""

    @call
    def put_attachment(
        self,
        data: bytes | BinaryIO | Iterable[bytes] | AsyncIterable[bytes],
        media_type: str,
        *,
        owner: str | None = None,
    ) -> Asking[Attachment]:
        """Stores bytes, a file's content, or pieces as they come, in constant memory; the same bytes once."""
        self._door.owner(owner)
        headers = self._headers(owner) | {"Content-Type": self._door.media_type(media_type)}
        # The same bytes are stored once; only what is at hand as a whole can be sent again.
        request = Request("POST", at("attachments"), headers, data, repeatable=isinstance(data, bytes))
        return values.attachment((yield request).value)

    @call
    def get_attachment(self, digest: str, *, owner: str | None = None) -> Asking[Attachment]:
        """What is known of an attachment, by its digest or a reference; `read_attachment` gives its bytes."""
        _, named = self._door.attachment(owner, digest)
        return values.attachment((yield self._get(at("attachments", named, "info"), owner=owner)).value)

    @stream
    def read_attachment(
        self, digest: str, *, start: int = 0, stop: int | None = None, owner: str | None = None
    ) -> Stream[bytes]:
        """The bytes from `start` up to `stop`, or to the end, in pieces of at most 1 MiB, in constant memory."""
        _, named = self._door.attachment(owner, digest)
        return Bytes(at("attachments", named), self._headers(owner), *self._door.span(start, stop))

    @call
    def list_attachments(
        self,
        session_id: str | None = None,
        *,
        owner: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Asking[Page[Attachment]]:
        """A page of attachments, the last stored first: all, an owner's, or those that a session refers to."""
        door = self._door
        id = None if session_id is None else door.session_id(session_id)
        door.whose(owner)
        asked = {"session_id": id, "cursor": door.cursor(cursor), "limit": door.page(limit)}
        return values.page(values.attachment)((yield from self._listed("attachments", asked, owner)))

    @call
    def collect_attachments(self, *, min_age_hours: float = 24, dry_run: bool = False) -> Asking[Collected]:
        """Removes attachments that no message refers to, in the trash neither, and that were not used for that time."""
        self._door.since(min_age_hours)
        body = {"min_age_hours": min_age_hours, "dry_run": self._door.dry_run(dry_run)}
        return Collected(**(yield self._post(self._over_all("attachments:collect"), body)).value)


class Bytes:
    """The bytes of an attachment; where they are cut off, it goes on behind the last one that came."""

    def __init__(self, path: str, headers: dict[str, str], start: int, stop: int) -> None:
        self._path = path
        self._headers = headers | {"Accept-Encoding": "identity"}  # a range is of the bytes as they are
        self._at = start
        self._stop = stop
        self._ended = False

    def request(self) -> Request | None:
        if self._ended:
            return None
        if self._at >= self._stop:  # no range says that; but whether it is there shall be known
            return Request("GET", f"{self._path}/info", self._headers, repeatable=True)
        last = "" if self._stop == MOST else self._stop - 1
        return Request("GET", self._path, self._headers | {"Range": f"bytes={self._at}-{last}"}, repeatable=True)

    def take(self, piece: bytes) -> Iterable[bytes]:
        if self._at >= self._stop:
            return
        self._at += len(piece)
        yield from (piece[first : first + PIECE] for first in range(0, len(piece), PIECE))

    def ended(self) -> float:
        self._ended = True
        return 0
