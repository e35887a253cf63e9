"""The calls about attachments."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from ithaca.attached import Attachment, Collected
from ithaca.errors import AttachmentNotFound
from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.models import Page
from ithaca.operations import attachments
from ithaca.operations.attachments import CHUNK, FOUND_AT_ONCE, REMOVED_AT_ONCE
from ithaca.storage.protocol import Storage
from ithaca.uploads import Upload, async_pieces, in_thread, pieces

if TYPE_CHECKING:
    from ithaca.manager.opening import OpenedWhenUsed

#: What can be stored: bytes, a file that is open for reading bytes, or pieces of bytes.
Bytes: TypeAlias = bytes | BinaryIO | Iterable[bytes]


class Attachments(Base):
    """The calls about attachments."""

    def put_attachment(self, data: Bytes, media_type: str, *, owner: str | None = None) -> Attachment:
        """Stores bytes, a file's content, or pieces as they come, in constant memory; the same bytes are stored once.

        Nobody finds it before it is complete. Put its `reference` into a message's content, unless the session is
        incognito: for that one give the bytes in the message. What nothing refers to is collected in time. Raises
        `InvalidArgument` if it is too large, or clearly not of the media type.
        """
        door = self._door
        owner = door.owner(owner)
        upload = Upload(door.media_type(media_type), door.scope.limits, CHUNK)
        if digest := upload.known_digest(data):
            known = self._storage.write(attachments.reuse, door.scope, owner, digest)
            if known is not None:
                return known
        try:
            for piece in pieces(data):
                self._take(owner, upload, upload.take(piece))
            rest = upload.end()
            if not upload.stored:
                return self._storage.write(attachments.put, door.scope, owner, upload.whole(rest))
            self._take(owner, upload, rest)
            named = (upload.id, upload.digest, upload.size)
            return self._storage.write(attachments.finish, door.scope, owner, *named)
        except BaseException:
            if upload.stored:
                self._storage.write(attachments.abandon, door.scope, owner, upload.id)
            raise

    def _take(self, owner: str, upload: Upload, chunks: list[bytes]) -> None:
        if chunks:
            first, upload.stored = upload.stored, upload.stored + len(chunks)
            self._storage.write(attachments.add_chunks, self._door.scope, owner, upload.columns, first, chunks)

    def get_attachment(self, digest: str, *, owner: str | None = None) -> Attachment:
        """What is known of an attachment, by its digest or a reference; `read_attachment` gives its bytes.

        A manager that is not confined to an owner needs one if several have the same bytes. Raises
        `AttachmentNotFound`, `AmbiguousId`.
        """
        door = self._door
        named = door.attachment(owner, digest)
        storage = self._with_attachment(named)
        return storage.read(attachments.get, door.scope, *named)

    def read_attachment(
        self, digest: str, *, start: int = 0, stop: int | None = None, owner: str | None = None
    ) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, or to the end, in pieces of at most 1 MiB, in constant memory.

        Raises `AttachmentNotFound`, `AmbiguousId` when it begins, `InvalidArgument` at the call.
        """
        door = self._door
        named, (start, stop) = door.attachment(owner, digest), door.span(start, stop)
        return self._read(named, start, stop)

    def _with_attachment(self, named: tuple[str | None, str]) -> Storage:
        """Where an attachment is: stored, or else in memory, if an incognito session ever was."""
        if self._incognito.used:
            try:
                self._storage.read(attachments.get, self._door.scope, *named)
            except AttachmentNotFound:
                return self._incognito
        return self._storage

    def _read(self, named: tuple[str | None, str], start: int, stop: int) -> Iterator[bytes]:
        storage = self._with_attachment(named)
        found = storage.read(attachments.get, self._door.scope, *named)
        for number, part in spans(start, min(stop, found.size)):
            place = (found.owner, found.digest, number)
            yield storage.read(attachments.chunk, self._door.scope, *place)[part]

    def list_attachments(
        self,
        session_id: str | None = None,
        *,
        owner: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Attachment]:
        """A page of attachments, the last stored first: all, an owner's, or those that a session refers to.

        Raises `SessionNotFound`.
        """
        door = self._door
        id = None if session_id is None else door.session_id(session_id)
        whose = door.whose(owner)
        storage = self._storage if id is None else self._at(id, whose)
        return storage.read(attachments.page, door.scope, whose, id, door.cursor(cursor), door.page(limit))

    def collect_attachments(self, *, min_age_hours: float = 24, dry_run: bool = False) -> Collected:
        """Removes attachments that no message refers to, in the trash neither, and that were not used for that time.

        Returns their count and their bytes; with `dry_run`, those of what would be removed. In batches, so that
        nobody waits for long; a message that refers to one of them meanwhile keeps it.
        """
        door = self._door
        before, after, collected = door.since(min_age_hours), None, Collected()
        dry_run = door.dry_run(dry_run)
        while True:
            found = self._storage.read(attachments.unused, door.scope, door.whose(None), before, after)
            for batch in batches(found):
                removed = planned(batch) if dry_run else self._storage.write(attachments.remove, door.scope, batch)
                collected += removed
            if len(found) < FOUND_AT_ONCE:
                return collected
            after = found[-1]


