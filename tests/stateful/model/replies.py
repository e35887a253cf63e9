"""Replies: what a model says becomes a message, beside what it used."""

from decimal import Decimal
from typing import Any

from ithaca import ChatMessage, Reply
from tests.stateful.model.kept import Session
from tests.stateful.model.usage import Accounts
from tests.stateful.model.versions import Versions


class Replies(Versions, Accounts):
    def reply(
        self,
        scope: str | None,
        session_id: str,
        question: ChatMessage | None,
        told: dict[str, Any],
        reply: Reply | None,
        *,
        again: bool = False,
        expected_revision: int | None = None,
    ) -> None:
        """Answers a question, or goes on with the last message, or makes it `again`.

        `told` is the new message's metadata; of the reply as it ended come the numbers and what only it knows.
        """
        session = self.find_at(scope, session_id, expected_revision)
        if question is not None:
            self.append(session, self.heard([question]), self.now, "messages added")
        self.changed(session, "reply began")
        assert reply is not None
        if text := told.pop("text"):
            self.keep(session, text, told, reply, question, again)
            self.spend(session, reply)
        self.changed(session, "reply ended")

    def keep(self, session: Session, text: str, told: dict[str, Any], reply: Reply, question: Any, again: bool) -> None:
        last = session.history[-1]
        [new] = self.heard([ChatMessage("assistant", text, told, id=reply.id)])
        if question is not None or last.role == "user":
            self.append(session, [new], self.now, "messages added")
        elif again:
            self.put_version(session, last, new)
        else:
            self.edit_message(session.owner, session.id, last.id, last.content + text, metadata=told)

    def spend(self, session: Session, reply: Reply) -> None:
        used = {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens, "cost": Decimal(0)}
        self.record_usage(session.owner, session.id, model=reply.model, id=reply.id, **used)
