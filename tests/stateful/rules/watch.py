"""Watching: a cursor that is given from one manager to the other hears everything, once."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ithaca import Change
from ithaca.errors import IthacaError
from tests.stateful import given
from tests.stateful.keep import At, Keep, attempt
from tests.stateful.model.kept import Clock, News

#: Seconds after which news that a transaction elsewhere holds back have to be told.
TOLD = 10.0


class WatchRules(Keep):
    def __init__(self, open_managers: Callable[[Clock], list[Any]]) -> None:
        super().__init__(open_managers)
        self.cursor = "0-0"
        #: What was heard, and not erased since.
        self.past: list[News] = []

    @rule(at=given.managers)
    def hear(self, at: At) -> None:
        """All that has come since the cursor, through either manager: in the order of each session, none twice."""
        told = self.news_after(At(at.number, None), len(self.world.news), self.cursor)
        self.cursor = told[-1].cursor if told else self.cursor
        unnamed = [news._replace(owner="") if news.kind == "erased" else news for news in self.world.news]
        self.same(by_session(map(plainly, told)), by_session(unnamed))
        self.world.news, self.past = [], [*self.past, *self.world.news]

    def news_after(self, at: At, count: int, after: Any, **which: Any) -> list[Change]:
        """So many changes at least, and whatever else there is."""
        told: list[Change] = []
        end = time.monotonic() + TOLD
        while True:
            more = list(self.manager(at).watch(after=after, timeout=0, **which))
            told += more
            after = more[-1].cursor if more else after
            if not more and (len(told) >= count or time.monotonic() > end):
                return told

    @rule(at=given.managers, owner=st.sampled_from(given.OWNERS))
    def erase_owner(self, at: At, owner: str) -> None:
        self.hear(at)
        actual = attempt(self.manager(at).erase_owner, owner)
        expected = attempt(self.world.erase_owner, at.scope, owner)
        if isinstance(expected, IthacaError):
            self.same(actual, expected)
        else:
            assert actual.total >= 0
            self.hidden[at.number].erase_owner(at.scope, owner)
            self.past = [news for news in self.past if news.owner != owner or news.kind == "erased"]
        self.hear(at.other)

    @rule(at=given.managers, owner=st.sampled_from(given.OWNERS), confined=st.booleans())
    def hear_of_an_owner(self, at: At, owner: str, confined: bool) -> None:
        """From the beginning, as far as nothing was erased."""
        self.hear(at)
        expected = [news for news in self.past if news.owner == owner]
        which = {} if confined else {"owner": owner}
        told = self.news_after(At(at.number, owner if confined else None), len(expected), "0-0", **which)
        self.same(by_session(plainly(change) for change in told if change.kind != "missed"), by_session(expected))

    @rule(at=given.sessions, known=st.integers(0, 12))
    def come_back_at_a_revision(self, at: At, known: int) -> None:
        """Whoever knows a session at a revision is told how it stands, unless that is known."""
        self.hear(at)
        owner = at.scope if at.scope is not None else given.USUAL_OWNERS[at.id]
        session = self.world.sessions.get((owner, at.id))
        told = list(self.manager(at._replace(scope=owner)).watch(session_id=at.id, after=known, timeout=0))
        if session is None:
            assert known == 0 or told
            assert not told or told[-1].kind in ("deleted", "erased", "missed")
        elif known != session.revision:
            assert (told[-1].kind != "deleted", told[-1].revision) == (True, session.revision)

    def everything_is_said(self) -> None:
        super().everything_is_said()
        self.hear(At(0, None))


def plainly(change: Change) -> News:
    return News(change.owner, change.session_id, change.kind, change.revision)


def by_session(told: Iterable[News]) -> dict[str, list[list[Any]]]:
    """In the order of each session, which alone is certain: several that go in one call, go in any order."""
    found = defaultdict(list)
    for news in told:
        found[f"{news.owner}/{news.session_id}"].append([news.kind, news.revision])
    return dict(found)
