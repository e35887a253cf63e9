"""The calls that ask a model."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ithaca.connection import drive
from ithaca.errors import ConfigurationError
from ithaca.manager.base import AsyncBase, Base, Common, documented_by, innermost
from ithaca.models import ChatMessage, Compaction, Content, Page, Session
from ithaca.operations import answered, replies, reply_reading, sessions
from ithaca.operations.answered import UNNAMED
from ithaca.operations.context import Ask
from ithaca.operations.replies import Begun, NewReply
from ithaca.reply import Reply, ReplyEvent, ReplyKind

if TYPE_CHECKING:
    from ithaca.manager.opening import OpenedWhenUsed
    from ithaca.providers import Target
    from ithaca.replies.engine import Engine
    from ithaca.replies.store import Store
    from ithaca.replies.threads import EngineThread
    from ithaca.storage.protocol import Storage


class Asked(NamedTuple):
    """A reply that somebody asks for, checked."""

    session_id: str
    new: NewReply
    model: str | None
    options: dict[str, Any]
    expected: int | None
    #: What the model is shown, if its endpoint says how large its window is and the call doesn't.
    ask: Callable[["Target"], Ask]

    def of(self, target: "Target") -> NewReply:
        return self.new._replace(model=target.model, endpoint=target.endpoint, ask=self.ask(target))


class Asking(Common):
    """What both managers do alike."""

    def _checked(
        self,
        session_id: str,
        content: Content | ChatMessage,
        kind: ReplyKind,
        message_id: str | None,
        model: str | None,
        context_tokens: int | None,
        options: Mapping[str, Any] | None,
        expected_revision: int | None,
    ) -> Asked:
        door = self._door
        id, given = door.session_id(session_id), door.options(options)
        new = door.reply(id, content, kind, message_id, self._window(context_tokens, None), given)

        def ask(target: "Target") -> Ask:
            return door.window(id, self._window(context_tokens, target), {**target.options, **given})

        return Asked(id, new, door.model(model), given, door.expected(expected_revision), ask)

    def _window(self, context_tokens: int | None, target: "Target | None") -> int:
        if context_tokens is not None:
            return context_tokens
        return (target and target.context_window) or self._settings.context_tokens

    def _has_begun(self, reply: Reply) -> None:
        if self._incognito.holds(reply.owner, reply.session_id):
            self._incognito.replies.add(reply.id)

    def _generation(
        self, store: "Store", asked: Asked, target: "Target", reply: Reply, stored: Callable[[], None]
    ) -> "Callable[[Engine], None]":
        """What starts a reply that has begun."""
        from ithaca.replies.asking import generate

        scope, begun = self._door.scope.of(reply.owner), Begun.of(reply, asked.ask(target))
        pieces = generate(store, scope, begun, target, asked.options)
        then = self._afterwards(store, asked.session_id, target, stored)
        return lambda engine: engine.start(scope, begun, pieces, then)

    def _afterwards(
        self, store: "Store", session_id: str, target: "Target", stored: Callable[[], None]
    ) -> Callable[[Reply], Awaitable[None]]:
        """What follows when a reply has ended."""

        async def then(reply: Reply) -> None:
            stored()
            if self._settings.titles and reply.kind == "answer" and reply.state == "complete":
                await self._title(store, session_id, target)

        return then

    async def _title(self, store: "Store", session_id: str, target: "Target") -> Session:
        from ithaca.replies.helpers import give_title

        scope = self._door.scope
        session: Session = await store.read(sessions.get_bare, scope, session_id)
        if session.name not in UNNAMED:
            return session
        return await give_title(store, scope, session_id, target, lambda name: self._door.session_columns(name=name))

    def _refuse_if_off(self) -> None:
        if not self._settings.summaries:
            raise ConfigurationError("summaries", "they are switched off")


class Replies(Asking, Base):
    """The calls that ask a model."""

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
    ) -> Reply:
        """The reply that has begun: the user's message is stored, and the session's model is asked in the background.

        Without `content`, what is there is answered, as the results of tools that were added. `kind` is "answer", or
        as `regenerate` and `continue_reply` ask for it, of the message `message_id`. `options` go into the request:
        `temperature`, `tools`, `max_tokens`, …; `context_tokens` is the model's window, unless its endpoint says; an
        eighth of it, or what `options` say, is left for the answer. It goes on whoever watches, until it ends, is
        stopped, or the manager is closed; then what was said is kept. Raises `ReplyRunning`, `ContextTooSmall`,
        `SessionNotFound`, `MessageNotFound`, `InvalidMessage`, `InvalidArgument`, `EndpointRefused`, `InvalidSession`
        without an endpoint or a model, `RevisionConflict`; what goes wrong later is the reply's `error`.
        """
        given = (content, kind, message_id, model, context_tokens, options, expected_revision)
        asked = self._checked(session_id, *given)
        storage = self._at(asked.session_id)
        target = self._target(storage, asked.session_id, asked.model)
        reply = storage.write(replies.begin, self._door.scope, asked.session_id, asked.of(target), asked.expected)
        self._has_begun(reply)
        engine = self._engine(storage)
        engine.tell(self._generation(engine.store, asked, target, reply, self._indexing.stored))
        return reply

    def reply(
        self,
        session_id: str,
        content: Content | ChatMessage = None,
        *,
        model: str | None = None,
        context_tokens: int | None = None,
        options: Mapping[str, Any] | None = None,
        expected_revision: int | None = None,
    ) -> Iterator[ReplyEvent]:
        """What the session's model answers, as it comes: `begin`, `text`, `reasoning`, `tool_call`, and the `end`.

        It begins with the call (of an `AsyncSessionManager`, when the first event is asked for) and goes on though
        nobody asks for more. What is told is stored. When it ends, it is a message of the assistant's in the session.
        Arguments and errors as of `start_reply`.
        """
        given = {"model": model, "context_tokens": context_tokens, "options": options}
        begun = self.start_reply(session_id, content, **given, expected_revision=expected_revision)  # type: ignore[arg-type]
        return self.reply_events(begun.id)

    def regenerate(
        self,
        session_id: str,
        message_id: str | None = None,
        *,
        model: str | None = None,
        context_tokens: int | None = None,
        options: Mapping[str, Any] | None = None,
        expected_revision: int | None = None,
    ) -> Iterator[ReplyEvent]:
        """Another answer in the place of a message of the assistant's, the last one unless named, as it comes.

        When it ends, it is shown, and the former answer with all that followed it is kept as a version:
        `switch_version` shows that again. Where nothing comes, nothing changes. If the last message is the user's, it
        is answered. Raises what `start_reply` does.
        """
        given = {"model": model, "context_tokens": context_tokens, "options": options}
        asked = {"kind": "regenerate", "message_id": message_id, "expected_revision": expected_revision}
        return self.reply_events(self.start_reply(session_id, **given, **asked).id)  # type: ignore[arg-type]

    def continue_reply(
        self,
        session_id: str,
        message_id: str | None = None,
        *,
        model: str | None = None,
        context_tokens: int | None = None,
        options: Mapping[str, Any] | None = None,
        expected_revision: int | None = None,
    ) -> Iterator[ReplyEvent]:
        """How the last message, one of the assistant's that ended early, goes on, as it comes.

        When it ends, that message says both, and `undo` takes it back to what it said before. The model is sent the
        unfinished message last: most local servers go on with it; others answer anew. Raises what `start_reply` does.
        """
        given = {"model": model, "context_tokens": context_tokens, "options": options}
        asked = {"kind": "continue", "message_id": message_id, "expected_revision": expected_revision}
        return self.reply_events(self.start_reply(session_id, **given, **asked).id)  # type: ignore[arg-type]

    def reply_events(self, reply_id: str, *, after: int = 0) -> Iterator[ReplyEvent]:
        """What a reply says after an event's `offset`, and its end; for any number of watchers, in any process.

        No character is lost and none comes twice, wherever it was broken off. An hour after the end, pieces may be
        gone: then a `missed` stands for them. Raises `ReplyNotFound`, also later if the session is deleted;
        `InvalidArgument` if it hasn't said so much.
        """
        id, offset = self._door.reply_id(reply_id), self._door.offset(after)
        engine = self._engine_of(id)
        return engine.each(engine.engine.events(self._door.scope, id, offset))

    def get_reply(self, reply_id: str) -> Reply:
        """How a reply stands. Raises `ReplyNotFound`."""
        id = self._door.reply_id(reply_id)
        return self._engine_of(id).ask(lambda engine: engine.get(self._door.scope, id))

    def list_replies(self, session_id: str, *, cursor: str | None = None, limit: int = 50) -> Page[Reply]:
        """A page of a session's replies, the newest first; give back its `cursor` for the next one.

        Raises `SessionNotFound`.
        """
        id = self._door.session_id(session_id)
        storage, asked = self._at(id), (self._door.scope, id, self._door.cursor(cursor), self._door.page(limit))
        found = storage.read(reply_reading.of_session, *asked)
        if found.lapsed:
            self._engine(storage).ask(lambda engine: engine.sweep(self._door.scope))
            found = storage.read(reply_reading.of_session, *asked)
        return found.page

    def stop_reply(self, reply_id: str) -> Reply:
        """The reply, which has ended: what was said until now is kept. One that had ended before stays as it is.

        Whichever process generates it, it writes nothing more from now on. Raises `ReplyNotFound`.
        """
        id = self._door.reply_id(reply_id)
        scope = replace(self._door.scope, revisions=self._revisions)
        return self._engine_of(id).ask(lambda engine: engine.stop(scope, id))

    def sweep_replies(self) -> int:
        """How many replies were marked as interrupted, because the processes that generated them have died.

        Whoever looks at such a reply, or asks its session something, does that too. A server calls this every few
        seconds, for those that nobody looks at.
        """
        scope = self._door.scope
        lost = [storage for storage in self._storages if storage.read(reply_reading.lapsed, scope, 1)]
        return sum(self._engine(storage).ask(lambda engine: engine.sweep(scope)) for storage in lost)

    def wait_for_replies(self, timeout: float) -> bool:
        """Whether this manager generates no reply any more, for which it waits so many seconds."""
        seconds = self._door.age("timeout", timeout)
        return all(engine.ask(lambda engine: engine.settled(seconds)) for engine in self._engines.all)

    def title_session(self, session_id: str) -> Session:
        """The session, with a name that its model has found for how it began; as it is, if it has one.

        After the first reply this happens by itself, unless the setting `titles` is off. Raises `ProviderError`,
        `SessionNotFound`, `InvalidSession`; then nothing has changed.
        """
        id = self._door.session_id(session_id)
        storage = self._at(id)
        target, engine = self._target(storage, id, None), self._engine(storage)
        return engine.ask(lambda _: self._title(engine.store, id, target))

    def summarize(
        self,
        session_id: str,
        *,
        keep_last: int | None = None,
        through: int | str | None = None,
        model: str | None = None,
        context_tokens: int | None = None,
        expected_revision: int | None = None,
    ) -> Compaction:
        """As `compact`, with a summary that the session's model makes, of what `keep_last` or `through` say.

        What is added meanwhile is kept as it is. Raises `ReplyRunning` while the session is being answered,
        `ProviderError`, `ConfigurationError` if the setting `summaries` is off, `InvalidArgument` if it is more than
        the model's window holds, and what `compact` does; then nothing has changed.
        """
        self._refuse_if_off()
        door, id = self._door, self._door.session_id(session_id)
        cut, expected = door.cut(id, keep_last, through), door.expected(expected_revision)
        storage = self._at(id)
        target = self._target(storage, id, door.model(model))
        ask = door.window(id, self._window(context_tokens, target))
        upto = storage.read(answered.cut, door.scope, id, *cut, expected)
        engine = self._engine(storage)
        summary = engine.ask(lambda _: _summary(engine.store, door.scope, id, target, ask._replace(upto=upto)))
        new = door.compaction(id, summary, None, upto, expected)
        return storage.write(answered.compact, *new)

    def _target(self, storage: "Storage", session_id: str, model: str | None) -> "Target":
        from ithaca.providers.resolving import resolve

        async def read(op: Any, *args: Any) -> Any:  # endpoints are stored, wherever the session is
            return self._storage.read(op, *args)

        session = storage.read(sessions.get_bare, self._door.scope, session_id)
        return drive(resolve, read, self._door.scope, session, model)

    def _engine(self, storage: "Storage") -> "EngineThread":
        return self._engines.of(innermost(storage))

    def _engine_of(self, reply_id: str) -> "EngineThread":
        return self._engine(self._incognito if reply_id in self._incognito.replies else self._storage)


@documented_by(Replies)
class AsyncReplies(Asking, AsyncBase):
    """The calls that ask a model."""

    async def start_reply(
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
    ) -> Reply:
        given = (content, kind, message_id, model, context_tokens, options, expected_revision)
        asked = self._checked(session_id, *given)
        storage = await self._place(asked.session_id)
        target = await self._target(storage, asked.session_id, asked.model)
        reply = await storage.write(replies.begin, self._door.scope, asked.session_id, asked.of(target), asked.expected)
        self._has_begun(reply)
        store = innermost(storage)
        self._generation(store, asked, target, reply, self._indexing.stored)(self._engines.of(store))
        return reply

    def reply(
        self,
        session_id: str,
        content: Content | ChatMessage = None,
        *,
        model: str | None = None,
        context_tokens: int | None = None,
        options: Mapping[str, Any] | None = None,
        expected_revision: int | None = None,
    ) -> AsyncIterator[ReplyEvent]:
        given = {"model": model, "context_tokens": context_tokens, "options": options}
        return self._events(
            self.start_reply(session_id, content, **given, expected_revision=expected_revision)  # type: ignore[arg-type]
        )

    def regenerate(
        self,
        session_id: str,
        message_id: str | None = None,
        *,
        model: str | None = None,
        context_tokens: int | None = None,
        options: Mapping[str, Any] | None = None,
        expected_revision: int | None = None,
    ) -> AsyncIterator[ReplyEvent]:
        given = {"model": model, "context_tokens": context_tokens, "options": options}
        asked = {"kind": "regenerate", "message_id": message_id, "expected_revision": expected_revision}
        return self._events(self.start_reply(session_id, **given, **asked))  # type: ignore[arg-type]

    def continue_reply(
        self,
        session_id: str,
        message_id: str | None = None,
        *,
        model: str | None = None,
        context_tokens: int | None = None,
        options: Mapping[str, Any] | None = None,
        expected_revision: int | None = None,
    ) -> AsyncIterator[ReplyEvent]:
        given = {"model": model, "context_tokens": context_tokens, "options": options}
        asked = {"kind": "continue", "message_id": message_id, "expected_revision": expected_revision}
        return self._events(self.start_reply(session_id, **given, **asked))  # type: ignore[arg-type]

    def reply_events(self, reply_id: str, *, after: int = 0) -> AsyncIterator[ReplyEvent]:
        id, offset = self._door.reply_id(reply_id), self._door.offset(after)
        return self._engine_of(id).events(self._door.scope, id, offset)

    async def get_reply(self, reply_id: str) -> Reply:
        id = self._door.reply_id(reply_id)
        return await self._engine_of(id).get(self._door.scope, id)

    async def list_replies(self, session_id: str, *, cursor: str | None = None, limit: int = 50) -> Page[Reply]:
        id = self._door.session_id(session_id)
        asked = (self._door.scope, id, self._door.cursor(cursor), self._door.page(limit))
        storage = await self._place(id)
        found = await storage.read(reply_reading.of_session, *asked)
        if found.lapsed:
            await self._engines.of(innermost(storage)).sweep(self._door.scope)
            found = await storage.read(reply_reading.of_session, *asked)
        return found.page

    async def stop_reply(self, reply_id: str) -> Reply:
        id = self._door.reply_id(reply_id)
        return await self._engine_of(id).stop(replace(self._door.scope, revisions=self._revisions), id)

    async def sweep_replies(self) -> int:
        scope = self._door.scope
        lost = [storage for storage in self._storages if await storage.read(reply_reading.lapsed, scope, 1)]
        return sum([await self._engines.of(innermost(storage)).sweep(scope) for storage in lost])

    async def wait_for_replies(self, timeout: float) -> bool:
        seconds = self._door.age("timeout", timeout)
        return all([await engine.settled(seconds) for engine in self._engines.all])

    async def title_session(self, session_id: str) -> Session:
        id = self._door.session_id(session_id)
        storage = await self._place(id)
        return await self._title(innermost(storage), id, await self._target(storage, id, None))

    async def summarize(
        self,
        session_id: str,
        *,
        keep_last: int | None = None,
        through: int | str | None = None,
        model: str | None = None,
        context_tokens: int | None = None,
        expected_revision: int | None = None,
    ) -> Compaction:
        self._refuse_if_off()
        door, id = self._door, self._door.session_id(session_id)
        cut, expected = door.cut(id, keep_last, through), door.expected(expected_revision)
        storage = await self._place(id)
        target = await self._target(storage, id, door.model(model))
        ask = door.window(id, self._window(context_tokens, target))
        upto = await storage.read(answered.cut, door.scope, id, *cut, expected)
        summary = await _summary(innermost(storage), door.scope, id, target, ask._replace(upto=upto))
        new = door.compaction(id, summary, None, upto, expected)
        return await storage.write(answered.compact, *new)

    async def _events(self, starting: Coroutine[Any, Any, Reply]) -> AsyncGenerator[ReplyEvent, None]:
        events = self.reply_events((await starting).id)
        try:
            async for event in events:
                yield event
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()

    async def _target(self, storage: "OpenedWhenUsed", session_id: str, model: str | None) -> "Target":
        from ithaca.providers.resolving import resolve

        session = await storage.read(sessions.get_bare, self._door.scope, session_id)
        return await resolve(self._storage.read, self._door.scope, session, model)

    def _engine_of(self, reply_id: str) -> "Engine":
        return self._engines.of(innermost(self._incognito if reply_id in self._incognito.replies else self._storage))


async def _summary(*args: Any) -> str:
    from ithaca.replies.helpers import make_summary

    return await make_summary(*args)
