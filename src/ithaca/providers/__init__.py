"""The model's side: what is asked of an endpoint, and what comes back from it, piece by piece."""

from ithaca.providers.pieces import Finished, Piece, Reasoning, Text, ToolCallPart, UsagePiece
from ithaca.providers.streaming import stream
from ithaca.providers.target import Limits, Target

__all__ = [
    "Finished",
    "Limits",
    "Piece",
    "Reasoning",
    "Target",
    "Text",
    "ToolCallPart",
    "UsagePiece",
    "stream",
]
