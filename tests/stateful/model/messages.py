"""Messages: added at the end under numbers that are never used twice, changed by id."""

import json
from collections.abc import Sequence
from copy import copy
from datetime import datetime
from typing import Any

from ithaca import ChatMessage, Removed
from ithaca.errors import InvalidArgument, InvalidMessage, MessageConflict, MessageNotFound
from tests.stateful.model.kept import Message, Session, Trashed, check_revision
from tests.stateful.model.sessions import Sessions

UNSET: Any = object()


class Messages(Sessions):
    """Messages that are given here have ids all; a store makes up those that are missing."""

    def add_message(
        self, scope: str | None, session_id: str, message: ChatMessage, *, expected_revision: int | None = None
    ) -> Message:
        return self.add_messages(scope, session_id, [message], expected_revision=expected_revision)[0]

    def add_messages(
        self, scope: str | None, session_id: str, said: Sequence[ChatMessage], *, expected_revision: int | None = None
    ) -> list[Message]:
        """An id is a key: the same message again changes nothing, another one under its id is refused."""
        given = self.heard(said)
        session = self.find(scope, session_id)
        stored = {message.id: message for message in session.history}
        for message in given:
            if message.id in stored and not same(message, stored[message.id]):
                raise MessageConflict(session_id, message.id)
        new = [message for message in given if message.id not in stored]
        if new or not given:
            check_revision(session, expected_revision)
        if new:
            self.append(session, new, at=max(message.created_at for message in new))
        return [stored.get(message.id, message) for message in given]

    def heard(self, said: Sequence[ChatMessage]) -> list[Message]:
        if len({message.id for message in said}) < len(said):
            raise InvalidMessage("id", "an id twice", "unique")
        return [
            Message(
                str(m.id), m.role, m.content, dict(m.metadata or {}), m.tool_calls, m.tool_call_id, m.name,
                created_at=m.created_at or self.now,
            )
            for m in said
        ]  # fmt: skip

    def append(self, session: Session, new: list[Message], at: datetime | None, kind: str = "messages added") -> None:
        for message in new:
            message.seq = session.next_seq
            session.next_seq += 1
            session.history.append(message)
        if at is not None:
            session.last_message_at = max(session.last_message_at or at, at)
        self.changed(session, kind)

    def get_message(self, scope: str | None, session_id: str, message_id: str) -> Message:
        message = self.find_message(self.find(scope, session_id), message_id)
        self.get_session(scope, session_id)  # it was read
        return message

    def find_message(self, session: Session, message_id: str) -> Message:
        for message in session.history:
            if message.id == message_id:
                return message
        raise MessageNotFound(session.id, message_id)

    def get_messages(
        self,
        scope: str | None,
        session_id: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> list[Message]:
        """The first after a number, or the newest before one."""
        session = self.get_session(scope, session_id)
        within = [m for m in session.history if (after is None or m.seq > after) and (before is None or m.seq < before)]
        return within[-limit:] if after is None else within[:limit]

    def iter_messages(self, scope: str | None, session_id: str, *, after: int = 0) -> list[Message]:
        return [message for message in self.get_session(scope, session_id).history if message.seq > after]

    def edit_message(
        self,
        scope: str | None,
        session_id: str,
        message_id: str,
        content: Any = UNSET,
        *,
        tool_calls: Any = UNSET,
        metadata: Any = UNSET,
        expected_revision: int | None = None,
    ) -> Message:
        if content is UNSET and (metadata is UNSET or tool_calls is not UNSET):
            raise InvalidArgument("content", None, "given")
        session = self.find_at(scope, session_id, expected_revision)
        message = self.find_message(session, message_id)
        self.throw_messages(session, "edit message", [copy(message)], put=(message.seq, message.seq))
        changes = {"content": content, "tool_calls": tool_calls, "metadata": metadata}
        for field, value in changes.items():
            if value is not UNSET:
                setattr(message, field, value)
        message.metadata = message.metadata or {}
        message.edited_at = self.now
        self.changed(session)
        return message

    def delete_messages(
        self, scope: str | None, session_id: str, message_ids: Sequence[str], *, expected_revision: int | None = None
    ) -> Removed:
        session = self.find_at(scope, session_id, expected_revision)
        return self.cut(session, "delete messages", [m for m in session.history if m.id in message_ids])

    def truncate_messages(
        self, scope: str | None, session_id: str, keep_count: int, *, expected_revision: int | None = None
    ) -> Removed:
        session = self.find_at(scope, session_id, expected_revision)
        return self.cut(session, "truncate messages", session.history[keep_count:])

    def cut(self, session: Session, kind: str, gone: list[Message]) -> Removed:
        if not gone:
            return Removed()
        self.throw_messages(session, kind, gone)
        self.changed(session)
        return Removed("an entry", messages=len(gone))

    def throw_messages(
        self, session: Session, kind: str, gone: list[Message], put: tuple[int, int] | None = None
    ) -> Trashed:
        """Those to the trash that are in the history, as copies are not."""
        session.history = [message for message in session.history if not any(message is it for it in gone)]
        versions = [m for m in session.history if m.version_group and m.seq <= min(it.seq for it in gone)]
        return self.throw_away(
            session.owner, kind, session_id=session.id, revision=session.revision + 1, put=put,
            messages={session.id: gone}, version=versions[-1].id if versions and kind != "version" else None,
        )  # fmt: skip

    def replace_messages(
        self, scope: str | None, session_id: str, said: Sequence[ChatMessage], *, expected_revision: int | None = None
    ) -> list[Message]:
        """What begins alike stays; after it, old messages go to the trash and new ones take new numbers."""
        given = self.heard(said)
        session = self.find_at(scope, session_id, expected_revision)
        old = {message.id: message for message in session.history}
        kept = alike(session.history, given)
        gone, new = session.history[kept:], given[kept:]
        if not gone and not new:
            return session.history
        for message in new:
            if message.id in old:
                message.created_at, message.edited_at = old[message.id].created_at, old[message.id].edited_at
                message.version_group = old[message.id].version_group
        if gone:
            put = (session.next_seq, session.next_seq + len(new) - 1)
            self.throw_messages(session, "replace messages", gone, put)
        at = max((m.created_at for m in new if m.id not in old), default=None)
        self.append(session, new, at, "messages changed" if gone or at is None else "messages added")
        return session.history


def same(one: Message, other: Message) -> bool:
    """Whether they say the same, compared as JSON does: 1 is not true, and the order of keys means nothing."""
    return _said(one) == _said(other)


def _said(message: Message) -> str:
    fields = ("role", "content", "tool_calls", "tool_call_id", "name", "metadata")
    return json.dumps([getattr(message, field) for field in fields], sort_keys=True, default=repr)


def alike(stored: Sequence[Message], given: Sequence[Message]) -> int:
    """How many messages at the start are the same in both."""
    for place, (old, new) in enumerate(zip(stored, given, strict=False)):
        if old.id != new.id or not same(old, new):
            return place
    return min(len(stored), len(given))
