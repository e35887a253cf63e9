"""The calls that ask a model, which the server does."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ithaca.client import values, wire
from ithaca.client.asking import Asking, Reply, Request, Stream, at, begun, call, stream, with_query
from ithaca.client.base import Calls
from ithaca.client.events import Events
from ithaca.client.problems import error_of
from ithaca.models import ChatMessage, Compaction, Content, Page, Session
from ithaca.reply import Reply as ModelsReply
from ithaca.reply import ReplyEvent, ReplyKind

#: Seconds for what a model does in one request.
PATIENCE = 600.0

#: Tokens to check arguments with where the server knows how many a model's window holds.
_SOME_WINDOW = 8_192


class Replies(Calls):
    """The calls that ask a model."""

    @call
    def start_reply(
        self,
        session_id: str,
        content: Content | ChatMessage = None,
        *,
        kind: ReplyKind = "answer",
        message_id: str | None = None,
        model: str | None = None,
        context_tokens: int | None = None,
        options: Mapping[str, Any] | None = None,
        expected_revision: int | None = None,
    ) -> Asking[ModelsReply]:
        """The reply that has begun: the user's message is stored, and the server asks the session's model."""
        given = {"model": model, "context_tokens": context_tokens, "options": options}
        return (yield from self._started(session_id, content, kind, message_id, given, expected_revision))

    def _started(
        self,
        session_id: str,
        content: Content | ChatMessage,
        kind: ReplyKind,
        message_id: str | None,
        given: dict[str, Any],
        expected_revision: int | None,
    ) -> Asking[ModelsReply]:
        door, window = self._door, given["context_tokens"]
        id, options = door.session_id(session_id), door.options(given["options"])
        door.reply(id, content, kind, message_id, _SOME_WINDOW if window is None else window, options)
        door.model(given["model"])
        body = given | {"options": options, "kind": kind, "message_id": message_id} | self._said(content)
        request = self._post(at("sessions", id, "replies"), body, expected=door.expected(expected_revision))
        return values.reply((yield request).value)

    def _said(self, content: Content | ChatMessage) -> dict[str, Any]:
        if isinstance(content, list):
            content = ChatMessage("user", content)
        if not isinstance(content, ChatMessage):
            return {"content": content}
        return {"message": wire.message(content, self._door.scope.limits)}

    @begun
    def reply(
        self,
        session_id: str,
        content: Content | ChatMessage = None,
        *,
        model: str | None = None,
        context_tokens: int | None = None,
        options: Mapping[str, Any] | None = None,
        expected_revision: int | None = None,
    ) -> Asking[Stream[ReplyEvent]]:
        """What the session's model answers, as it comes; it goes on though nobody asks for more."""
        given = {"model": model, "context_tokens": context_tokens, "options": options}
        return self._told((yield from self._started(session_id, content, "answer", None, given, expected_revision)))

    @begun
    def regenerate(
        self,
        session_id: str,
        message_id: str | None = None,
        *,
        model: str | None = None,
        context_tokens: int | None = None,
        options: Mapping[str, Any] | None = None,
        expected_revision: int | None = None,
    ) -> Asking[Stream[ReplyEvent]]:
        """Another answer in the place of a message of the assistant's, the last one unless named, as it comes."""
        given = {"model": model, "context_tokens": context_tokens, "options": options}
        asked = (session_id, None, "regenerate", message_id, given, expected_revision)
        return self._told((yield from self._started(*asked)))  # type: ignore[arg-type]

    @begun
    def continue_reply(
        self,
        session_id: str,
        message_id: str | None = None,
        *,
        model: str | None = None,
        context_tokens: int | None = None,
        options: Mapping[str, Any] | None = None,
        expected_revision: int | None = None,
    ) -> Asking[Stream[ReplyEvent]]:
        """How the last message, one of the assistant's that ended early, goes on, as it comes."""
        given = {"model": model, "context_tokens": context_tokens, "options": options}
        asked = (session_id, None, "continue", message_id, given, expected_revision)
        return self._told((yield from self._started(*asked)))  # type: ignore[arg-type]

    def _told(self, reply: ModelsReply) -> "Told":
        return Told(at("replies", reply.id, "events"), self._headers(None), 0)

    @stream
    def reply_events(self, reply_id: str, *, after: int = 0) -> Stream[ReplyEvent]:
        """What a reply says after an event's `offset`, and its end; for any number of watchers."""
        id = self._door.reply_id(reply_id)
        return Told(at("replies", id, "events"), self._headers(None), self._door.offset(after))

    @call
    def get_reply(self, reply_id: str) -> Asking[ModelsReply]:
        """How a reply stands."""
        return values.reply((yield self._get(at("replies", self._door.reply_id(reply_id)))).value)

    @call
    def list_replies(self, session_id: str, *, cursor: str | None = None, limit: int = 50) -> Asking[Page[ModelsReply]]:
        """A page of a session's replies, the newest first; give back its `cursor` for the next one."""
        path = at("sessions", self._door.session_id(session_id), "replies")
        asked = {"cursor": self._door.cursor(cursor), "limit": self._door.page(limit)}
        return values.page(values.reply)((yield self._get(path, asked)).value)

    @call
    def stop_reply(self, reply_id: str) -> Asking[ModelsReply]:
        """The reply, which has ended: what was said until now is kept. One that had ended before stays as it is."""
        return values.reply((yield self._post(at("replies", self._door.reply_id(reply_id), "stop"))).value)

    @call
    def title_session(self, session_id: str) -> Asking[Session]:
        """The session, with a name that its model has found for how it began; as it is, if it has one."""
        request = self._post(at("sessions", self._door.session_id(session_id), "title"))
        return values.session((yield replace(request, dead_after=PATIENCE)).value)

    @call
    def summarize(
        self,
        session_id: str,
        *,
        keep_last: int | None = None,
        through: int | str | None = None,
        model: str | None = None,
        context_tokens: int | None = None,
        expected_revision: int | None = None,
    ) -> Asking[Compaction]:
        """As `compact`, with a summary that the session's model makes, of what `keep_last` or `through` say."""
        door, id = self._door, self._door.session_id(session_id)
        door.cut(id, keep_last, through)
        door.model(model)
        body = {"keep_last": keep_last, "through": through, "model": model, "context_tokens": context_tokens}
        request = self._post(at("sessions", id, "summaries"), body, expected=door.expected(expected_revision))
        return values.compaction((yield replace(request, dead_after=PATIENCE)).value)


class Told(Events[ReplyEvent]):
    """What a reply says; where it is cut off, it goes on after the last that was heard."""

    def __init__(self, path: str, headers: dict[str, str], after: int) -> None:
        super().__init__()
        self._path = path
        self._headers |= headers
        self._after = after
        self._heard_something = False

    def asked(self) -> Request:
        self._heard_something = False
        return Request("GET", with_query(self._path, {"after": self._after}), self._headers)

    def heard(self, kind: str, data: str) -> Iterable[ReplyEvent]:
        self._heard_something = True
        if kind == "problem":
            raise error_of(Reply(json.loads(data)["status"], {}, data.encode()))
        event = values.reply_event(json.loads(data))
        self._after, self.over = event.offset, kind == "end"
        yield event

    def ended(self) -> float:
        self.over = self.over or not self._heard_something  # 204: the end was heard before
        return 0
