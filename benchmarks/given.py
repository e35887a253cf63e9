"""What is stored: messages of 300 characters with small metadata, always the same ones.

Their words are made up and as frequent as those of a language (the nth most frequent one 1/n as frequent as the first),
since an index of words costs what its words cost.
"""

import json
import random
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import Any

from ithaca import ChatMessage

LENGTH = 300
METADATA: dict[str, Any] = {"model": "qwen3", "n": 7}
METADATA_JSON = json.dumps(METADATA)

#: In a third of all messages, in one of thirty, and in one of ten thousand.
COMMON, LESS_COMMON, RARE = "comon", "lesom", "nowhere"
RARE_EVERY = 10_000

_WORDS, _PHRASES, _PHRASES_IN_TEXT, _64_BITS = 20_000, 2**13, 4, 2**64 - 1
_PHRASE_LENGTH = LENGTH // _PHRASES_IN_TEXT - 1


def text(number: int) -> str:
    """What the message of this number says."""
    phrases, mixed = _phrases(), number * 0x9E37_79B9_7F4A_7C15 & _64_BITS
    chosen = [phrases[mixed >> shift & _PHRASES - 1] for shift in (12, 25, 38, 51)]
    if number % RARE_EVERY == RARE_EVERY // 2:
        chosen[0] = f"{RARE} {chosen[0]}"[:_PHRASE_LENGTH]
    return " ".join(chosen) + "."


def role(number: int) -> str:
    return "assistant" if number % 2 else "user"


def message(number: int) -> ChatMessage:
    """The message of this number, as a caller of Ithaca makes it."""
    return ChatMessage(role(number), text(number), METADATA)


def row(number: int) -> tuple[str, str, dict[str, Any]]:
    """The message of this number, as the floor takes it."""
    return role(number), text(number), METADATA


def batches(count: int, size: int = 1_000) -> Iterator[range]:
    """The numbers below `count`, so many at a time."""
    return (range(start, min(start + size, count)) for start in range(0, count, size))


@cache
def _phrases() -> list[str]:
    chance = random.Random(8)  # noqa: S311, nothing is to be kept secret
    words = ["".join(chance.choices(("ka", "lo", "mi", "ne", "ru", "so", "ti"), k=3 + n % 3)) for n in range(_WORDS)]
    words[9], words[129] = COMMON, LESS_COMMON
    weights = list(accumulate(1 / rank for rank in range(1, _WORDS + 1)))
    return [_phrase(chance.choices(words, cum_weights=weights, k=20)) for _ in range(_PHRASES)]


def _phrase(words: list[str]) -> str:
    """As many of the words as fit a phrase, which always has the same length."""
    phrase = ""
    for word in words:
        if len(phrase) + len(word) > _PHRASE_LENGTH:
            break
        phrase += f"{word} "
    return phrase.strip().ljust(_PHRASE_LENGTH, ".")
