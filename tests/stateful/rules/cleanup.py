"""Clean-up, and the clock that it goes by."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.stateful import given
from tests.stateful.keep import At, Keep


class CleanUpRules(Keep):
    @rule(leap=given.leaps)
    def time_passes(self, leap: timedelta) -> None:
        self.clock.time += leap

    @rule(
        at=given.managers,
        leap=given.leaps,
        days=st.sampled_from([0, 0.5, 30]),
        hours=st.sampled_from([0, 1, 100]),
        dry_run=st.booleans(),
    )
    def cleanup_empty_sessions(self, at: At, leap: timedelta, days: float, hours: float, dry_run: bool) -> None:
        self.clock.time += leap
        self.both(at, "cleanup_empty_sessions", days, hours, dry_run=dry_run)
