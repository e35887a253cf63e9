"""Calls about sessions."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from ithaca.errors import IthacaError
from tests.stateful import given
from tests.stateful.keep import At, Keep, attempt


class SessionRules(Keep):
    @initialize()
    def begin_with_some(self) -> None:
        for number, (session_id, owner) in enumerate(given.USUAL_OWNERS.items()):
            at = At(number % 2, None, session_id)
            self.both(at, "create_session", session_id, f"Trip {number}", owner=owner)
            self.both(at, "add_messages", session_id, given.FIRST_WORDS[:number])
            self.both(at, "mark_important", session_id, number == 2)

    @rule(
        at=given.sessions, name=given.names, url=given.endpoints, model=given.models,
        rag=st.booleans(), folder=given.labels, mode=given.labels, headers=given.headers,
        extra=given.objects,
    )  # fmt: skip
    def create_session(self, at: At, name: str, url: str, model: str, rag: bool, **more: Any) -> None:
        self.both(at, "create_session", at.id, name, url, model, rag, self.usual_owner(at), **more)
        self.read_session(at)

    @rule(at=given.sessions, owner=given.owners)
    def create_session_of(self, at: At, owner: str | None) -> None:
        self.both(at, "create_session", at.id, owner=owner)

    def usual_owner(self, at: At) -> str | None:
        return given.USUAL_OWNERS[at.id] if at.scope is None else None

    @rule(at=given.sessions, name=given.names)
    def ensure_task_session(self, at: At, name: str) -> None:
        self.both(at, "ensure_task_session", at.id, name, "http://one/v1", "qwen3", self.usual_owner(at))
        self.read_session(at)

    @rule(at=given.sessions, last=given.few)
    def get_session(self, at: At, last: int) -> None:
        self.both(at, "get_session", at.id)
        end = attempt(self.manager(at).get_session, at.id, last=last)
        if not isinstance(end, IthacaError):
            self.same(end.history, self.world.find(at.scope, at.id).history[-last:] if last else [])
        self.managers[at.number].settle()

    @rule(at=given.sessions, changes=given.session_changes, expectation=given.expectations)
    def update_session(self, at: At, changes: dict[str, Any], expectation: str) -> None:
        self.both(at, "update_session", at.id, **changes, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(
        at=given.sessions,
        call=st.sampled_from(["archive_session", "unarchive_session", "delete_session"]),
        expectation=given.expectations,
    )
    def archive_or_delete_session(self, at: At, call: str, expectation: str) -> None:
        self.both(at, call, at.id, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(at=given.sessions, important=st.booleans(), expectation=given.expectations)
    def mark_important(self, at: At, important: bool, expectation: str) -> None:
        self.both(at, "mark_important", at.id, important, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(at=given.sessions, name=given.names, expectation=given.expectations)
    def rename_session(self, at: At, name: str, expectation: str) -> None:
        self.both(at, "rename_session", at.id, name, **self.session_at(at, expectation))
        self.read_session(at)

    @rule(at=given.managers, ids=st.lists(given.session_ids, max_size=2), important=st.booleans())
    def delete_sessions(self, at: At, ids: list[str], important: bool) -> None:
        self.both(at, "delete_sessions", ids, important=important)

    @rule(
        at=given.managers,
        wanted=given.session_filters,
        sort=st.sampled_from(["activity", "created", "name", "messages"]),
        starred_first=st.booleans(),
        limit=st.integers(1, 4),
    )
    def list_sessions(self, at: At, wanted: dict[str, Any], sort: str, starred_first: bool, limit: int) -> None:
        self.all_pages(at, "list_sessions", limit, sort=sort, important_first=starred_first, **wanted)
        self.both(at, "count_sessions", **wanted)
