"""Compactions: a summary for the first messages, which counts while the last of them is there."""

from dataclasses import replace

from ithaca.errors import InvalidArgument, MessageNotFound
from tests.context.expected import calls, results
from tests.stateful.model.kept import Compaction, Message, Session
from tests.stateful.model.messages import Messages


class Compactions(Messages):
    def compact(
        self,
        scope: str | None,
        session_id: str,
        summary: str,
        *,
        keep_last: int | None = None,
        through: int | str | None = None,
        expected_revision: int | None = None,
    ) -> Compaction:
        session = self.find_at(scope, session_id, expected_revision)
        if keep_last is not None:
            last = before_last(session.history, keep_last)
        else:
            named = [message for message in session.history if through in (message.seq, message.id)]
            if not named:
                raise MessageNotFound(session_id, str(through))
            last = named[0]
        made = Compaction(session_id, last.seq, summary, self.now)
        session.compactions.append(made)
        self.throw_away(session.owner, "compact", session_id=session_id, revision=session.revision + 1, compaction=made)
        self.changed(session)
        return made

    def list_compactions(self, scope: str | None, session_id: str) -> list[Compaction]:
        session = self.find(scope, session_id)
        newest_first = reversed(session.compactions)
        order = sorted(newest_first, key=lambda made: (made.through, made.created_at), reverse=True)
        return [replace(made, counts=counts(session, made)) for made in order]


def counts(session: Session, made: Compaction) -> bool:
    return any(message.seq == made.through for message in session.history)


def before_last(history: list[Message], keep_last: int) -> Message:
    """The last message that is not kept: the cut moves back until no result is cut from its call."""
    caller: dict[str, int] = {}
    answers: dict[int, list[int]] = {}  # a message → the messages whose calls it answers
    for place, message in enumerate(history):
        caller |= dict.fromkeys(calls(message), place)
        answers[place] = [caller[id] for id, _ in results(message) if id in caller]
    cut = len(history) - keep_last
    while cut > 0 and (first := min((at for n in answers if n >= cut for at in answers[n]), default=cut)) < cut:
        cut = first
    if cut <= 0:
        raise InvalidArgument("keep_last", keep_last, "fewer")
    return history[cut - 1]
