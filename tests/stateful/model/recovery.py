"""The way back out of the trash, and the end of the way."""

from ithaca import Restored
from ithaca.errors import (
    AmbiguousId,
    DocumentExists,
    NothingToUndo,
    RevisionConflict,
    SessionExists,
    SessionNotFound,
    TrashNotFound,
)
from tests.stateful.model.documents import Documents
from tests.stateful.model.kept import Document, Session, Trashed, all_or_nothing, check_revision
from tests.stateful.model.versions import Versions


class Recovery(Versions, Documents):
    def listed(self, scope: str | None) -> list[Trashed]:
        """What can be restored, in the order in which it was removed."""
        found = [e for e in self.trash if e.kind != "version" and e.parent is None and scope in (None, e.owner)]
        return sorted(found, key=lambda entry: (entry.number, entry.owner))

    def called(self, entry: Trashed) -> str | None:
        """What the session or the document of an entry is called."""
        if entry.kind == "delete document":
            return entry.documents[0].title
        if entry.kind == "delete session":
            return entry.sessions[0].name
        session = self.sessions.get((entry.owner, entry.session_id or ""))
        return None if session is None else session.name

    @all_or_nothing
    def undo(self, scope: str | None, session_id: str, *, expected_revision: int | None = None) -> Restored:
        try:
            session = self.find_at(scope, session_id, expected_revision)
        except SessionNotFound:
            return self.undo_deletion(scope, session_id, expected_revision)
        passed_over = ("version", "undo", "delete session")
        mine = [
            entry
            for entry in self.listed(session.owner)
            if entry.session_id == session_id and entry.kind not in passed_over
        ]
        if not mine:
            raise NothingToUndo(session_id)
        return self.back(scope, max(mine, key=lambda e: (e.revision, e.created_at, e.number)), None, expected_revision)

    def undo_deletion(self, scope: str | None, session_id: str, expected: int | None) -> Restored:
        with_it = [e for e in self.listed(scope) if any(session.id == session_id for session in e.sessions)]
        if not with_it:
            raise SessionNotFound(session_id)
        if len({entry.owner for entry in with_it}) > 1:
            raise AmbiguousId(session_id)
        return self.back(scope, max(with_it, key=lambda e: (e.created_at, e.number)), session_id, expected)

    @all_or_nothing
    def restore(self, scope: str | None, number: int, *, expected_revision: int | None = None) -> Restored:
        entries = [entry for entry in self.listed(scope) if entry.number == number]
        if not entries:
            raise TrashNotFound("")
        return sum((self.back(scope, entry, None, expected_revision) for entry in entries), Restored())

    def back(self, scope: str | None, entry: Trashed, only: str | None, expected: int | None) -> Restored:
        if entry.sessions:
            return self.sessions_back(scope, entry, only, expected)
        if entry.documents:
            return self.document_back(scope, entry, expected)
        session = self.find_at(entry.owner, entry.session_id or "", expected)
        if entry.compaction is not None:
            session.compactions = [made for made in session.compactions if made is not entry.compaction]
            self.trash.remove(entry)
            restored = Restored()
        else:
            restored = self.messages_back(session, entry)
        self.changed(session)
        return restored

    def messages_back(self, session: Session, entry: Trashed) -> Restored:
        if entry.version is not None:
            self.show(session, entry.version)
        self.displace(session, entry)
        self.set_siblings_aside(session, entry)
        here = {message.id for message in session.history}
        came = [message for message in entry.removed if message.id not in here]
        left = [message for message in entry.removed if message.id in here]
        session.history = sorted([*session.history, *came], key=lambda message: message.seq)
        entry.messages = {session.id: left}
        entry.kind, entry.put, entry.version = "undo", None, None
        if not left:
            self.trash.remove(entry)
        return Restored(messages=len(came))

    def displace(self, session: Session, entry: Trashed) -> None:
        if entry.put is None:
            return
        first, last = entry.put
        if gone := [message for message in session.history if first <= message.seq <= last]:
            seqs = [message.seq for message in entry.removed]
            self.throw_messages(session, "undo", gone, (min(seqs), max(seqs)))

    def set_siblings_aside(self, session: Session, entry: Trashed) -> None:
        here = {message.id for message in session.history}
        groups = {message.version_group for message in entry.removed if message.id not in here} - {None}
        for message in session.history:
            if message.version_group in groups:
                self.set_aside(session, message)
                return

    def sessions_back(self, scope: str | None, entry: Trashed, only: str | None, expected: int | None) -> Restored:
        wanted = sorted((s for s in entry.sessions if only in (None, s.id)), key=lambda session: session.id)
        for session in wanted:
            if (session.owner, session.id) in self.sessions or (scope is None and self.any_owners(session.id)):
                raise SessionExists(session.id)
        for session in wanted:
            if expected is not None and session.revision != expected:
                raise RevisionConflict(session.id, session.revision, expected)
        for session in wanted:
            self.session_back(entry, session)
        if not entry.sessions:
            self.trash.remove(entry)
        return Restored(sessions=len(wanted), messages=sum(session.message_count for session in wanted))

    def session_back(self, entry: Trashed, session: Session) -> None:
        entry.sessions.remove(session)
        del entry.messages[session.id]
        self.sessions[session.owner, session.id] = session
        session.since = self.now
        session.revision += 1  # its deletion was a change
        self.changed(session, "restored")
        for document_id in entry.attached.pop(session.id, []):
            document = self.documents.get((session.owner, document_id))
            if document is not None and document.session_id is None:
                document.session_id = session.id
                document.revision += 1
            for thrown in self.thrown_documents(session.owner, document_id):
                thrown.session_id = thrown.session_id or session.id
        for other in self.trash:
            if other.parent is entry and other.session_id == session.id:
                other.parent = None

    def thrown_documents(self, owner: str, document_id: str) -> list[Document]:
        return [
            document
            for entry in self.trash
            for document in entry.documents
            if (document.owner, document.id) == (owner, document_id)
        ]

    def document_back(self, scope: str | None, entry: Trashed, expected: int | None) -> Restored:
        [document] = entry.documents
        key = (document.owner, document.id)
        if key in self.documents or (scope is None and any(id == document.id for _, id in self.documents)):
            raise DocumentExists(document.id)
        check_revision(document, expected)
        self.documents[key] = self.changed_document(document)
        self.trash.remove(entry)
        home, document.session_id = document.session_id, None
        if home is not None and (document.owner, home) in self.sessions:
            document.session_id = home
        elif home is not None:
            for other in self.trash:
                if other.owner == document.owner and any(session.id == home for session in other.sessions):
                    attached = other.attached.setdefault(home, [])
                    attached += [] if document.id in attached else [document.id]
        return Restored(documents=1)

    def purge(self, scope: str | None, number: int) -> tuple[int, int, int]:
        """How many sessions, messages and documents were erased."""
        gone = [entry for entry in self.listed(scope) if entry.number == number]
        if not gone:
            raise TrashNotFound("")
        gone += [entry for entry in self.trash if entry.parent in gone]
        self.trash = [entry for entry in self.trash if entry not in gone]
        for owner, session_id in {
            (entry.owner, id) for entry in gone for id, removed in entry.messages.items() if removed
        }:
            self.drop_stale_summaries(owner, session_id)
        return (
            sum(len(entry.sessions) for entry in gone),
            sum(len(entry.removed) for entry in gone),
            sum(len(entry.documents) for entry in gone),
        )

    def drop_stale_summaries(self, owner: str, session_id: str) -> None:
        """A summary goes with the last message that it tells of."""
        session = self.sessions.get((owner, session_id))
        if session is None:
            return
        thrown = [m for e in self.trash if e.owner == owner for m in e.messages.get(session_id, [])]
        numbers = {message.seq for message in [*session.history, *thrown]}
        session.compactions = [made for made in session.compactions if made.through in numbers]
