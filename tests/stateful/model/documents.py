"""Documents: every edit makes a version."""

from dataclasses import replace
from typing import Any

from ithaca import Removed
from ithaca.errors import DocumentExists, DocumentNotFound, InvalidArgument, SessionNotFound, VersionNotFound
from tests.stateful.model.kept import Document, Version, check_revision, owner_of_new, the_only
from tests.stateful.model.sessions import Sessions


class Documents(Sessions):
    def documents_in_scope(self, scope: str | None) -> list[Document]:
        return [document for document in self.documents.values() if scope in (None, document.owner)]

    def find_document(self, scope: str | None, document_id: str) -> Document:
        found = [document for document in self.documents_in_scope(scope) if document.id == document_id]
        document: Document = the_only(found, document_id, DocumentNotFound)
        return document

    def find_document_at(self, scope: str | None, document_id: str, expected: int | None) -> Document:
        document = self.find_document(scope, document_id)
        check_revision(document, expected)
        return document

    def create_document(
        self,
        scope: str | None,
        title: str,
        content: str = "",
        *,
        language: str | None = None,
        session_id: str | None = None,
        document_id: str,
        source: str | None = None,
        owner: str | None = None,
    ) -> Document:
        home, now = owner_of_new(scope, owner), self.now
        if scope is None and any(document.id == document_id for document in self.documents.values()):
            raise DocumentExists(document_id)
        if session_id is not None:  # it must be there; an owner who isn't named is the session's
            home = self.find(scope if owner is None else home, session_id).owner
        if (home, document_id) in self.documents:
            raise DocumentExists(document_id)
        first = Version(document_id, 1, title, language, content, None, source, now)
        document = Document(home, document_id, session_id, now, now, [first])
        self.documents[home, document_id] = document
        return document

    def get_document(self, scope: str | None, document_id: str) -> Document:
        return self.find_document(scope, document_id)

    def list_documents(
        self,
        scope: str | None,
        *,
        session_id: str | None = None,
        owner: str | None = None,
        archived: bool | None = None,
    ) -> list[Document]:
        """All pages of it, the last changed first."""
        found = [
            document
            for document in self.documents_in_scope(scope)
            if session_id in (None, document.session_id or "")
            and owner in (None, document.owner)
            and archived in (None, document.archived)
        ]
        return sorted(found, key=lambda d: (d.updated_at, d.owner, d.id), reverse=True)

    def edit_document(
        self,
        scope: str | None,
        document_id: str,
        *,
        summary: str | None = None,
        source: str | None = None,
        expected_revision: int | None = None,
        **changes: Any,
    ) -> Document:
        if not changes:
            raise InvalidArgument("content", None, "given")
        document = self.find_document_at(scope, document_id, expected_revision)
        return self.add_document_version(document, replace(document.current, **changes), summary, source)

    def restore_document_version(
        self, scope: str | None, document_id: str, version: int, *, expected_revision: int | None = None
    ) -> Document:
        document = self.find_document_at(scope, document_id, expected_revision)
        old = self.get_document_version(document.owner, document_id, version)
        return self.add_document_version(document, old, f"restored version {version}", "restore")

    def add_document_version(
        self, document: Document, says: Version, summary: str | None, source: str | None
    ) -> Document:
        number = document.version + 1
        new = replace(says, version=number, summary=summary, source=source, created_at=self.now)
        document.versions.append(new)
        return self.changed_document(document)

    def changed_document(self, document: Document) -> Document:
        document.revision += 1
        document.updated_at = self.now
        return document

    def list_document_versions(self, scope: str | None, document_id: str) -> list[Version]:
        return self.find_document(scope, document_id).versions[::-1]

    def get_document_version(self, scope: str | None, document_id: str, version: int) -> Version:
        versions = self.find_document(scope, document_id).versions
        if version > len(versions):
            raise VersionNotFound(document_id, version)
        return versions[version - 1]

    def attach_document(
        self, scope: str | None, document_id: str, session_id: str, *, expected_revision: int | None = None
    ) -> Document:
        owner = self.find_document(None, document_id).owner if scope is None else scope
        if (owner, session_id) not in self.sessions:
            raise SessionNotFound(session_id)
        document = self.find_document_at(owner, document_id, expected_revision)
        document.session_id = session_id
        return self.changed_document(document)

    def detach_document(self, scope: str | None, document_id: str, *, expected_revision: int | None = None) -> Document:
        document = self.find_document_at(scope, document_id, expected_revision)
        document.session_id = None
        return self.changed_document(document)

    def archive_document(
        self, scope: str | None, document_id: str, *, expected_revision: int | None = None
    ) -> Document:
        document = self.find_document_at(scope, document_id, expected_revision)
        document.archived = True
        return self.changed_document(document)

    def unarchive_document(
        self, scope: str | None, document_id: str, *, expected_revision: int | None = None
    ) -> Document:
        document = self.find_document_at(scope, document_id, expected_revision)
        document.archived = False
        return self.changed_document(document)

    def delete_document(self, scope: str | None, document_id: str, *, expected_revision: int | None = None) -> Removed:
        document = self.find_document_at(scope, document_id, expected_revision)
        del self.documents[document.owner, document_id]
        self.throw_away(document.owner, "delete document", documents=[document])
        return Removed("an entry", documents=1)
