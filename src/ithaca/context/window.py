"""Which messages a model gets: the newest that fit, with every tool call answered and every result asked for.

A window is filled from the newest message backward. A call and its results are one unit, which is in the window or
not; any other message is a unit of its own. Going backward, results are met before their call: they wait for it. The
first unit that does not fit ends the window: what is sent has no gaps.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ithaca.columns import Row
from ithaca.context.calls import THOUGHTS, Parts, Piece, parts_of, says, type_of
from ithaca.models import ChatMessage
from ithaca.tokens import TOKENS_PER_MESSAGE, TokenCounter

#: What the user is taken to have said before the assistant's first words, where a provider wants the user to begin.
LEAD = "(continue)"

#: The roles that a conversation is made of, beside those of `ALWAYS`.
_SPEAKERS = ("user", "assistant", "tool")


class Unit(NamedTuple):
    """What is sent together or not at all: it begins with the message of this number."""

    seq: int
    is_users: bool
    pieces: list[Piece]
    tokens: int


class Window:
    """The newest units that fit into so many tokens."""

    def __init__(self, room: int, count_tokens: TokenCounter, *, user_begins: bool) -> None:
        self.room = room
        #: Newest first.
        self.units: list[Unit] = []
        self.used = 0
        #: The tokens that there would have to be room for, if nothing fits.
        self.needed = 0
        self.full = False
        self.seen = 0
        self.left_out: Counter[str] = Counter()
        self.lead: int | None = None
        self._user_begins = user_begins
        self._count = count_tokens
        self._newest: Unit | None = None
        #: Call id → its results, the newest first: which message, and which block of it.
        self._waiting: dict[str, list[tuple[ChatMessage, int | None]]] = {}
        self._too_old: set[int] = set()

    def take(self, row: Row) -> None:
        """Considers the row of the next older message; not to be called when the window is full."""
        self.seen += 1
        message = ChatMessage.from_row(row)
        if is_plain(row):
            self._add(Unit(row[0], row[2] == "user", [Piece(row[0], message)], row[9] + TOKENS_PER_MESSAGE))
        elif reason := set_aside(message):
            self.left_out[reason] += 1
        elif message.role not in _SPEAKERS:
            self.left_out["unknown role"] += 1
        else:
            self._take(message, parts_of(message))

    def _take(self, message: ChatMessage, parts: Parts) -> None:
        for id, block in parts.results.items():
            self._waiting.setdefault(id, []).append((message, block))
        thoughts = _last_thoughts(message, parts) if self._waiting.keys().isdisjoint(parts.calls) else []
        if thoughts:
            parts.words = [index for index in parts.words or () if index not in thoughts]
        pieces, unanswered = self._answered(message, parts)
        if pieces:
            tokens = sum(self._weight(piece) for piece in pieces)
            self._add(Unit(pieces[0].seq, message.role == "user", pieces, tokens))
        elif not (parts.results or parts.lost_results or unanswered):
            self.left_out["empty"] += 1
        if not self.full:
            self.left_out["unanswered tool call"] += unanswered
            self.left_out["orphan tool result"] += parts.lost_results
            self.left_out["thought"] += len(thoughts) + parts.lost_thoughts if pieces else 0

    def _answered(self, message: ChatMessage, parts: Parts) -> tuple[list[Piece], int]:
        """What there is to send of a message, with the results of its calls; and how many calls have none."""
        answered = [id for id in parts.calls if id in self._waiting]
        unanswered = len(parts.calls) - len(answered) + parts.lost_calls
        results = self._results(answered)
        if not answered and not parts.says:
            return [], unanswered
        blocks = None
        if parts.words is not None:
            used = [index for id, index in parts.called_in_content.items() if id in answered]
            blocks = _unless_all(sorted(parts.words + used), message.content)
        called = [index for id, index in parts.called_in_calls.items() if id in answered]
        return [Piece(message.seq or 0, message, blocks, _unless_all(called, message.tool_calls)), *results], unanswered

    def _results(self, calls: Iterable[str]) -> list[Piece]:
        """The results that waited for these calls: of each the first, in the order in which they came."""
        messages: dict[int, ChatMessage] = {}
        blocks: dict[int, list[int]] = {}
        for id in calls:
            *again, (message, block) = self._waiting.pop(id)
            self.left_out["duplicate tool result"] += len(again)
            messages[message.seq or 0] = message
            blocks.setdefault(message.seq or 0, []).extend([] if block is None else [block])
        return [
            Piece(seq, messages[seq], _unless_all(sorted(blocks[seq]), messages[seq].content) if blocks[seq] else None)
            for seq in sorted(messages)
        ]

    def _weight(self, piece: Piece) -> int:
        return (piece.of(piece.message, self._count).tokens or 0) + TOKENS_PER_MESSAGE

    def _add(self, unit: Unit) -> None:
        self._newest = self._newest or unit
        if self.used + unit.tokens > self.room:
            self.full = True
            self._drop(unit)
        else:
            self.units.append(unit)
            self.used += unit.tokens

    def _drop(self, unit: Unit) -> None:
        self._too_old |= {piece.seq for piece in unit.pieces}

    def close(self) -> None:
        """Ends the filling, and sees to the window's beginning."""
        for results in self._waiting.values():
            if self.full:  # the calls may stand before the window
                self._too_old |= {message.seq or 0 for message, _ in results}
            else:
                self.left_out["orphan tool result"] += len(results)
        self._begin_with_user()
        while self.units and self.used + self._cost_of_lead(self.units[-1]) > self.room:
            self._drop_oldest()
            self._begin_with_user()
        if self.units and (cost := self._cost_of_lead(self.units[-1])):
            self.lead, self.used = self.units[-1].seq, self.used + cost
        if not self.units and self._newest:
            self.needed = self._newest.tokens + self._cost_of_lead(self._newest)
        sent = {piece.seq for unit in self.units for piece in unit.pieces}
        self.left_out["too old"] += len(self._too_old - sent)

    def _begin_with_user(self) -> None:
        """Where older messages are left out, an answer is not sent without its question, if there is any question."""
        if self.full and any(unit.is_users for unit in self.units):
            while not self.units[-1].is_users:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        unit = self.units.pop()
        self.used -= unit.tokens
        self.full = True
        self._drop(unit)

    def _cost_of_lead(self, oldest: Unit) -> int:
        return self._count(LEAD) + TOKENS_PER_MESSAGE if self._user_begins and not oldest.is_users else 0


