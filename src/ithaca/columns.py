"""How a Python value stands in a database column, the same on every database.

Times are whole microseconds since 1970 in UTC; JSON is text, as written by `to_json`. Plain text is itself,
but for NUL: PostgreSQL cannot store it, so it is written as two characters that both databases take.
The pair is reversible whatever the text holds.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar

from ithaca.digests import blake2b

#: A row as both drivers give it.
Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)
_MICROSECOND = timedelta(microseconds=1)

# A noncharacter (Unicode 23.7): valid UTF-8, reserved for internal use, in nobody's text.
_MARK = "\ufdd0"


def _json_encoder() -> Callable[[Any], str]:
    """`JSONEncoder.encode`, whose inner encoder is made once: at each call, it takes half of a short text's time."""
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    # Without its check for circles, which keeps state: what comes from a caller has passed `content.check_json`.
    chunks = make(None, encoder.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


to_json: Callable[[Any], str] = _json_encoder()
from_json: Callable[[str], Any] = json.loads


def now() -> int:
    """The time, in microseconds since 1970 in UTC."""
    return time.time_ns() // 1000


def to_time(moment: datetime) -> int:
    """Microseconds since 1970; a naive time is taken as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def from_time(microseconds: int) -> datetime:
    """The aware time in UTC, exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=microseconds)


@lru_cache(maxsize=4096)  # of a session's four times, some are often the same; and lists are asked for again and again
def iso_time(microseconds: int) -> str:
    """`iso` of `from_time`, at once."""
    return (_NAIVE_EPOCH + timedelta(0, 0, microseconds)).isoformat("T", "microseconds") + "Z"


def iso(moment: datetime) -> str:
    """ISO 8601 with microseconds and `Z`, as in `2026-03-01T05:00:00.000000Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def to_text(text: str) -> str:
    """The text as every database can store it."""
    if "\0" not in text and _MARK not in text:
        return text
    return text.replace(_MARK, _MARK + _MARK).replace("\0", _MARK + "0")


def from_text(stored: str) -> str:
    """The exact text that `to_text` was given."""
    if _MARK not in stored:
        return stored
    parts = stored.split(_MARK + _MARK)
    return _MARK.join(part.replace(_MARK + "0", "\0") for part in parts)


def fingerprint(owner: str) -> int:
    """64 bits that stand for an owner's name, of which it cannot be read."""
    return int.from_bytes(blake2b(owner.encode(), digest_size=8).digest(), signed=True)


class Plain:
    """A dataclass whose fields JSON has as they are."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it."""
        return asdict(self)
