"""Attachments: messages bring them in all sequences of calls; here they are referred to again, and collected."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ithaca.attached import AttachmentReference
from ithaca.errors import IthacaError
from tests.stateful import given
from tests.stateful.keep import At, Keep, attempt


class AttachmentRules(Keep):
    @rule(at=given.sessions, place=given.few, expectation=given.expectations)
    def say_by_reference(self, at: At, place: int, expectation: str) -> None:
        """What a reader without the bytes gives back stands for the same."""
        session = attempt(self.manager(at).get_session, at.id, attachments="reference")
        attempt(self.world.get_session, at.scope, at.id)
        self.managers[at.number].settle()
        if isinstance(session, IthacaError) or place >= len(session.history):
            return
        read, whole = session.history[place], self.world.find(at.scope, at.id).history[place]
        said = read.replace(id=f"again {read.id}", metadata={}, created_at=None)
        expected_revision = self.session_at(at, expectation)
        actual = attempt(self.manager(at).add_message, at.id, said, **expected_revision)
        same = said.replace(content=whole.content)
        expected = attempt(self.world.add_message, at.scope, at.id, same, **expected_revision)
        assert isinstance(actual, IthacaError) == isinstance(expected, IthacaError)
        self.read_session(at)

    @rule(at=given.managers, hours=st.sampled_from([0, 0, 24]), dry_run=st.booleans())
    def collect_attachments(self, at: At, hours: int, dry_run: bool) -> None:
        """It changes nothing that anybody reads."""
        done = self.manager(at).collect_attachments(min_age_hours=hours, dry_run=dry_run)
        if hours == 0 and not dry_run:
            assert self.manager(at).collect_attachments(min_age_hours=0, dry_run=True).count <= done.count

    @rule(at=given.managers)
    def read_attachments(self, at: At) -> None:
        for found in self.manager(at).list_attachments(limit=1000):
            reference = AttachmentReference(found.digest, found.media_type, found.size)
            assert found == self.manager(at).get_attachment(reference, owner=found.owner)