@documented_by(Attachments)
class AsyncAttachments(AsyncBase):
    """The calls about attachments."""

    async def put_attachment(
        self, data: Bytes | AsyncIterable[bytes], media_type: str, *, owner: str | None = None
    ) -> Attachment:
        door = self._door
        owner = door.owner(owner)
        upload = Upload(door.media_type(media_type), door.scope.limits, CHUNK)
        if digest := await in_thread(upload.known_digest, data):
            known = await self._storage.write(attachments.reuse, door.scope, owner, digest)
            if known is not None:
                return known
        try:
            async for piece in async_pieces(data):
                await self._take(owner, upload, await in_thread(upload.take, piece))
            rest = upload.end()
            if not upload.stored:
                return await self._storage.write(attachments.put, door.scope, owner, upload.whole(rest))
            await self._take(owner, upload, rest)
            named = (upload.id, upload.digest, upload.size)
            return await self._storage.write(attachments.finish, door.scope, owner, *named)
        except BaseException:
            if upload.stored:
                await self._storage.write(attachments.abandon, door.scope, owner, upload.id)
            raise

    async def _take(self, owner: str, upload: Upload, chunks: list[bytes]) -> None:
        if chunks:
            first, upload.stored = upload.stored, upload.stored + len(chunks)
            await self._storage.write(attachments.add_chunks, self._door.scope, owner, upload.columns, first, chunks)

    async def get_attachment(self, digest: str, *, owner: str | None = None) -> Attachment:
        door = self._door
        named = door.attachment(owner, digest)
        storage = await self._with_attachment(named)
        return await storage.read(attachments.get, door.scope, *named)

    def read_attachment(
        self, digest: str, *, start: int = 0, stop: int | None = None, owner: str | None = None
    ) -> AsyncIterator[bytes]:
        door = self._door
        named, (start, stop) = door.attachment(owner, digest), door.span(start, stop)
        return self._read(named, start, stop)

    async def _with_attachment(self, named: tuple[str | None, str]) -> "OpenedWhenUsed":
        if self._incognito.used:
            try:
                await self._storage.read(attachments.get, self._door.scope, *named)
            except AttachmentNotFound:
                return self._incognito
        return self._storage

    async def _read(self, named: tuple[str | None, str], start: int, stop: int) -> AsyncIterator[bytes]:
        storage = await self._with_attachment(named)
        found = await storage.read(attachments.get, self._door.scope, *named)
        for number, part in spans(start, min(stop, found.size)):
            place = (found.owner, found.digest, number)
            yield (await storage.read(attachments.chunk, self._door.scope, *place))[part]

    async def list_attachments(
        self,
        session_id: str | None = None,
        *,
        owner: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Attachment]:
        door = self._door
        id = None if session_id is None else door.session_id(session_id)
        whose = door.whose(owner)
        storage = self._storage if id is None else self._at(id, whose)
        return await storage.read(attachments.page, door.scope, whose, id, door.cursor(cursor), door.page(limit))

    async def collect_attachments(self, *, min_age_hours: float = 24, dry_run: bool = False) -> Collected:
        door = self._door
        before, after, collected = door.since(min_age_hours), None, Collected()
        dry_run = door.dry_run(dry_run)
        while True:
            found = await self._storage.read(attachments.unused, door.scope, door.whose(None), before, after)
            for batch in batches(found):
                removed = planned(batch)
                if not dry_run:
                    removed = await self._storage.write(attachments.remove, door.scope, batch)
                collected += removed
            if len(found) < FOUND_AT_ONCE:
                return collected
            after = found[-1]


def spans(start: int, stop: int) -> Iterator[tuple[int, slice]]:
    """The chunks that hold the bytes from `start` to `stop`, and which part of each."""
    for number in range(start // CHUNK, -(-stop // CHUNK) if start < stop else 0):
        first = number * CHUNK
        yield number, slice(max(start - first, 0), min(stop - first, CHUNK))


def batches(found: list[Any]) -> Iterator[list[Any]]:
    """What is removed in one transaction each."""
    return (found[at : at + REMOVED_AT_ONCE] for at in range(0, len(found), REMOVED_AT_ONCE))


def planned(batch: list[Any]) -> Collected:
    """What removing these would free."""
    return Collected(len(batch), sum(size for _, _, size, _ in batch))
