"""The calls about documents."""

from typing import Any

from ithaca.arguments import UNSET, Unset
from ithaca.client import values
from ithaca.client.asking import Asking, at, call
from ithaca.client.base import Calls
from ithaca.content import whole
from ithaca.models import Document, DocumentVersion, Page, Removed


class Documents(Calls):
    """The calls about documents."""

    @call
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
    ) -> Asking[Document]:
        """A new document, at version 1; a session that it shall belong to must be of the same owner."""
        self._door.new_document(title, content, language, session_id, document_id, source, owner)
        body = {"title": title, "content": content, "language": language, "session_id": session_id, "id": document_id,
                "source": source}  # fmt: skip
        return values.document((yield self._post(at("documents"), body, owner=owner)).value)

    @call
    def get_document(self, document_id: str) -> Asking[Document]:
        """A document with its current content."""
        return values.document((yield self._get(at("documents", self._door.document_id(document_id)))).value)

    @call
    def list_documents(
        self,
        *,
        session_id: str | None = None,
        owner: str | None = None,
        archived: bool | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Asking[Page[Document]]:
        """A page of documents without their content, the last changed first."""
        door = self._door
        door.document_filter(session_id, owner, archived)
        asked = {
            "session_id": session_id,
            "archived": archived,
            "cursor": door.cursor(cursor),
            "limit": door.page(limit),
        }
        return values.page(values.document)((yield from self._listed("documents", asked, owner)))

    @call
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
    ) -> Asking[Document]:
        """The document at its new version; what is not given stays as it was."""
        given = {"content": content, "title": title, "language": language}
        self._door.document_columns(**given)
        body: dict[str, Any] = {name: value for name, value in given.items() if value is not UNSET}
        self._door.note(summary, source)
        body |= {"summary": summary, "source": source}
        return (yield from self._changed("PATCH", [document_id], body, expected_revision))

    def _changed(self, method: str, way: list[str], body: Any, expected_revision: int | None) -> Asking[Document]:
        id, expected = self._door.document_id(way[0]), self._door.expected(expected_revision)
        reply = yield self._change(method, at("documents", id, *way[1:]), body, expected=expected)
        return values.document(reply.value)

    @call
    def list_document_versions(
        self, document_id: str, *, cursor: str | None = None, limit: int = 50
    ) -> Asking[Page[DocumentVersion]]:
        """A page of a document's versions without their content, the newest first."""
        asked = {"cursor": self._door.cursor(cursor), "limit": self._door.page(limit)}
        reply = yield self._get(at("documents", self._door.document_id(document_id), "versions"), asked)
        return values.page(values.document_version)(reply.value)

    @call
    def get_document_version(self, document_id: str, version: int) -> Asking[DocumentVersion]:
        """One version with its content."""
        number = whole("version", version, 1)
        reply = yield self._get(at("documents", self._door.document_id(document_id), "versions", str(number)))
        return values.document_version(reply.value)

    @call
    def restore_document_version(
        self, document_id: str, version: int, *, expected_revision: int | None = None
    ) -> Asking[Document]:
        """The document at a new version that says what an older one said."""
        id, number = self._door.document_id(document_id), whole("version", version, 1)
        path, expected = at("documents", id, "versions", str(number), "restore"), self._door.expected(expected_revision)
        return values.document((yield self._post(path, expected=expected)).value)

    @call
    def attach_document(
        self, document_id: str, session_id: str, *, expected_revision: int | None = None
    ) -> Asking[Document]:
        """The document, belonging to a session of its owner."""
        self._door.document_id(document_id)
        body = {"session_id": self._door.session_id(session_id)}
        return (yield from self._changed("PUT", [document_id, "session"], body, expected_revision))

    @call
    def detach_document(self, document_id: str, *, expected_revision: int | None = None) -> Asking[Document]:
        """The document, belonging to no session."""
        return (yield from self._changed("DELETE", [document_id, "session"], None, expected_revision))

    @call
    def archive_document(self, document_id: str, *, expected_revision: int | None = None) -> Asking[Document]:
        """The document, archived."""
        return (yield from self._changed("PUT", [document_id, "archived"], None, expected_revision))

    @call
    def unarchive_document(self, document_id: str, *, expected_revision: int | None = None) -> Asking[Document]:
        """The document, among the others again."""
        return (yield from self._changed("DELETE", [document_id, "archived"], None, expected_revision))

    @call
    def delete_document(self, document_id: str, *, expected_revision: int | None = None) -> Asking[Removed]:
        """Moves a document with its versions to the trash."""
        id, expected = self._door.document_id(document_id), self._door.expected(expected_revision)
        return Removed(**(yield self._change("DELETE", at("documents", id), expected=expected)).value)
