"""Where a question goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint and a model there, with what opens the door."""

    base_url: str
    model: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    key: str | None = field(default=None, repr=False)
    #: The name of the registered endpoint that it comes from.
    endpoint: str | None = None
    #: What goes into every request, as `temperature`.
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited, in seconds."""

    first_token: float = 120.0
    gap: float = 60.0
    whole: float = 3600.0
