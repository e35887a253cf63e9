"""Calls about how long sessions are kept."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ithaca.arguments import UNSET
from tests.stateful import given
from tests.stateful.keep import At, Keep

COUNTS = ("held", "kept_starred", "kept_newest", "deleted", "archived")

archive_ages = st.sampled_from([None, timedelta(0), timedelta(minutes=20), timedelta(days=1)])
delete_ages = st.sampled_from([None, timedelta(0), timedelta(minutes=20), timedelta(hours=2), timedelta(days=39)])
rest = st.fixed_dictionaries({"keep_starred": st.booleans(), "keep_newest": st.sampled_from([0, 0, 1, 2])})


class RetentionRules(Keep):
    @rule(
        at=given.managers, owner=given.owners, folder=given.words, archive=archive_ages, delete=delete_ages, rest=rest,
        hold=st.sampled_from([UNSET, UNSET, False, True]),
    )  # fmt: skip
    def set_retention(
        self, at: At, owner: str | None, folder: str | None, archive: Any, delete: Any, rest: dict[str, Any], hold: Any
    ) -> None:
        ages = {"archive_after": archive, "delete_after": delete}
        self.both(at, "set_retention", owner=owner, folder=folder, legal_hold=hold, **ages, **rest)
        self.both(at.other, "list_retention")

    @rule(at=given.managers, owner=given.owners, folder=given.words, lift=st.booleans())
    def delete_retention(self, at: At, owner: str | None, folder: str | None, lift: bool) -> None:
        place = {"owner": owner, "folder": folder}
        if lift:
            unasked = {"archive_after": None, "delete_after": None, "keep_starred": True, "keep_newest": 0}
            self.both(at, "set_retention", legal_hold=False, **place, **unasked)
        self.both(at, "delete_retention", **place)
        self.both(at.other, "list_retention")

    @rule(at=given.managers, dry_run=st.booleans(), batch=st.sampled_from([1, 2, 200]))
    def apply_retention(self, at: At, dry_run: bool, batch: int) -> None:
        report = self.manager(at).apply_retention(dry_run=dry_run, batch=batch)
        actual = [{name: getattr(outcome, name) for name in COUNTS} for outcome in report.outcomes]
        self.same(actual, self.world.apply_retention(at.scope, dry_run=dry_run, batch=batch))
        if not dry_run:
            self.hidden[at.number].purge_what_is_old(at.scope)

    @rule(at=given.sessions, delete=st.booleans(), rest=rest, leap=given.leaps, batch=st.sampled_from([1, 200]))
    def keep_for_no_longer(self, at: At, delete: bool, rest: dict[str, Any], leap: timedelta, batch: int) -> None:
        """Of the owner of a session, what is there now, at a later time."""
        everybody = At(at.number, None)
        ages = {"archive_after": None if delete else timedelta(0), "delete_after": timedelta(0) if delete else None}
        self.both(everybody, "set_retention", owner=given.USUAL_OWNERS[at.id], folder=None, **ages, **rest)
        self.clock.time += leap
        self.apply_retention(everybody.other, False, batch)
        self.read_session(at)