def _last_thoughts(message: ChatMessage, parts: Parts) -> list[int]:
    """The indexes of the thoughts after the last words of a message: no turn may end with them."""
    content, thoughts = message.content, list[int]()
    if isinstance(content, list):
        for index in reversed(parts.words or []):
            if says([content[index]]):
                break
            thoughts += [index] if type_of(content[index]) in THOUGHTS else []
    return thoughts


def is_plain(row: Row) -> bool:
    """Whether it is the row of a user's or an assistant's text and nothing more, as most are: it is sent as it is."""
    _, _, role, text, _, calls, _, _, metadata, *_ = row
    return role in ("user", "assistant") and calls is None and metadata is None and bool(text) and not text.isspace()


def set_aside(message: ChatMessage) -> str | None:
    """Why a message is not for the model, whatever it says; None if it is."""
    if message.metadata.get("hidden"):
        return "hidden"
    return "slash" if message.metadata.get("source") == "slash" else None


def is_always_sent(message: ChatMessage) -> str | None:
    """Why a system or developer message is left out; None if it is sent."""
    return set_aside(message) or (None if says(message.content) else "empty")


def _unless_all(indexes: list[int], of: object) -> list[int] | None:
    return None if len(indexes) == (len(of) if isinstance(of, list) else 0) else indexes
