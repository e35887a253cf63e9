"""The calls about messages, their versions and forks."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ithaca.arguments import UNSET, Reading, Unset
from ithaca.client import values, wire
from ithaca.client.asking import JSON_LINES, Asking, Request, Stream, at, call, stream, with_query
from ithaca.client.base import Calls
from ithaca.content import flag, whole
from ithaca.models import ChatMessage, Content, MessageVersion, Removed, Session


class Messages(Calls):
    """The calls about messages."""

    @call
    def add_message(
        self, session_id: str, message: ChatMessage, *, expected_revision: int | None = None
    ) -> Asking[ChatMessage]:
        """The message as it is stored at the end of the session: with its id, number and time."""
        _, id, _, _, expected = self._door.append_one(session_id, message, expected_revision)
        return (yield from self._added(id, [message], expected))[0]

    @call
    def add_messages(
        self, session_id: str, messages: Iterable[ChatMessage], *, expected_revision: int | None = None
    ) -> Asking[list[ChatMessage]]:
        """The messages as they are stored, in their order and with numbers in a row; all of them, or none."""
        messages = self._listed_messages(messages)
        _, id, _, _, expected = self._door.append(session_id, messages, expected_revision)
        return (yield from self._added(id, messages, expected))

    def _added(self, session_id: str, new: Iterable[ChatMessage], expected: int | None) -> Asking[list[ChatMessage]]:
        reply = yield self._post(at("sessions", session_id, "messages"), self._bodies(new), expected=expected)
        return values.items(values.message)(reply.value)

    @staticmethod
    def _listed_messages(given: Any) -> Any:
        """What can be gone through only once, as a list; anything else as it is, for the door to judge."""
        return list(given) if hasattr(given, "__next__") else given

    def _bodies(self, messages: Iterable[ChatMessage]) -> dict[str, Any]:
        return {"messages": [wire.message(message, self._door.scope.limits) for message in messages]}

    @call
    def get_message(self, session_id: str, message_id: str, *, attachments: Reading = "inline") -> Asking[ChatMessage]:
        """One message; `attachments` as in `get_messages`."""
        id, message = self._door.session_id(session_id), self._door.message_id(session_id, message_id)
        self._door.inline(attachments)
        reply = yield self._get(at("sessions", id, "messages", message), {"attachments": attachments})
        return values.message(reply.value)

    @call
    def get_messages(
        self,
        session_id: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
        attachments: Reading = "inline",
    ) -> Asking[list[ChatMessage]]:
        """Messages by number, oldest first: the first after `after`, or the newest before `before`."""
        door = self._door
        id = door.session_id(session_id)
        asked = {"before": door.bound("before", before), "after": door.bound("after", after), "limit": door.page(limit)}
        door.inline(attachments)
        reply = yield self._get(at("sessions", id, "messages"), asked | {"attachments": attachments})
        return values.items(values.message)(reply.value)

    @stream
    def iter_messages(self, session_id: str, *, after: int = 0, attachments: Reading = "inline") -> Stream[ChatMessage]:
        """Every message with a number above `after`, oldest first, in constant memory."""
        id = self._door.session_id(session_id)
        first = whole("after", after, 0)
        self._door.inline(attachments)
        return History(at("sessions", id, "messages"), self._headers(None), first, attachments)

    @call
    def edit_message(
        self,
        session_id: str,
        message_id: str,
        content: Content | Unset = UNSET,
        *,
        tool_calls: Sequence[Any] | None | Unset = UNSET,
        metadata: Mapping[str, Any] | None | Unset = UNSET,
        branch: bool = False,
        expected_revision: int | None = None,
    ) -> Asking[ChatMessage]:
        """The message as it is after the change, in its old place; what it said before goes to the trash."""
        door = self._door
        door.edited(content, tool_calls, metadata)
        message = door.message_id(session_id, message_id)
        id, expected = door.session_id(session_id), door.expected(expected_revision)
        body = {} if isinstance(content, Unset) else wire.said(content, door.scope.limits)
        given = {"tool_calls": tool_calls, "metadata": metadata}
        body |= {name: value for name, value in given.items() if value is not UNSET}
        body["branch"] = flag("branch", branch)
        reply = yield self._change("PATCH", at("sessions", id, "messages", message), body, expected=expected)
        return values.message(reply.value)

    @call
    def delete_messages(
        self, session_id: str, message_ids: Iterable[str], *, expected_revision: int | None = None
    ) -> Asking[Removed]:
        """Moves messages to the trash; the result counts those that were there."""
        body = {"message_ids": self._door.ids("message_ids", message_ids)}
        id, expected = self._door.session_id(session_id), self._door.expected(expected_revision)
        reply = yield self._post(at("sessions", id, "messages:delete"), body, expected=expected)
        return Removed(**reply.value)

    @call
    def truncate_messages(
        self, session_id: str, keep_count: int, *, expected_revision: int | None = None
    ) -> Asking[Removed]:
        """Keeps the first `keep_count` messages and moves the others to the trash."""
        body = {"keep_count": whole("keep_count", keep_count, 0)}
        id, expected = self._door.session_id(session_id), self._door.expected(expected_revision)
        reply = yield self._post(at("sessions", id, "messages:truncate"), body, expected=expected)
        return Removed(**reply.value)

    @call
    def replace_messages(
        self, session_id: str, messages: Iterable[ChatMessage], *, expected_revision: int | None = None
    ) -> Asking[list[ChatMessage]]:
        """The messages as they are stored now, in the place of all that were there."""
        new = self._listed_messages(messages)
        self._door.drafts(new)
        id, expected = self._door.session_id(session_id), self._door.expected(expected_revision)
        reply = yield self._change("PUT", at("sessions", id, "messages"), self._bodies(new), expected=expected)
        return values.items(values.message)(reply.value)

    @call
    def add_version(
        self, session_id: str, message_id: str, message: ChatMessage, *, expected_revision: int | None = None
    ) -> Asking[ChatMessage]:
        """The message, stored in the place of another one: an answer that was generated anew."""
        door = self._door
        door.drafts([message])
        id, old = door.session_id(session_id), door.message_id(session_id, message_id)
        body, expected = wire.message(message, door.scope.limits), door.expected(expected_revision)
        reply = yield self._post(at("sessions", id, "messages", old, "versions"), body, expected=expected)
        return values.message(reply.value)

    @call
    def list_versions(self, session_id: str, message_id: str) -> Asking[list[MessageVersion]]:
        """Every version of a message, the oldest first."""
        id, message = self._door.session_id(session_id), self._door.message_id(session_id, message_id)
        path = at("sessions", id, "messages", message, "versions")
        return values.items(values.version)((yield from self._every(path)))

    @call
    def switch_version(
        self, session_id: str, message_id: str, *, expected_revision: int | None = None
    ) -> Asking[list[ChatMessage]]:
        """Shows the version of the conversation that this message is in; returns it and what follows it."""
        id, message = self._door.session_id(session_id), self._door.message_id(session_id, message_id)
        expected = self._door.expected(expected_revision)
        reply = yield self._post(at("sessions", id, "messages", message, "switch"), expected=expected)
        return values.items(values.message)(reply.value)

    @call
    def fork_session(
        self, session_id: str, *, at: str | None = None, name: str | None = None, new_id: str | None = None
    ) -> Asking[Session]:
        """A new session with the messages up to and with the one whose id is `at`, or all."""
        id = self._door.session_id(session_id)
        message = None if at is None else self._door.message_id(session_id, at, "at")
        self._door.fork(new_id, name)
        reply = yield self._post(_forks(id), {"at": message, "name": name, "new_id": new_id})
        return values.session(reply.value)


def _forks(session_id: str) -> str:
    return at("sessions", session_id, "forks")


class History:
    """The messages of a session as JSON Lines; where it is cut off, it goes on after the last message that came.

    At the end it asks once more, for what was added meanwhile, until nothing was.
    """

    def __init__(self, path: str, headers: dict[str, str], after: int, attachments: str) -> None:
        self._path = path
        self._headers = headers | {"Accept": JSON_LINES}
        self._asked = {"attachments": attachments}
        self._after = after
        self._pending = bytearray()
        self._came = self._ended = False

    def request(self) -> Request | None:
        if self._ended:
            return None
        self._pending.clear()
        self._came = False
        asked = self._asked | {"after": self._after}
        return Request("GET", with_query(self._path, asked), self._headers, repeatable=True)

    def take(self, piece: bytes) -> Iterable[ChatMessage]:
        self._pending += piece
        lines = self._pending.split(b"\n")
        self._pending = lines.pop()
        for line in lines:
            message = values.message(json.loads(line))
            self._after, self._came = message.seq or 0, True
            yield message

    def ended(self) -> float:
        self._ended = not self._came
        return 0
