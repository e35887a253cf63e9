"""The model's side: where a question goes, how it gets there safely, and what comes back, piece by piece.

The package `openai` (`ithaca[replies]`) is imported when an endpoint is first called.
"""

from ithaca.providers.listing import models_of
from ithaca.providers.local import local_servers
from ithaca.providers.pieces import Cut, Finished, Piece, Reasoning, Text, ToolCallPart, UsagePiece
from ithaca.providers.resolving import resolve
from ithaca.providers.streaming import stream
from ithaca.providers.target import Limits, Reach, Target

__all__ = [
    "Cut",
    "Finished",
    "Limits",
    "Piece",
    "Reach",
    "Reasoning",
    "Target",
    "Text",
    "ToolCallPart",
    "UsagePiece",
    "local_servers",
    "models_of",
    "resolve",
    "stream",
]
