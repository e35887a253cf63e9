"""The call that passes a client's request on, and records it."""

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ithaca.content import new_id
from ithaca.errors import ConfigurationError, InvalidArgument
from ithaca.manager.base import documented_by, innermost
from ithaca.manager.replies import Asking, AsyncReplies, Replies
from ithaca.models import Session
from ithaca.operations import endpoints, relayed
from ithaca.operations.relayed import Aligned
from ithaca.operations.replies import Begun, NewReply
from ithaca.relay import Relayed, RelayRequest
from ithaca.reply import Reply, ReplyKind

if TYPE_CHECKING:
    from ithaca.providers import Target
    from ithaca.replies.engine import Engine
    from ithaca.replies.store import Store

#: A window that nothing fills: what the model is shown is the client's to choose.
_ANY_SIZE = 10**12


class Passing(Asking):
    """What both managers do alike, on the event loop of the replies."""

    _indexing: Any

    async def _pass_on(
        self, engine: "Engine", store: "Store", main: "Store", request: RelayRequest, session_id: str | None,
        endpoint: str | None, accept: str | None,
    ) -> Relayed:  # fmt: skip
        import asyncio

        from ithaca.providers.resolving import destination

        relaying, (session, said), known = await asyncio.gather(
            _relaying(),
            self._look(store, session_id, request),
            main.read(endpoints.seen, self._door.scope, self._whose()),
        )
        if session is not None and session.owner != self._whose():  # trusted code, which found it by its id
            known = await main.read(endpoints.seen, self._door.scope, session.owner)
        target = destination(self._door.scope, known, request.model, endpoint, session)
        recorded = session_id is not None
        relay = relaying.Relay(engine.lines, target, request.to(target.model), accept, recorded=recorded)
        if session_id is None:
            await relay.send()
            return Relayed(relay.status, relay.headers, relay.body())
        sending = asyncio.create_task(relay.send())
        try:
            reply = await self._record(store, session_id, session, target, request, said)
        except BaseException:
            sending.cancel()
            await asyncio.wait([sending])
            await relay.hang_up()
            raise
        begun = Begun.of(reply, self._door.window(session_id, _ANY_SIZE))
        then = self._afterwards(store, session_id, target, self._indexing.stored)
        engine.start(self._door.scope.of(reply.owner), begun, relay.pieces(), then)
        await sending
        return Relayed(relay.status, relay.headers, relay.body(), reply.id)

    async def _look(
        self, store: "Store", session_id: str | None, request: RelayRequest
    ) -> tuple[Session | None, Aligned]:
        if session_id is None:
            return None, Aligned()
        found: tuple[Session | None, Aligned] = await store.read(
            relayed.look, self._door.scope, session_id, request.messages
        )
        return found

    def _whose(self) -> str:
        """Whose endpoints may be used; trusted code's are nobody's."""
        return self._door.owner(None)

    async def _record(
        self, store: "Store", session_id: str, session: Session | None, target: "Target", request: RelayRequest,
        said: Aligned,
    ) -> Reply:  # fmt: skip
        """Stores what the client says anew, and begins the reply to it."""
        door, place = self._door, target.endpoint or target.base_url
        made = None if session else door.new_session(session_id, "New chat", place, target.model, False, None)
        kind: ReplyKind = "answer" if said.again is None else "regenerate"
        drafts = door.drafts(said.new, checked=False)
        reads = request.tokens()
        new = NewReply(new_id(), kind, said.again, target.model, target.endpoint, None, drafts, input_tokens=reads)
        reply: Reply = await store.write(relayed.begin, door.scope, session_id, made, new)
        self._has_begun(reply)
        return reply

    def _request(self, body: object, session_id: str | None) -> tuple[RelayRequest, str | None]:
        if not isinstance(body, bytes):
            raise InvalidArgument("body", body, "bytes")
        request = RelayRequest.of(body)
        named = request.session_id if session_id is None else session_id
        return request, None if named is None else self._door.made_or_found(named)


class Relaying(Passing, Replies):
    """The call that passes a client's request on."""

    def relay(
        self, body: bytes, *, session_id: str | None = None, endpoint: str | None = None, accept: str | None = None
    ) -> Relayed:
        """Passes a request of OpenAI's Chat Completions on to an endpoint, and gives the response, byte for byte.

        With a session, which is made if it isn't there (`session_id`, or `metadata.session_id` in the body), what is
        said anew and what is answered are recorded there; where the client asks once more for an answer that is there,
        another one becomes a version. `endpoint` names a registered endpoint; so does the model, as `ENDPOINT/MODEL`;
        otherwise it is the session's, or the only one. Nothing is tried again. `accept` is the client's header. Raises
        `ReplyRunning`, `EndpointNotFound`, `EndpointRefused`, `InvalidArgument`, `InvalidSession`, `InvalidMessage`,
        and `ProviderError` if there was no response.
        """
        request, id = self._request(body, session_id)
        engine = self._engine(self._storage if id is None else self._at(id))
        main = self._engine(self._storage).store
        passed = engine.ask(lambda runs: self._pass_on(runs, engine.store, main, request, id, endpoint, accept))
        return replace(passed, body=engine.each(passed.body))  # type: ignore[arg-type]


@documented_by(Relaying)
class AsyncRelaying(Passing, AsyncReplies):
    """The call that passes a client's request on."""

    async def relay(
        self, body: bytes, *, session_id: str | None = None, endpoint: str | None = None, accept: str | None = None
    ) -> Relayed:
        request, id = self._request(body, session_id)
        main = innermost(self._storage)
        store = main if id is None else innermost(await self._place(id))
        return await self._pass_on(self._engines.of(store), store, main, request, id, endpoint, accept)


_LOADED: list[Any] = []


async def _relaying() -> Any:
    """The module that does it, imported where that makes no event loop wait."""
    import asyncio

    if _LOADED:
        return _LOADED[0]
    try:
        _LOADED.append(await asyncio.to_thread(import_module, "ithaca.replies.relaying"))
        return _LOADED[0]
    except ModuleNotFoundError as error:
        raise ConfigurationError("replies", f"they need {error.name}: pip install 'ithaca[replies]'") from error
