"""The calls about other ways that a conversation went: versions of a message, and forks."""

from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.models import ChatMessage, MessageVersion, Session
from ithaca.operations import forks, versions


class Versions(Base):
    """The calls about other ways that a conversation went."""

    def add_version(
        self, session_id: str, message_id: str, message: ChatMessage, *, expected_revision: int | None = None
    ) -> ChatMessage:
        """The message, stored in the place of another one: an answer that was generated anew.

        The other one and all that followed it are kept as a version; `switch_version` shows them again. A message
        that brings an id may be added again, as with `add_message`. Raises `MessageNotFound`, `SessionNotFound`,
        `InvalidMessage`, `MessageConflict`, `RevisionConflict`.
        """
        door = self._door
        draft = door.drafts([message])[0]
        id, old = door.session_id(session_id), door.message_id(session_id, message_id)
        return self._at(id).write(versions.add_version, door.scope, id, old, draft, door.expected(expected_revision))

    def list_versions(self, session_id: str, message_id: str) -> list[MessageVersion]:
        """Every version of a message, the oldest first.

        One of them is shown, unless it was removed or lies in a version of an earlier message. `message_id` is that of
        any of the versions. Raises `MessageNotFound`, `SessionNotFound`.
        """
        door = self._door
        id = door.session_id(session_id)
        return self._at(id).read(versions.list_versions, door.scope, id, door.message_id(session_id, message_id))

    def switch_version(
        self, session_id: str, message_id: str, *, expected_revision: int | None = None
    ) -> list[ChatMessage]:
        """Shows the version of the conversation that this message is in; returns it and what follows it.

        The version that was shown is kept with what follows it. If that was removed, the other one comes at the
        end. The cost is that of the messages that go and come. Raises `MessageNotFound`, `SessionNotFound`,
        `RevisionConflict`; `MessageConflict` if the id of one of its messages is in use again.
        """
        door = self._door
        id, message = door.session_id(session_id), door.message_id(session_id, message_id)
        return self._at(id).write(versions.switch_version, door.scope, id, message, door.expected(expected_revision))

    def fork_session(
        self, session_id: str, *, at: str | None = None, name: str | None = None, new_id: str | None = None
    ) -> Session:
        """A new session with the messages up to and with the one whose id is `at`, or all; without its history loaded.

        It is independent: nothing that happens to one of them touches the other. Messages keep their ids, numbers
        and times; attachments are shared; summaries are copied, and `undo` takes back the copies, too; `forked_from`
        and `forked_at` tell the origin. Documents, and versions that aren't shown, stay with the original. The copy of
        an incognito session is incognito. Raises `SessionNotFound`, `MessageNotFound`, `SessionExists`.
        """
        door = self._door
        id, message = door.session_id(session_id), None if at is None else door.message_id(session_id, at, "at")
        new = door.fork(new_id, name)
        storage = self._at(id)
        if new_id is not None:
            self._refuse_taken(new_id, incognito=storage is self._incognito)
        return self._incognito.learn(storage.write(forks.fork, door.scope, id, message, new))


@documented_by(Versions)
class AsyncVersions(AsyncBase):
    """The calls about other ways that a conversation went."""

    async def add_version(
        self, session_id: str, message_id: str, message: ChatMessage, *, expected_revision: int | None = None
    ) -> ChatMessage:
        door = self._door
        draft = door.drafts([message])[0]
        id, old = door.session_id(session_id), door.message_id(session_id, message_id)
        return await self._at(id).write(
            versions.add_version, door.scope, id, old, draft, door.expected(expected_revision)
        )

    async def list_versions(self, session_id: str, message_id: str) -> list[MessageVersion]:
        door = self._door
        id = door.session_id(session_id)
        return await self._at(id).read(versions.list_versions, door.scope, id, door.message_id(session_id, message_id))

    async def switch_version(
        self, session_id: str, message_id: str, *, expected_revision: int | None = None
    ) -> list[ChatMessage]:
        door = self._door
        id, message = door.session_id(session_id), door.message_id(session_id, message_id)
        return await self._at(id).write(
            versions.switch_version, door.scope, id, message, door.expected(expected_revision)
        )

    async def fork_session(
        self, session_id: str, *, at: str | None = None, name: str | None = None, new_id: str | None = None
    ) -> Session:
        door = self._door
        id, message = door.session_id(session_id), None if at is None else door.message_id(session_id, at, "at")
        new = door.fork(new_id, name)
        storage = await self._place(id)
        if new_id is not None:
            await self._refuse_taken(new_id, incognito=storage is self._incognito)
        return self._incognito.learn(await storage.write(forks.fork, door.scope, id, message, new))
