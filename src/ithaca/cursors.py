"""Pages that a key cuts, not an offset.

A page asks for what comes after the last item of the page before, so it costs the same however far the reader
has gone, and nothing is shown twice or skipped while others write. A cursor is that item's key, with the order
that it belongs to; opaque to its user.
"""

import base64
import binascii
from collections.abc import Sequence
from math import isfinite
from typing import Any

from ithaca.columns import from_json, to_json
from ithaca.errors import InvalidArgument


def write_cursor(order: Sequence[Any], key: Sequence[Any]) -> str:
    """The cursor after an item with this key."""
    return base64.urlsafe_b64encode(to_json([list(order), list(key)]).encode()).decode().rstrip("=")


def read_cursor(cursor: str, order: Sequence[Any], kinds: Sequence[type]) -> dict[str, Any]:
    """The key as the parameters `key0`, `key1` …; raises `InvalidArgument` for another order's cursor, or none."""
    try:
        found, key = from_json(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode())
        if found != list(order) or [type(value) for value in key] != list(kinds) or not all(map(_storable, key)):
            raise TypeError
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise InvalidArgument("cursor", cursor, "the cursor of a page in the same order") from None
    return {f"key{i}": value for i, value in enumerate(key)}


def _storable(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, str):
        value.encode()  # raises for a lone surrogate
        return "\0" not in value
    return -(2**63) <= int(value) < 2**63
