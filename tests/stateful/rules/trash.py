"""Calls about what was removed."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ithaca import TrashEntry
from ithaca.errors import IthacaError
from tests.stateful import given
from tests.stateful.keep import At, Keep, attempt
from tests.stateful.model.kept import Trashed


class TrashRules(Keep):
    def in_trash(self, at: At) -> list[tuple[TrashEntry, Trashed]]:
        """What lies in the trash: every entry with its twin in the model, which must be alike."""
        found = sorted(self.manager(at).trash(limit=1000), key=lambda entry: (entry.id, entry.owner))
        expected = self.world.listed(at.scope)
        self.same([self.told(entry) for entry in found], [self.foretold(entry) for entry in expected])
        return list(zip(found, expected, strict=True))

    def told(self, entry: TrashEntry) -> tuple[Any, ...]:
        return (
            entry.owner, entry.kind, entry.session_id, entry.document_id, entry.created_at, entry.sessions,
            entry.messages, entry.documents, entry.name,
        )  # fmt: skip

    def foretold(self, entry: Trashed) -> tuple[Any, ...]:
        return (
            entry.owner, entry.kind, entry.session_id, entry.documents[0].id if entry.documents else None,
            entry.created_at, len(entry.sessions), len(entry.removed), len(entry.documents), self.world.called(entry),
        )  # fmt: skip

    @rule(at=given.managers, place=given.few)
    def look_into_trash(self, at: At, place: int) -> None:
        entries = self.in_trash(at)
        if entries:
            entry, expected = entries[place % len(entries)]
            manager = self.manager(at._replace(scope=entry.owner))
            for session_id, removed in expected.messages.items():
                self.same(manager.trashed_messages(entry.id, session_id=session_id), removed)

    @rule(at=given.sessions, expectation=given.expectations)
    def undo(self, at: At, expectation: str) -> None:
        self.both(at, "undo", at.id, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(at=given.sessions)
    def undo_as_far_as_it_goes(self, at: At) -> None:
        for _ in range(4):
            self.both(at, "undo", at.id)
        self.read_session(at)

    @rule(at=given.managers, place=given.few, expected=st.sampled_from([None, None, None, 2]))
    def restore(self, at: At, place: int, expected: int | None) -> None:
        if entries := self.in_trash(at):
            entry, twin = entries[-1 - place % len(entries)]
            actual = attempt(self.manager(at).restore, entry.id, expected_revision=expected)
            self.same(actual, attempt(self.world.restore, at.scope, twin.number, expected_revision=expected))
            self.everything_of(entry.owner)

    @rule(at=given.managers, place=given.few)
    def purge(self, at: At, place: int) -> None:
        if entries := self.in_trash(at):
            entry, twin = entries[place % len(entries)]
            erased = attempt(self.manager(at).purge, entry.id)
            expected = attempt(self.world.purge, at.scope, twin.number)
            if isinstance(erased, IthacaError):
                self.same(erased, expected)
            else:
                tables = ("trashed_sessions", "trashed_messages", "trashed_documents")
                self.same(tuple(erased.counts.get(table, 0) for table in tables), expected)
            self.in_trash(at.other)

    def everything_of(self, owner: str) -> None:
        for session_id in given.USUAL_OWNERS:
            self.read_session(At(0, owner, session_id))
        for document_id in given.USUAL_OWNERS_OF_DOCUMENTS:
            self.read_document(At(0, owner, document_id))
