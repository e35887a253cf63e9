"""Sessions: made, found, listed, changed, removed."""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ithaca import Removed
from ithaca.errors import AmbiguousId, InvalidArgument, SessionExists, SessionNotFound
from tests.stateful.model.kept import Kept, Session, Trashed, check_revision, owner_of_new, the_only

ORDERS: dict[str, tuple[Callable[[Session], Any], bool]] = {
    "activity": (lambda s: s.active_at, True),
    "created": (lambda s: s.created_at, True),
    "name": (lambda s: folded(s.name), False),
    "messages": (lambda s: s.message_count, True),
}


class Sessions(Kept):
    def in_scope(self, scope: str | None) -> list[Session]:
        return [session for session in self.sessions.values() if scope in (None, session.owner)]

    def find(self, scope: str | None, session_id: str) -> Session:
        found = [session for session in self.in_scope(scope) if session.id == session_id]
        session: Session = the_only(found, session_id, SessionNotFound)
        return session

    def find_at(self, scope: str | None, session_id: str, expected: int | None) -> Session:
        session = self.find(scope, session_id)
        check_revision(session, expected)
        return session

    def changed(self, session: Session, kind: str = "messages changed") -> None:
        """Every change raises the revision by one and is a use of the session."""
        session.revision += 1
        self.tell(session, kind)
        session.updated_at = self.now
        self.used(session)

    def used(self, session: Session) -> None:
        session.last_accessed = self.now
        session.reads.clear()

    def create_session(
        self,
        scope: str | None,
        session_id: str,
        name: str = "New chat",
        endpoint_url: str = "",
        model: str = "",
        rag: bool = False,
        owner: str | None = None,
        *,
        folder: str | None = None,
        mode: str | None = None,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Session:
        owner, now = owner_of_new(scope, owner), self.now
        # Trusted code finds an owner by the id, so it never uses an id for two.
        if (owner, session_id) in self.sessions or (scope is None and self.any_owners(session_id)):
            raise SessionExists(session_id)
        session = Session(
            owner, session_id, name, endpoint_url, model, rag, folder or None, mode or None,
            headers or {}, extra or {}, created_at=now, updated_at=now, last_accessed=now, since=now,
        )  # fmt: skip
        self.sessions[owner, session_id] = session
        self.tell(session, "created")
        return session

    def any_owners(self, session_id: str) -> bool:
        return any(session.id == session_id for session in self.sessions.values())

    def ensure_task_session(
        self, scope: str | None, session_id: str, name: str, endpoint_url: str, model: str, owner: str | None = None
    ) -> Session:
        owner_of_new(scope, owner)
        try:
            return self.find(scope, session_id)
        except SessionNotFound:
            return self.create_session(scope, session_id, name, endpoint_url, model, owner=owner)

    def get_session(self, scope: str | None, session_id: str) -> Session:
        session = self.find(scope, session_id)
        session.reads.append(self.now)
        return session

    def update_session(
        self, scope: str | None, session_id: str, *, expected_revision: int | None = None, **changes: Any
    ) -> Session:
        if not changes:
            raise InvalidArgument("name", None, "something to change")
        session = self.find_at(scope, session_id, expected_revision)
        if changes.get("endpoint_url", session.endpoint_url) != session.endpoint_url:
            changes.setdefault("headers", {})  # they were meant for the old one
        for field, value in changes.items():
            setattr(session, field, {} if field == "extra" and value is None else value)
        self.changed(session, "updated")
        return session

    def rename_session(self, scope: str | None, session_id: str, name: str, **expected: Any) -> Session:
        return self.update_session(scope, session_id, name=name, **expected)

    def archive_session(self, scope: str | None, session_id: str, **expected: Any) -> Session:
        return self.update_session(scope, session_id, archived=True, **expected)

    def unarchive_session(self, scope: str | None, session_id: str, **expected: Any) -> Session:
        return self.update_session(scope, session_id, archived=False, **expected)

    def mark_important(self, scope: str | None, session_id: str, important: bool = True, **expected: Any) -> Session:
        return self.update_session(scope, session_id, is_important=important, **expected)

    def delete_session(self, scope: str | None, session_id: str, *, expected_revision: int | None = None) -> Removed:
        return self.remove([self.find_at(scope, session_id, expected_revision)], "delete session")

    def delete_sessions(self, scope: str | None, session_ids: Sequence[str], *, important: bool = False) -> Removed:
        there = [session for session in self.in_scope(scope) if session.id in set(session_ids)]
        for session_id in session_ids:
            if sum(session.id == session_id for session in there) > 1:
                raise AmbiguousId(session_id)
        return self.remove([s for s in there if important or not s.is_important], "delete sessions")

    def remove(self, sessions: list[Session], kind: str) -> Removed:
        """To the trash with their messages and all that was removed of them before; documents stay, with no session."""
        number: int | None = None
        for owner in sorted({session.owner for session in sessions}):
            mine = [session for session in sessions if session.owner == owner]
            entry = self.throw_away(owner, kind, number=number, sessions=mine)
            number = entry.number
            if kind == "delete session":
                entry.session_id = mine[0].id
            for session in mine:
                self.take_along(entry, session)
        messages = sum(session.message_count for session in sessions)
        return Removed("an entry" if sessions else None, len(sessions), messages)

    def take_along(self, entry: Trashed, session: Session) -> None:
        del self.sessions[session.owner, session.id]
        self.tell(session, "deleted", session.revision + 1)
        entry.messages[session.id] = session.history
        for other in self.trash:
            of_it = (other.owner, other.session_id, other.parent) == (session.owner, session.id, None)
            if of_it and other is not entry and other.kind != "delete session":
                other.parent = entry
        for document in self.documents.values():
            if (document.owner, document.session_id) == (session.owner, session.id):
                entry.attached.setdefault(session.id, []).append(document.id)
                document.session_id = None
                document.revision += 1

    def list_sessions(
        self, scope: str | None, sort: str = "activity", important_first: bool = False, **wanted: Any
    ) -> list[Session]:
        """All pages of it."""
        key, downward = ORDERS[sort]
        found = [session for session in self.in_scope(scope) if fits(session, **wanted)]
        found.sort(key=lambda s: (key(s), s.owner, s.id), reverse=downward)
        if important_first:
            found.sort(key=lambda s: not s.is_important)
        return found

    def count_sessions(self, scope: str | None, **wanted: Any) -> int:
        return len(self.list_sessions(scope, **wanted))


def fits(
    session: Session,
    *,
    name: str | None = None,
    important: bool | None = None,
    active_since: datetime | None = None,
    **same: Any,
) -> bool:
    """Whether a session passes the filters; None lets everything pass, and "" means: of none."""
    wanted = {field: value for field, value in {"is_important": important, **same}.items() if value is not None}
    return (
        all((getattr(session, field) or "") == (value or "") for field, value in wanted.items())
        and (name is None or folded(name) in folded(session.name))
        and (active_since is None or session.active_at >= active_since)
    )


def folded(text: str) -> str:
    """Without case and accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
