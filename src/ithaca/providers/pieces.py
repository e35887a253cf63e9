"""What a stream consists of, whichever provider sends it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Text:
    """Some of what the model says."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Some of what it thinks before that."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """Some of a call: parts with the same index are one, of which id and name come once and the arguments in parts."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class UsagePiece:
    """What the provider counted."""

    input_tokens: int
    output_tokens: int
    #: In the unit of the provider's currency; None if it doesn't say.
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The model has said all, and why it ended: "stop", "length", "tool_calls", …

    A stream that ends without it was cut.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Why nothing more comes though the model has not said all, where that is known."""

    words: str


Piece: TypeAlias = Text | Reasoning | ToolCallPart | UsagePiece | Finished | Cut
