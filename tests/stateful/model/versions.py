"""Versions of a message, each with what followed it; and forks."""

from copy import copy
from dataclasses import replace
from typing import Any

from ithaca import ChatMessage
from ithaca.errors import MessageConflict, MessageNotFound, RevisionConflict, SessionExists
from tests.stateful.model.kept import Message, Session, Trashed, all_or_nothing
from tests.stateful.model.messages import Messages, same


class Versions(Messages):
    def add_version(
        self,
        scope: str | None,
        session_id: str,
        message_id: str,
        said: ChatMessage,
        *,
        expected_revision: int | None = None,
    ) -> Message:
        [new] = self.heard([said])
        session = self.find(scope, session_id)
        if (stored := self.known(session, new.id)) is not None:
            group = self.group_of(session, message_id)
            if new.id == message_id or group is None or stored.version_group != group or not same(new, stored):
                raise MessageConflict(session_id, new.id)
            return stored
        if expected_revision not in (None, session.revision):
            raise RevisionConflict(session_id, session.revision, expected_revision or 0)
        return self.put_version(session, self.find_message(session, message_id), new)

    def edit_as_version(
        self, scope: str | None, session_id: str, message_id: str, new_id: str, changes: dict[str, Any], **expected: int
    ) -> Message:
        session = self.find_at(scope, session_id, expected.get("expected_revision"))
        old = self.find_message(session, message_id)
        new = replace(old, **changes, id=new_id, created_at=self.now, edited_at=None)
        new.metadata = new.metadata or {}
        return self.put_version(session, old, new)

    def put_version(self, session: Session, old: Message, new: Message) -> Message:
        old.version_group = new.version_group = old.version_group or f"versions of {old.id} from {session.revision}"
        self.set_aside(session, old)
        self.append(session, [new], new.created_at, "messages changed")
        return new

    def set_aside(self, session: Session, first: Message) -> None:
        gone = [message for message in session.history if message.seq >= first.seq]
        self.throw_messages(session, "version", gone).group = first.version_group

    def aside(self, session: Session) -> list[Trashed]:
        """Versions that are not shown, those that were set aside last first."""
        mine = [
            entry
            for entry in self.trash
            if (entry.owner, entry.session_id, entry.kind, entry.parent) == (session.owner, session.id, "version", None)
        ]
        return sorted(mine, key=lambda entry: (entry.revision, entry.number), reverse=True)

    def known(self, session: Session, message_id: str) -> Message | None:
        """A message that is shown, or lies in a version that isn't."""
        everything = [session.history, *(entry.removed for entry in self.aside(session))]
        return next((message for part in everything for message in part if message.id == message_id), None)

    def group_of(self, session: Session, message_id: str) -> str | None:
        message = self.known(session, message_id)
        if message is None:
            raise MessageNotFound(session.id, message_id)
        return message.version_group

    def list_versions(self, scope: str | None, session_id: str, message_id: str) -> list[tuple[Message, bool, int]]:
        """Each with whether it is shown and how many messages it has with its sequel."""
        session = self.find(scope, session_id)
        group = self.group_of(session, message_id)
        found = []
        for part in (session.history, *(entry.removed for entry in self.aside(session))):
            for place, message in enumerate(part):
                if message.id == message_id if group is None else message.version_group == group:
                    found.append((message, part is session.history, len(part) - place))
            if found and group is None:
                break
        return sorted(found, key=lambda version: (version[0].seq, version[0].id))

    @all_or_nothing
    def switch_version(
        self, scope: str | None, session_id: str, message_id: str, *, expected_revision: int | None = None
    ) -> list[Message]:
        session = self.find_at(scope, session_id, expected_revision)
        if self.show(session, message_id):
            self.changed(session)
        first = self.find_message(session, message_id)
        return [message for message in session.history if message.seq >= first.seq]

    def show(self, session: Session, message_id: str) -> bool:
        """Brings back the versions that a message lies in, outermost first."""
        if any(message.id == message_id for message in session.history):
            return False
        for entry in self.aside(session):
            if any(message.id == message_id for message in entry.removed):
                self.show_entry(session, entry, [])
                return True
        return False

    def show_entry(self, session: Session, entry: Trashed, on_the_way: list[Trashed]) -> None:
        if not any(message.version_group == entry.group for message in session.history):
            for outer in self.aside(session):
                if outer.group != entry.group and any(m.version_group == entry.group for m in outer.removed):
                    if outer not in on_the_way:
                        self.show_entry(session, outer, [*on_the_way, entry])
                    break
        self.bring_back(session, entry)

    def bring_back(self, session: Session, entry: Trashed) -> None:
        for message in session.history:
            if message.version_group == entry.group:
                self.set_aside(session, message)
                break
        shown = {message.id for message in session.history}
        for message in entry.removed:
            if message.id in shown:
                raise MessageConflict(session.id, message.id)
        first = entry.removed[0].seq
        if session.history and session.history[-1].seq >= first:
            for message in entry.removed:
                message.seq += session.next_seq - first
        session.history += entry.removed
        session.next_seq = max(session.next_seq, session.history[-1].seq + 1)
        self.trash.remove(entry)

    def fork_session(
        self, scope: str | None, session_id: str, *, at: str | None = None, name: str | None = None, new_id: str
    ) -> Session:
        source = self.find(scope, session_id)
        if scope is None and self.any_owners(new_id):
            raise SessionExists(new_id)
        last = source.next_seq - 1 if at is None else self.find_message(source, at).seq
        if (source.owner, new_id) in self.sessions:
            raise SessionExists(new_id)
        history = [replace(copy(m), version_group=None) for m in source.history if m.seq <= last]
        now = self.now
        fork = replace(
            source, id=new_id, name=source.name if name is None else name, created_at=now, updated_at=now,
            last_accessed=now, since=now, last_message_at=now if history else None, archived=False,
            is_important=False, revision=1, history=history, next_seq=last + 1, reads=[],
            compactions=[replace(c, session_id=new_id) for c in source.compactions if c.through <= last],
        )  # fmt: skip
        self.sessions[source.owner, new_id] = fork
        self.tell(fork, "created")
        for made in sorted(fork.compactions, key=lambda made: (made.through, made.created_at)):
            self.throw_away(fork.owner, "compact", session_id=new_id, revision=1, compaction=made)
        return fork
