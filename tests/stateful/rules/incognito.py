"""Incognito sessions: the same calls, in the memory of one manager, with a model of their own."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ithaca import ChatMessage
from ithaca.errors import IthacaError
from tests.stateful import given
from tests.stateful.keep import At, Keep, attempt
from tests.support.managers import execute

WHERE = {
    "sessions": "id", "trashed_sessions": "id", "messages": "session_id", "trashed_messages": "session_id",
    "trash": "session_id", "compactions": "session_id", "trashed_compactions": "session_id", "usage": "session_id",
    "changes": "session_id", "search_entries": "session_id",
}  # fmt: skip


class IncognitoRules(Keep):
    def in_secret(self, at: At, call: str, *args: Any, **kwargs: Any) -> None:
        """As `both`, of what is in the memory of a manager; and the session is read back."""
        actual = attempt(getattr(self.manager(at), call), *args, **kwargs)
        self.same(actual, attempt(getattr(self.hidden[at.number], call), at.scope, *args, **without_incognito(kwargs)))
        self.read_in_secret(at)

    def read_in_secret(self, at: At) -> None:
        actual = attempt(self.manager(at).get_session, at.id)
        expected = attempt(self.hidden[at.number].get_session, at.scope, at.id)
        self.same(actual, expected)
        if not isinstance(expected, IthacaError):
            assert actual.incognito
            self.same(actual.history, expected.history)
        self.managers[at.number].settle()

    def secret_at(self, at: At, expectation: str) -> dict[str, int]:
        return self.expected(lambda: self.hidden[at.number].find(at.scope, at.id), expectation)

    def secret_message(self, at: At, place: int) -> str:
        session = attempt(self.hidden[at.number].find, at.scope, at.id)
        if isinstance(session, IthacaError) or not session.history:
            return "m0"
        return str(session.history[place % len(session.history)].id)

    @rule(at=given.secrets, name=given.names, headers=given.headers)
    def create_in_secret(self, at: At, name: str, headers: dict[str, str]) -> None:
        owner = given.USUAL_SECRETS[at.id] if at.scope is None else None
        self.in_secret(at, "create_session", at.id, name, owner=owner, headers=headers, incognito=True)

    @rule(
        at=given.secrets,
        said=st.lists(given.named_messages, min_size=1, max_size=3, unique_by=lambda m: m.id),
        call=st.sampled_from(["add_messages", "add_messages", "replace_messages"]),
        expectation=given.expectations,
    )
    def say_in_secret(self, at: At, said: list[ChatMessage], call: str, expectation: str) -> None:
        self.in_secret(at, call, at.id, said, **self.secret_at(at, expectation))

    @rule(at=given.secrets, place=given.few, content=given.texts, expectation=given.expectations)
    def edit_in_secret(self, at: At, place: int, content: str, expectation: str) -> None:
        message = self.secret_message(at, place)
        self.in_secret(at, "edit_message", at.id, message, content, **self.secret_at(at, expectation))

    @rule(at=given.secrets, place=given.few, said=given.versions)
    def add_version_in_secret(self, at: At, place: int, said: ChatMessage) -> None:
        self.in_secret(at, "add_version", at.id, self.secret_message(at, place), said)

    @rule(at=given.secrets, keep=given.few, summary=st.booleans())
    def cut_in_secret(self, at: At, keep: int, summary: bool) -> None:
        if summary:
            self.in_secret(at, "compact", at.id, "so far", keep_last=keep)
        else:
            self.in_secret(at, "truncate_messages", at.id, keep)

    @rule(at=given.secrets, name=given.names, important=st.booleans(), expectation=given.expectations)
    def update_in_secret(self, at: At, name: str, important: bool, expectation: str) -> None:
        expected = self.secret_at(at, expectation)
        self.in_secret(at, "update_session", at.id, name=name, is_important=important, **expected)

    @rule(at=given.secrets, call=st.sampled_from(["undo", "undo", "delete_session", "archive_session"]))
    def undo_or_delete_in_secret(self, at: At, call: str) -> None:
        self.in_secret(at, call, at.id)

    @rule(at=given.secrets, new_id=st.sampled_from(list(given.USUAL_SECRETS)))
    def fork_in_secret(self, at: At, new_id: str) -> None:
        if not isinstance(attempt(self.hidden[at.number].find, at.scope, at.id), IthacaError):
            self.in_secret(at, "fork_session", at.id, new_id=new_id)
            self.read_in_secret(at._replace(id=new_id))

    @rule(at=given.managers)
    def list_secrets(self, at: At) -> None:
        actual = self.manager(at).list_sessions(incognito=True, limit=1000).items
        self.same(actual, self.hidden[at.number].list_sessions(at.scope))

    @rule(at=given.secrets)
    def hear_of_a_secret(self, at: At) -> None:
        expected = [
            [news.kind, news.revision] for news in self.hidden[at.number].news
            if news.session_id == at.id and at.scope in (None, news.owner)
        ]  # fmt: skip
        told = self.manager(at).watch(session_id=at.id, after="0-0", timeout=0)
        assert expected == [[c.kind, c.revision] for c in told if c.kind not in ("erased", "missed")]

    def everything_is_said(self) -> None:
        super().everything_is_said()
        ids = ", ".join(f"'{id}'" for id in given.USUAL_SECRETS)
        for table, column in WHERE.items():
            rows = execute(self.url, f"SELECT count(*) FROM {table} WHERE {column} IN ({ids})")
            assert rows == [(0,)], table


def without_incognito(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if name != "incognito"}
