"""Search: every message that a plain comparison takes for a fit."""

from typing import Any

from ithaca.content import spoken
from ithaca.query import matches, parse
from tests.stateful.model.sessions import Sessions


class Search(Sessions):
    def found(self, scope: str | None, text: str, session: str | None, role: str | None) -> set[tuple[Any, ...]]:
        """Owner, session and number of what fits."""
        searched = self.in_scope(scope) if session is None else [self.find(scope, session)]
        return {
            (within.owner, within.id, message.seq)
            for within in searched
            for message in within.history
            if role in (None, message.role) and matches(parse(text), spoken(message.content)) is not None
        }
