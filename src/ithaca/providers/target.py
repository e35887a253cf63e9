"""Where a question goes, and how long the answer is waited for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

#: Public addresses only, or also this machine and private networks. Some addresses are never called (`addresses`).
Reach: TypeAlias = Literal["public", "private"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited, in seconds, and how often is tried."""

    #: For the first token of an attempt: a model may have to be loaded first.
    first_token: float = 300.0
    #: Between one piece and the next.
    gap: float = 120.0
    #: For all of it, attempts and pauses included.
    whole: float = 3600.0
    #: For a connection.
    connect: float = 10.0
    #: Requests at most, until something came.
    attempts: int = 4
    #: Before the second attempt; twice as long before each further one, and less at random.
    pause: float = 0.5
    #: Whoever asks to be left alone for longer (`Retry-After`) is not asked again.
    longest_pause: float = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint and a model there, with what opens the door."""

    base_url: str
    model: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: Sent as `Authorization: Bearer …`, unless the headers have one.
    key: str | None = field(default=None, repr=False)
    #: The name of the registered endpoint that it comes from.
    endpoint: str | None = None
    #: What goes into every request, as `temperature`.
    options: Mapping[str, Any] = field(default_factory=dict)
    reach: Reach = "private"
    #: Tokens that the model reads and writes at once; None if nobody said.
    context_window: int | None = None
    limits: Limits = field(default_factory=Limits)
