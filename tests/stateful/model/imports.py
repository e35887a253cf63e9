"""Imports: what is missing is added, nothing twice, and what was deleted here stays deleted."""

from collections.abc import Sequence

from ithaca import Conversation, ImportReport, LibraryDocument
from tests.stateful.model.documents import Documents
from tests.stateful.model.kept import Document, Session, Version
from tests.stateful.model.messages import Messages


class Imports(Messages, Documents):
    """Conversations that are imported here have all their times, and their messages ids."""

    def import_conversations(self, scope: str | None, conversations: Sequence[Conversation]) -> ImportReport:
        report = ImportReport()
        for conversation in conversations:
            owner = self.receiver(scope, conversation)
            if known := self.sessions.get((owner, conversation.id)):
                report += self.add_missing(known, conversation)
            elif self.was_deleted(owner, conversation.id):
                report += ImportReport(unchanged=1)
            else:
                self.sessions[owner, conversation.id] = self.imported(owner, conversation)
                self.tell(self.sessions[owner, conversation.id], "created")
                report += ImportReport(sessions=1, messages=len(conversation.messages))
        return report

    def receiver(self, scope: str | None, coming: Conversation | LibraryDocument) -> str:
        return coming.owner or "" if scope is None else scope

    def was_deleted(self, owner: str, session_id: str) -> bool:
        return any(
            (session.owner, session.id) == (owner, session_id) for entry in self.trash for session in entry.sessions
        )

    def add_missing(self, session: Session, conversation: Conversation) -> ImportReport:
        removed = [
            message.id
            for entry in self.trash
            if entry.owner == session.owner
            for message in entry.messages.get(session.id, [])
        ]
        known = {message.id for message in session.history}.union(removed)
        missing = [message for message in conversation.messages if message.id not in known]
        if missing:
            self.add_messages(session.owner, session.id, missing)
        return ImportReport(messages=len(missing), unchanged=0 if missing else 1)

    def imported(self, owner: str, c: Conversation) -> Session:
        now = self.now
        history = self.heard(c.messages)
        for seq, message in enumerate(history, 1):
            message.seq = seq
        said = [message.created_at for message in history]
        created, last = c.created_at or min(said, default=now), c.last_message_at or max(said, default=None)
        latest = max(created, last or created)
        return Session(
            owner, c.id, c.name, c.endpoint_url, c.model, c.rag, c.folder, c.mode, dict(c.headers), dict(c.extra),
            created_at=created, updated_at=c.updated_at or latest, last_accessed=c.last_accessed or latest, since=now,
            archived=c.archived, is_important=c.is_important, last_message_at=last,
            history=history, next_seq=len(history) + 1,
        )  # fmt: skip

    def import_documents(self, scope: str | None, documents: Sequence[LibraryDocument]) -> ImportReport:
        report = ImportReport()
        for document in documents:
            owner = self.receiver(scope, document)
            gone = any((d.owner, d.id) == (owner, document.id) for entry in self.trash for d in entry.documents)
            if gone or (owner, document.id) in self.documents:
                report += ImportReport(unchanged=1)
            else:
                self.documents[owner, document.id] = self.imported_document(owner, document)
                report += ImportReport(documents=1, versions=len(document.versions))
        return report

    def imported_document(self, owner: str, d: LibraryDocument) -> Document:
        """One whose session isn't here belongs to none."""
        created = d.created_at or self.now
        versions = [
            Version(d.id, number, d.title, d.language, v.content, v.summary, v.source, v.created_at or created)
            for number, v in enumerate(d.versions, 1)
        ]
        home = d.session_id if (owner, d.session_id) in self.sessions else None
        return Document(owner, d.id, home, created, d.updated_at or created, versions, d.archived)
