"""Calls about messages."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ithaca import ChatMessage
from ithaca.errors import IthacaError
from tests.stateful import given
from tests.stateful.keep import At, Keep, attempt


class MessageRules(Keep):
    def say(self, at: At, call: str, said: list[ChatMessage], expectation: str) -> None:
        """Adds or replaces messages. Those without an id have one only after the store made it up."""
        expected_revision = self.session_at(at, expectation)
        actual = attempt(getattr(self.manager(at), call), at.id, said, **expected_revision)
        stored = said if isinstance(actual, IthacaError) else actual
        named = [m.replace(id=m.id or s.id or f"new {n}") for n, (m, s) in enumerate(zip(said, stored, strict=True))]
        expected = attempt(getattr(self.world, call), at.scope, at.id, named, **expected_revision)
        self.same(actual, expected)
        self.read_session(at)

    @rule(at=given.sessions, said=given.messages, expectation=given.expectations)
    def add_message(self, at: At, said: ChatMessage, expectation: str) -> None:
        self.say(at, "add_messages", [said], expectation)

    @rule(
        at=given.sessions, said=given.messages, message_id=given.message_ids,
        expectation=given.expectations,
    )  # fmt: skip
    def add_one_message(self, at: At, said: ChatMessage, message_id: str, expectation: str) -> None:
        message = said.replace(id=message_id)
        self.both(at, "add_message", at.id, message, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(
        at=given.sessions,
        said=st.lists(given.messages, max_size=4),
        expectation=given.expectations,
    )
    def add_messages(self, at: At, said: list[ChatMessage], expectation: str) -> None:
        self.say(at, "add_messages", said, expectation)

    @rule(
        at=given.sessions, first=given.few, count=given.few, changes=given.retry_changes, expectation=given.expectations
    )
    def add_again(self, at: At, first: int, count: int, changes: dict[str, Any], expectation: str) -> None:
        """What is stored already, as a caller who heard no answer would; or something else under its id."""
        said = [message_again(message).replace(**changes) for message in self.stored(at)[first : first + count]]
        self.say(at, "add_messages", said, expectation)

    @rule(
        at=given.sessions,
        keep=given.few,
        said=st.lists(given.messages, max_size=3),
        again=given.few,
        expectation=given.expectations,
    )
    def replace_messages(self, at: At, keep: int, said: list[ChatMessage], again: int, expectation: str) -> None:
        """The start as it is, then something new, then some of the rest."""
        stored = [message_again(message) for message in self.stored(at)]
        self.say(at, "replace_messages", stored[:keep] + said + stored[keep + again :], expectation)

    def stored(self, at: At) -> Sequence[Any]:
        session = attempt(self.world.find, at.scope, at.id)
        return [] if isinstance(session, IthacaError) else session.history

    @rule(
        at=given.sessions,
        place=given.few,
        changes=given.message_changes,
        expectation=given.expectations,
    )
    def edit_message(self, at: At, place: int, changes: dict[str, Any], expectation: str) -> None:
        ids = [message.id for message in self.stored(at)] or ["m0"]
        message = ids[place % len(ids)]
        self.both(at, "edit_message", at.id, message, **changes, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(at=given.sessions, places=st.lists(given.few, max_size=3), expectation=given.expectations)
    def delete_messages(self, at: At, places: list[int], expectation: str) -> None:
        ids = [message.id for message in self.stored(at)]
        gone = [ids[place] for place in places if place < len(ids)] + ["m0"]
        self.both(at, "delete_messages", at.id, gone, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(at=given.sessions, keep=given.few, expectation=given.expectations)
    def truncate_messages(self, at: At, keep: int, expectation: str) -> None:
        self.both(at, "truncate_messages", at.id, keep, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(
        at=given.sessions,
        bounds=st.fixed_dictionaries({}, optional={"before": st.integers(0, 20), "after": st.integers(0, 20)}),
        limit=st.integers(1, 5),
    )
    def get_messages(self, at: At, bounds: dict[str, int], limit: int) -> None:
        self.both(at, "get_messages", at.id, limit=limit, **bounds)
        self.managers[at.number].settle()

    @rule(at=given.sessions, message_id=given.message_ids, after=given.few)
    def read_messages(self, at: At, message_id: str, after: int) -> None:
        self.both(at, "get_message", at.id, message_id)
        self.managers[at.number].settle()
        actual = attempt(lambda: list(self.manager(at).iter_messages(at.id, after=after)))
        self.same(actual, attempt(self.world.iter_messages, at.scope, at.id, after=after))
        self.managers[at.number].settle()


def message_again(stored: Any) -> ChatMessage:
    """What its author said once, said again later."""
    fields = ("role", "content", "metadata", "tool_calls", "tool_call_id", "name", "id")
    return ChatMessage(**{field: getattr(stored, field) for field in fields})
