"""Calls that ask a model, which says what the rule wants, over a real connection."""

from functools import cache
from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ithaca import ChatMessage, Reply
from ithaca.errors import IthacaError
from tests.stateful import given
from tests.stateful.keep import At, Keep, attempt
from tests.support.model_server import ModelServer, said

_questions = count(1)

_CUT = {"error": "StreamCut", "words": "the stream ended before the model had finished"}

#: By a reply's state, what was said by then, and what the message tells of that.
ENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "complete": ("Tell me", {}),
    "interrupted": ("Tell", {"state": "interrupted", "error": _CUT}),
    "failed": ("", {}),
}


@cache
def model() -> ModelServer:
    """For all sequences: it keeps nothing."""
    return ModelServer()


class ReplyRules(Keep):
    @rule(
        at=given.sessions, ends=st.sampled_from(list(ENDS)), then=st.sampled_from(["", "regenerate", "continue_reply"]),
        expectation=given.expectations,
    )  # fmt: skip
    def ask(self, at: At, ends: str, then: str, expectation: str) -> None:
        """A question, and perhaps another answer to it, or more of that, through the other manager."""
        self.both(at, "update_session", at.id, endpoint_url=model().url, headers={})
        question = ChatMessage("user", "Sing!", id=f"q{next(_questions)}")
        self.answer(at, "reply", ends, question, **self.session_at(at, expectation))
        if then and question.id in self.ids(at) and (ends != "failed" or then == "regenerate"):
            self.answer(at.other, then, "complete")
        self.read_session(at)

    def ids(self, at: At) -> list[str]:
        session = attempt(self.world.find, at.scope, at.id)
        return [] if isinstance(session, IthacaError) else [message.id for message in session.history]

    def answer(self, at: At, call: str, ends: str, question: ChatMessage | None = None, **expected: int) -> None:
        model().forget()
        text, told = ENDS[ends]
        if ends == "failed":
            model().fail(401, "no")
        else:
            finish, used = ("stop", (12, 7)) if ends == "complete" else (None, None)
            events = said(text, finish=finish, usage=used)
            model().answer(*(events if finish else events[:1]), content_type="text/event-stream")
        given = [question] if question else []
        actual = attempt(self.asked, at, call, *given, **expected)
        ended = actual if isinstance(actual, Reply) else None
        twin = attempt(
            self.world.reply, at.scope, at.id, question, {"text": text, "model": "muse", **told}, ended,
            again=call == "regenerate", **expected,
        )  # fmt: skip
        self.same(None if ended else actual, twin)
        assert ended is None or (ended.state, ended.size) == (ends, len(text))

    def asked(self, at: At, call: str, *question: ChatMessage, **expected: int) -> Reply | None:
        """How the reply ended; what it told is checked where replies are tested."""
        *_, end = getattr(self.manager(at), call)(at.id, *question, model="muse", **expected)
        self.manager(at).wait_for_replies(30)
        ended: Reply | None = end.reply
        return ended
