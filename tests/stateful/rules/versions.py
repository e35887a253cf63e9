"""Calls about versions and forks."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ithaca import ChatMessage
from ithaca.errors import IthacaError
from tests.stateful import given
from tests.stateful.keep import At, Keep, attempt, plain


class VersionRules(Keep):
    def aimed_at(self, at: At, place: int) -> str:
        """A message that is shown, or lies in a version that isn't."""
        session = attempt(self.world.find, at.scope, at.id)
        if isinstance(session, IthacaError):
            return "m0"
        everything = [*session.history, *(m for entry in self.world.aside(session) for m in entry.removed)]
        return everything[place % len(everything)].id if everything else "m0"

    @rule(at=given.sessions, place=given.places, said=given.versions, expectation=given.expectations)
    def add_version(self, at: At, place: int, said: ChatMessage, expectation: str) -> None:
        message = self.aimed_at(at, place)
        self.both(at, "add_version", at.id, message, said, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(at=given.sessions, place=given.places, changes=given.message_changes, expectation=given.expectations)
    def edit_as_version(self, at: At, place: int, changes: dict[str, Any], expectation: str) -> None:
        message, expected = self.aimed_at(at, place), self.session_at(at, expectation)
        if "content" not in changes:
            changes = {**changes, "content": "edited"}
        actual = attempt(self.manager(at).edit_message, at.id, message, **changes, **expected, branch=True)
        new_id = "" if isinstance(actual, IthacaError) else actual.id
        twin = attempt(self.world.edit_as_version, at.scope, at.id, message, new_id, changes, **expected)
        self.same(actual, twin)
        self.read_session(at)

    @rule(at=given.sessions, place=given.places, expectation=given.expectations)
    def switch_version(self, at: At, place: int, expectation: str) -> None:
        message = self.aimed_at(at, place)
        self.both(at, "switch_version", at.id, message, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(at=given.sessions, place=given.places)
    def list_versions(self, at: At, place: int) -> None:
        message = self.aimed_at(at, place)
        actual = attempt(self.manager(at).list_versions, at.id, message)
        expected = attempt(self.world.list_versions, at.scope, at.id, message)
        if isinstance(expected, IthacaError):
            self.same(actual, expected)
        else:
            self.same([plain(v.message) for v in actual], [plain(message) for message, _, _ in expected])
            self.same([(v.shown, v.messages) for v in actual], [tuple(rest) for _, *rest in expected])

    @rule(
        at=given.sessions, place=st.one_of(st.none(), given.places), name=st.one_of(st.none(), given.names),
        new_id=given.session_ids,
    )  # fmt: skip
    def fork_session(self, at: At, place: int | None, name: str | None, new_id: str) -> None:
        message = None if place is None else self.aimed_at(at, place)
        where = {"at": message, "name": name, "new_id": new_id}
        actual = attempt(self.manager(at).fork_session, at.id, **where)
        self.same(actual, attempt(self.world.fork_session, at.scope, at.id, **where))
        self.read_session(at._replace(id=new_id))
