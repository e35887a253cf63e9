"""Calls that find messages by their words."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ithaca.errors import IthacaError
from tests.stateful import given
from tests.stateful.keep import At, Keep, attempt

questions = st.sampled_from(
    ["hello", "AEGIR OR ω*", "b -ωmega", '"no block"', "e", "1 OR 2 OR 3", "null*", "-hello", '"']
)


class SearchRules(Keep):
    @rule(
        at=given.sessions,
        text=questions,
        within=st.booleans(),
        role=st.sampled_from([None, None, "user"]),
        limit=st.sampled_from([2, 1000]),
    )
    def search(self, at: At, text: str, within: bool, role: str | None, limit: int) -> None:
        session = at.id if within else None
        hits = attempt(self.paged, at, "search", limit, text, session_id=session, role=role)
        found = attempt(self.world.found, at.scope, text, session, role)
        if isinstance(hits, IthacaError) or isinstance(found, IthacaError):
            self.same(hits, found)
        else:
            assert {(hit.owner, hit.session_id, hit.message.seq) for hit in hits} == found
            assert len(hits) == len(found)
