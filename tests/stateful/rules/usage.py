"""Calls about what conversations cost."""

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.stateful import given
from tests.stateful.keep import At, Keep

#: Given to each record, as ids that are made would differ.
ids = st.sampled_from([f"u{number}" for number in range(6)])
keys = st.lists(st.sampled_from(["day", "model", "session_id", "owner"]), unique=True)


class UsageRules(Keep):
    @rule(
        at=given.sessions, id=ids, model=given.models, tokens=st.sampled_from([0, 7, 10**9]),
        expectation=given.expectations,
    )  # fmt: skip
    def record_usage(self, at: At, id: str, model: str, tokens: int, expectation: str) -> None:
        used = {"model": model, "input_tokens": tokens, "output_tokens": 1, "cost": Decimal(tokens) / 10**6, "id": id}
        self.both(at, "record_usage", at.id, **used, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(at=given.managers, by=keys, since=st.sampled_from([None, date(2026, 3, 2)]))
    def usage(self, at: At, by: list[str], since: date | None) -> None:
        self.both(at, "usage", by=by, since=since)
