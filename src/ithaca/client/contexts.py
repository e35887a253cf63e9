"""The calls about what a model gets to see."""

from typing import Any

from ithaca.client import values
from ithaca.client.asking import Asking, at, call
from ithaca.client.base import Calls
from ithaca.context import Context, ContextInfo, Provider
from ithaca.models import Compaction


class Contexts(Calls):
    """The calls about what a model gets to see."""

    @call
    def context(
        self, session_id: str, *, max_tokens: int, reserve: int = 0, provider: Provider = "openai"
    ) -> Asking[Context]:
        """What to send to a model: the newest messages that fit, oldest first, and why the others are left out."""
        id, asked = self._asked(session_id, max_tokens, reserve, provider)
        return values.context((yield self._get(at("sessions", id, "context"), asked)).value)

    @call
    def context_info(
        self, session_id: str, *, max_tokens: int, reserve: int = 0, provider: Provider = "openai"
    ) -> Asking[ContextInfo]:
        """How full a model's window is, and what `context` with the same arguments leaves out and why."""
        id, asked = self._asked(session_id, max_tokens, reserve, provider)
        return values.context_info((yield self._get(at("sessions", id, "context-info"), asked)).value)

    def _asked(self, session_id: str, max_tokens: int, reserve: int, provider: str) -> tuple[str, dict[str, Any]]:
        _, id, _ = self._door.context(session_id, max_tokens, reserve, provider)
        return id, {"max_tokens": max_tokens, "reserve": reserve, "provider": provider}

    @call
    def compact(
        self,
        session_id: str,
        summary: str,
        *,
        keep_last: int | None = None,
        through: int | str | None = None,
        expected_revision: int | None = None,
    ) -> Asking[Compaction]:
        """Lets a summary stand for the first messages in every later `context`; the session itself stays as it is."""
        _, id, _, last, through, expected = self._door.compaction(
            session_id, summary, keep_last, through, expected_revision
        )
        body = {"summary": summary, "keep_last": last, "through": through}
        reply = yield self._post(at("sessions", id, "compactions"), body, expected=expected)
        return values.compaction(reply.value)

    @call
    def list_compactions(self, session_id: str) -> Asking[list[Compaction]]:
        """Every compaction of a session; the first whose `counts` is true is in use."""
        path = at("sessions", self._door.session_id(session_id), "compactions")
        return values.items(values.compaction)((yield from self._every(path)))
