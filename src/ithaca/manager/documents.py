"""The calls about documents."""

from ithaca.arguments import UNSET, Unset
from ithaca.content import whole
from ithaca.errors import InvalidArgument, InvalidDocument
from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.models import (
    Document,
    DocumentVersion,
    Page,
    Removed,
)
from ithaca.operations import documents


class Documents(Base):
    """The calls about documents."""

    def create_document(
        self,
        title: str,
        content: str = "",
        *,
        language: str | None = None,
        session_id: str | None = None,
        document_id: str | None = None,
        source: str | None = None,
        owner: str | None = None,
    ) -> Document:
        """A new document, at version 1. A session that it shall belong to must be of the same owner, and not incognito.

        Raises `DocumentExists`, `SessionNotFound`, `InvalidDocument`.
        """
        door = self._door
        new = door.new_document(title, content, language, session_id, document_id, source, owner)
        self._refuse_hidden("session_id", session_id, InvalidDocument, owner)
        return self._storage.write(documents.create, door.scope, new, owner is not None)

    def get_document(self, document_id: str) -> Document:
        """A document with its current content. Raises `DocumentNotFound`."""
        return self._storage.read(documents.get, self._door.scope, self._door.document_id(document_id))

    def list_documents(
        self,
        *,
        session_id: str | None = None,
        owner: str | None = None,
        archived: bool | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Document]:
        """A page of documents without their content, the last changed first.

        `session_id=""`: those that belong to no session.
        """
        door = self._door
        wanted = door.document_filter(session_id, owner, archived)
        return self._storage.read(documents.list_documents, door.scope, wanted, door.cursor(cursor), door.page(limit))

    def edit_document(
        self,
        document_id: str,
        content: str | Unset = UNSET,
        *,
        title: str | Unset = UNSET,
        language: str | None | Unset = UNSET,
        summary: str | None = None,
        source: str | None = None,
        expected_revision: int | None = None,
    ) -> Document:
        """The document at its new version; what is not given stays as it was.

        Raises `DocumentNotFound`, `RevisionConflict`, `InvalidDocument`.
        """
        door = self._door
        changes = door.document_columns(content=content, title=title, language=language)
        id, expected = door.document_id(document_id), door.expected(expected_revision)
        return self._storage.write(documents.edit, door.scope, id, changes, door.note(summary, source), expected)

    def list_document_versions(
        self, document_id: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[DocumentVersion]:
        """A page of a document's versions without their content, the newest first; give back its `cursor` for the next.

        Raises `DocumentNotFound`.
        """
        door, id = self._door, self._door.document_id(document_id)
        return self._storage.read(documents.list_versions, door.scope, id, door.cursor(cursor), door.page(limit))

    def get_document_version(self, document_id: str, version: int) -> DocumentVersion:
        """One version with its content. Raises `VersionNotFound`, `DocumentNotFound`."""
        door = self._door
        number = whole("version", version, 1)
        return self._storage.read(documents.get_version, door.scope, door.document_id(document_id), number)

    def restore_document_version(
        self, document_id: str, version: int, *, expected_revision: int | None = None
    ) -> Document:
        """The document at a new version that says what an older one said.

        Raises `VersionNotFound`, `DocumentNotFound`, `RevisionConflict`.
        """
        door = self._door
        id, number = door.document_id(document_id), whole("version", version, 1)
        return self._storage.write(documents.restore, door.scope, id, number, door.expected(expected_revision))

    def attach_document(self, document_id: str, session_id: str, *, expected_revision: int | None = None) -> Document:
        """The document, belonging to a session of its owner. Raises `DocumentNotFound`, `SessionNotFound`.

        An incognito session has no documents: they are stored.
        """
        door = self._door
        id, home = door.document_id(document_id), door.session_id(session_id)
        if self._is_hidden(home):
            self._refuse_hidden("session_id", home, InvalidArgument, self.get_document(id).owner)
        return self._storage.write(documents.attach, door.scope, id, home, door.expected(expected_revision))

    def detach_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        """The document, belonging to no session. Raises `DocumentNotFound`."""
        door = self._door
        id = door.document_id(document_id)
        return self._storage.write(documents.attach, door.scope, id, None, door.expected(expected_revision))

    def archive_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        """The document, archived. Raises `DocumentNotFound`."""
        door = self._door
        id = door.document_id(document_id)
        return self._storage.write(documents.archive, door.scope, id, True, door.expected(expected_revision))

    def unarchive_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        """The document, among the others again. Raises `DocumentNotFound`."""
        door = self._door
        id = door.document_id(document_id)
        return self._storage.write(documents.archive, door.scope, id, False, door.expected(expected_revision))

    def delete_document(self, document_id: str, *, expected_revision: int | None = None) -> Removed:
        """Moves a document with its versions to the trash. Raises `DocumentNotFound`, `RevisionConflict`."""
        door = self._door
        id = door.document_id(document_id)
        return self._storage.write(documents.delete, door.scope, id, door.expected(expected_revision))


@documented_by(Documents)
class AsyncDocuments(AsyncBase):
    """The calls about documents."""

    async def create_document(
        self,
        title: str,
        content: str = "",
        *,
        language: str | None = None,
        session_id: str | None = None,
        document_id: str | None = None,
        source: str | None = None,
        owner: str | None = None,
    ) -> Document:
        door = self._door
        new = door.new_document(title, content, language, session_id, document_id, source, owner)
        await self._refuse_hidden("session_id", session_id, InvalidDocument, owner)
        return await self._storage.write(documents.create, door.scope, new, owner is not None)

    async def get_document(self, document_id: str) -> Document:
        return await self._storage.read(documents.get, self._door.scope, self._door.document_id(document_id))

    async def list_documents(
        self,
        *,
        session_id: str | None = None,
        owner: str | None = None,
        archived: bool | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Document]:
        door = self._door
        wanted = door.document_filter(session_id, owner, archived)
        return await self._storage.read(
            documents.list_documents, door.scope, wanted, door.cursor(cursor), door.page(limit)
        )

    async def edit_document(
        self,
        document_id: str,
        content: str | Unset = UNSET,
        *,
        title: str | Unset = UNSET,
        language: str | None | Unset = UNSET,
        summary: str | None = None,
        source: str | None = None,
        expected_revision: int | None = None,
    ) -> Document:
        door = self._door
        changes = door.document_columns(content=content, title=title, language=language)
        id, expected = door.document_id(document_id), door.expected(expected_revision)
        return await self._storage.write(documents.edit, door.scope, id, changes, door.note(summary, source), expected)

    async def list_document_versions(
        self, document_id: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[DocumentVersion]:
        door, id = self._door, self._door.document_id(document_id)
        return await self._storage.read(documents.list_versions, door.scope, id, door.cursor(cursor), door.page(limit))

    async def get_document_version(self, document_id: str, version: int) -> DocumentVersion:
        door = self._door
        number = whole("version", version, 1)
        return await self._storage.read(documents.get_version, door.scope, door.document_id(document_id), number)

    async def restore_document_version(
        self, document_id: str, version: int, *, expected_revision: int | None = None
    ) -> Document:
        door = self._door
        id, number = door.document_id(document_id), whole("version", version, 1)
        return await self._storage.write(documents.restore, door.scope, id, number, door.expected(expected_revision))

    async def attach_document(
        self, document_id: str, session_id: str, *, expected_revision: int | None = None
    ) -> Document:
        door = self._door
        id, home = door.document_id(document_id), door.session_id(session_id)
        if self._is_hidden(home):
            await self._refuse_hidden("session_id", home, InvalidArgument, (await self.get_document(id)).owner)
        return await self._storage.write(documents.attach, door.scope, id, home, door.expected(expected_revision))

    async def detach_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        door = self._door
        id = door.document_id(document_id)
        return await self._storage.write(documents.attach, door.scope, id, None, door.expected(expected_revision))

    async def archive_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        door = self._door
        id = door.document_id(document_id)
        return await self._storage.write(documents.archive, door.scope, id, True, door.expected(expected_revision))

    async def unarchive_document(self, document_id: str, *, expected_revision: int | None = None) -> Document:
        door = self._door
        id = door.document_id(document_id)
        return await self._storage.write(documents.archive, door.scope, id, False, door.expected(expected_revision))

    async def delete_document(self, document_id: str, *, expected_revision: int | None = None) -> Removed:
        door = self._door
        id = door.document_id(document_id)
        return await self._storage.write(documents.delete, door.scope, id, door.expected(expected_revision))
