"""The calls about what a model gets to see."""

from ithaca.context import Context, ContextInfo, Provider
from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.models import Compaction
from ithaca.operations import answered, compaction, context


class Contexts(Base):
    """The calls about what a model gets to see."""

    def context(self, session_id: str, *, max_tokens: int, reserve: int = 0, provider: Provider = "openai") -> Context:
        """What to send to a model: the newest messages that fit, oldest first, and why the others are left out.

        `max_tokens` is the model's window, `reserve` what stays free in it. System and developer messages are always
        sent, wherever they stand, and so is the summary of a compaction. A tool call is sent with its results or not
        at all. If older messages are left out, the rest begins with a user's message, if it has any. Nothing that is
        stored changes, and only as much is read as fits. Raises `ContextTooSmall`, `SessionNotFound`.

            >>> from ithaca import ChatMessage, SessionManager
            >>> with SessionManager("sqlite:///:memory:") as manager:
            ...     session = manager.create_session()
            ...     message = manager.add_message(session.id, ChatMessage("user", "hello"))
            ...     manager.context(session.id, max_tokens=8192).to_openai()
            [{'role': 'user', 'content': 'hello'}]
        """
        ask = self._door.context(session_id, max_tokens, reserve, provider)
        found = self._at(session_id).read(context.context, *ask)
        self._was_read(ask[1])
        return found

    def context_info(
        self, session_id: str, *, max_tokens: int, reserve: int = 0, provider: Provider = "openai"
    ) -> ContextInfo:
        """How full a model's window is, and what `context` with the same arguments leaves out and why.

        Where `context` raises `ContextTooSmall`, `used` is what would be needed. Raises `SessionNotFound`.
        """
        ask = self._door.context(session_id, max_tokens, reserve, provider)
        found = self._at(session_id).read(context.context_info, *ask)
        self._was_read(ask[1])
        return found

    def compact(
        self,
        session_id: str,
        summary: str,
        *,
        keep_last: int | None = None,
        through: int | str | None = None,
        expected_revision: int | None = None,
    ) -> Compaction:
        """Lets a summary stand for the first messages in every later `context`; the session itself stays as it is.

        Give one of two: `through`, the number or the id of the last message that the summary tells of, so that whatever
        was added meanwhile stays; or `keep_last`, to keep the last messages as they are when this is stored, and with
        them the calls whose results are among them. `undo(session_id)` takes it back. Raises `InvalidArgument` where
        nothing is left to stand for, `ReplyRunning` while the session is being answered, `MessageNotFound`,
        `SessionNotFound`, `RevisionConflict`.
        """
        new = self._door.compaction(session_id, summary, keep_last, through, expected_revision)
        return self._at(session_id).write(answered.compact, *new)

    def list_compactions(self, session_id: str) -> list[Compaction]:
        """Every compaction of a session; the first whose `counts` is true is in use. Raises `SessionNotFound`."""
        id = self._door.session_id(session_id)
        return self._at(id).read(compaction.list_all, self._door.scope, id)


@documented_by(Contexts)
class AsyncContexts(AsyncBase):
    """The calls about what a model gets to see."""

    async def context(
        self, session_id: str, *, max_tokens: int, reserve: int = 0, provider: Provider = "openai"
    ) -> Context:
        ask = self._door.context(session_id, max_tokens, reserve, provider)
        found = await self._at(session_id).read(context.context, *ask)
        self._was_read(ask[1])
        return found

    async def context_info(
        self, session_id: str, *, max_tokens: int, reserve: int = 0, provider: Provider = "openai"
    ) -> ContextInfo:
        ask = self._door.context(session_id, max_tokens, reserve, provider)
        found = await self._at(session_id).read(context.context_info, *ask)
        self._was_read(ask[1])
        return found

    async def compact(
        self,
        session_id: str,
        summary: str,
        *,
        keep_last: int | None = None,
        through: int | str | None = None,
        expected_revision: int | None = None,
    ) -> Compaction:
        new = self._door.compaction(session_id, summary, keep_last, through, expected_revision)
        return await self._at(session_id).write(answered.compact, *new)

    async def list_compactions(self, session_id: str) -> list[Compaction]:
        id = self._door.session_id(session_id)
        return await self._at(id).read(compaction.list_all, self._door.scope, id)
