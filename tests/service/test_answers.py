"""What goes out as JSON."""

import json
from typing import Any

import pytest

from ithaca.service.answers import written


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        None, True, "ünï 🦜\u2028\x7f\x00\"\\", 2**70, -(2**64), 0.1, 1e16, 5e-324, -0.0,
        [], {}, {"a": [{"b": None}]}, "NaN", ["Infinity", 1], "\ud800", {"\udfff": "x"}, nested(500),
    ],
)  # fmt: skip
def test_what_is_written_says_the_same(value: Any) -> None:
    assert repr(json.loads(written(value))) == repr(value)


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": -float("inf")}])
def test_what_is_no_number_is_no_json(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        written(value)
