"""Calls about what a model gets to see."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ithaca import ContextTooSmall
from ithaca.context import Provider
from ithaca.errors import IthacaError
from tests.context.expected import expect
from tests.stateful import given
from tests.stateful.keep import At, Keep, attempt
from tests.support.providers import refused_by_anthropic, refused_by_openai


class ContextRules(Keep):
    @rule(
        at=given.sessions, room=st.sampled_from([5, 30, 60, 120, 10_000]),
        provider=st.sampled_from(["openai", "anthropic"]),
    )  # fmt: skip
    def context(self, at: At, room: int, provider: Provider) -> None:
        actual = attempt(self.manager(at).context, at.id, max_tokens=room, provider=provider)
        session = attempt(self.world.get_session, at.scope, at.id)
        if isinstance(session, IthacaError):
            self.same(actual, session)
            return
        stored = self.manager(at).get_session(at.id).history
        summaries = [made for made in self.manager(at).list_compactions(at.id) if made.counts]
        summary = (summaries[0].through, summaries[0].tokens) if summaries else None
        expected = expect(stored, room, user_begins=provider == "anthropic", summary=summary)
        if expected is None:
            assert isinstance(actual, ContextTooSmall)
        else:
            assert [message.seq for message in actual.messages if message.seq] == expected.numbers
            assert actual.used == expected.used
            assert refused_by_openai(actual.to_openai()) == []
            assert refused_by_anthropic(*actual.to_anthropic()) == []
        self.managers[at.number].settle()

    @rule(at=given.sessions, keep_last=given.few, expectation=given.expectations)
    def compact_all_but_the_last(self, at: At, keep_last: int, expectation: str) -> None:
        self.both(at, "compact", at.id, "so far", keep_last=keep_last, **self.session_at(at, expectation))
        self.both(at.other, "list_compactions", at.id)

    @rule(at=given.sessions, through=st.one_of(st.integers(1, 12), given.message_ids))
    def compact_through(self, at: At, through: int | str) -> None:
        self.both(at, "compact", at.id, f"through {through}", through=through)
        self.both(at.other, "list_compactions", at.id)
