"""What conversations cost: tokens in and out, and money, as they are recorded and as they are summed up.

A cost is a whole number of millionths of the currency's unit in the database, and a `Decimal` everywhere else, so
that sums are exact. Which currency it is, is the application's matter.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal, TypeAlias

from ithaca.columns import Row, from_time, iso
from ithaca.config import Limits
from ithaca.content import identifier, indexed_label, moment, new_id, whole
from ithaca.errors import InvalidArgument

#: What usage can be broken down by.
UsageKey: TypeAlias = Literal["day", "model", "session_id", "owner", "message_id"]

KEYS = ("day", "model", "session_id", "owner", "message_id")

#: Tokens of one record: so that millions of records can be summed up in a 64-bit number.
MOST_TOKENS = 1_000_000_000

#: The cost of one record, in units.
MOST_COST = 1_000_000

MICROSECONDS_PER_DAY = 24 * 3600 * 1_000_000

_FIRST_DAY = date(1970, 1, 1)
_MILLIONTH = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What one reply used."""

    #: Its idempotency key: recorded again under the same id, it counts once.
    id: str
    owner: str
    session_id: str
    #: The message that it was for; None if that was not said.
    message_id: str | None
    model: str
    input_tokens: int
    output_tokens: int
    #: In units of the application's currency, exact to a millionth.
    cost: Decimal
    created_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it: the time as ISO 8601, the cost as a text, so that it stays exact."""
        return asdict(self) | {"cost": str(self.cost), "created_at": iso(self.created_at)}

    @classmethod
    def from_row(cls, row: Row) -> "UsageRecord":
        id, owner, session_id, message_id, model, input_tokens, output_tokens, cost, created_at = row
        counts = (input_tokens, output_tokens, from_millionths(cost))
        return cls(id, owner, session_id, message_id, model, *counts, from_time(created_at))


@dataclass(frozen=True, slots=True)
class Usage:
    """A sum of what was recorded. The keys that it is not broken down by are None."""

    input_tokens: int
    output_tokens: int
    #: In units of the application's currency, exact to a millionth.
    cost: Decimal
    #: How many records it sums up.
    count: int
    #: The day in UTC.
    day: date | None = None
    model: str | None = None
    session_id: str | None = None
    owner: str | None = None
    message_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it: the day as ISO 8601, the cost as a text, so that it stays exact."""
        return asdict(self) | {"cost": str(self.cost), "day": None if self.day is None else self.day.isoformat()}


def from_millionths(cost: int) -> Decimal:
    return (Decimal(cost) * _MILLIONTH).quantize(_MILLIONTH)


def day_of(number: int) -> date:
    """The day of its number since 1970."""
    return _FIRST_DAY + timedelta(days=number)


# The door: what a caller gives is checked here.


def record_columns(
    limits: Limits,
    now: int,
    *,
    model: object,
    input_tokens: object,
    output_tokens: object,
    cost: object,
    message_id: object,
    id: object,
    at: object,
) -> dict[str, Any]:
    """The columns of a record, but for whose it is."""
    time = now if at is None else moment("at", at)
    return {
        "id": new_id() if id is None else identifier("id", id, limits),
        "message_id": None if message_id is None else identifier("message_id", message_id, limits),
        "model": indexed_label("model", model, limits, empty=True),
        "input_tokens": whole("input_tokens", input_tokens, 0, MOST_TOKENS),
        "output_tokens": whole("output_tokens", output_tokens, 0, MOST_TOKENS),
        "cost": 0 if cost is None else _millionths(cost),
        "day": time // MICROSECONDS_PER_DAY,
        "created_at": time,
    }


def _millionths(cost: object) -> int:
    allowed = f"a Decimal, or another number, from 0 to {MOST_COST}; or None"
    if isinstance(cost, bool) or not isinstance(cost, (int, float, Decimal)):
        raise InvalidArgument("cost", cost, allowed)
    exact = Decimal(repr(cost)) if isinstance(cost, float) else Decimal(cost)  # 0.1 is meant as it is written
    if not exact.is_finite() or not 0 <= exact <= MOST_COST:
        raise InvalidArgument("cost", cost, allowed)
    return int((exact / _MILLIONTH).to_integral_value(ROUND_HALF_EVEN))


def day_number(field: str, value: object) -> int | None:
    """The number of a day since 1970, or None. A time is refused: usage is summed up by whole days."""
    if value is None:
        return None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidArgument(field, value, "a date, which is a day in UTC, or None")
    return (value - _FIRST_DAY).days


def keys(by: object) -> tuple[str, ...]:
    """What to break down by, in that order."""
    allowed = f"some of {', '.join(KEYS)}"
    if isinstance(by, (str, bytes)) or not isinstance(by, Iterable):
        raise InvalidArgument("by", by, f"a list of {allowed}")
    named = tuple(by)
    if not all(isinstance(key, str) and key in KEYS for key in named) or len(set(named)) != len(named):
        raise InvalidArgument("by", by, f"{allowed}, each at most once")
    return named
