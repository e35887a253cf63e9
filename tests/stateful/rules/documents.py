"""Calls about documents."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.stateful import given
from tests.stateful.keep import At, Keep


class DocumentRules(Keep):
    @initialize()
    def begin_with_documents(self) -> None:
        for document_id, owner in given.USUAL_OWNERS_OF_DOCUMENTS.items():
            self.both(At(0, None), "create_document", "Log", "Day 1", document_id=document_id, owner=owner)

    @rule(
        at=given.documents, title=given.names, content=given.texts, language=given.words,
        session_id=st.one_of(st.none(), given.session_ids), source=st.sampled_from([None, "ai"]),
        owner=given.owners_of_documents,
    )  # fmt: skip
    def create_document(self, at: At, title: str, content: str, **more: Any) -> None:
        self.both(at, "create_document", title, content, document_id=at.id, **more)
        self.read_document(at)

    @rule(
        at=given.documents, changes=given.document_changes,
        note=st.fixed_dictionaries({}, optional={"summary": given.words, "source": given.words}),
        expectation=given.expectations,
    )  # fmt: skip
    def edit_document(self, at: At, changes: dict[str, Any], note: dict[str, Any], expectation: str) -> None:
        self.both(at, "edit_document", at.id, **changes, **note, **self.document_at(at, expectation))
        self.read_document(at)

    @rule(at=given.documents, version=st.integers(1, 4), expectation=given.expectations)
    def restore_document_version(self, at: At, version: int, expectation: str) -> None:
        self.both_whole(at, "get_document_version", at.id, version)
        self.both(at, "restore_document_version", at.id, version, **self.document_at(at, expectation))
        self.read_document(at)

    @rule(at=given.documents, home=given.session_ids, expectation=given.expectations)
    def attach_document(self, at: At, home: str, expectation: str) -> None:
        self.both(at, "attach_document", at.id, home, **self.document_at(at, expectation))
        self.read_document(at)

    @rule(
        at=given.documents,
        call=st.sampled_from(["detach_document", "archive_document", "unarchive_document", "delete_document"]),
        expectation=given.expectations,
    )
    def change_document(self, at: At, call: str, expectation: str) -> None:
        self.both(at, call, at.id, **self.document_at(at, expectation))
        self.read_document(at)

    @rule(at=given.managers, wanted=given.document_filters, limit=st.integers(1, 3))
    def list_documents(self, at: At, wanted: dict[str, Any], limit: int) -> None:
        self.all_pages(at, "list_documents", limit, **wanted)
