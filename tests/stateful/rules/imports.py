"""Imports from elsewhere."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ithaca import Conversation, LibraryDocument
from tests.stateful import given
from tests.stateful.keep import At, Keep


class ImportRules(Keep):
    @rule(at=given.managers, coming=st.lists(given.conversations, min_size=1, max_size=2))
    def import_conversations(self, at: At, coming: list[Conversation]) -> None:
        self.both(at, "import_conversations", coming)
        for conversation in coming:
            self.read_session(At(at.number, self.receiver(at, conversation.owner), conversation.id))

    @rule(at=given.managers, coming=st.lists(given.library_documents, min_size=1, max_size=2))
    def import_documents(self, at: At, coming: list[LibraryDocument]) -> None:
        self.both(at, "import_documents", coming)
        for document in coming:
            self.read_document(At(at.number, self.receiver(at, document.owner), document.id))

    def receiver(self, at: At, owner: str | None) -> str:
        """Whose an import is: confined, the manager's own; else who is named."""
        return owner or "" if at.scope is None else at.scope
