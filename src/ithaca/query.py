"""What somebody searches for: any text is a question, and none is a mistake.

Words must all be there; words in quotation marks must stand together; what begins with `-` must not be there; a `*`
at the end of a word stands for any ending; `OR` between two means that one of them suffices. Whatever else there
is, brackets, colons, a quotation mark without its partner, separates words and says nothing.
"""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import NamedTuple

from ithaca.words import LONGEST, Word, pairs, pieces, words
from ithaca.words import MOST_WORDS as WORDS_INDEXED

#: Words of a question that count; whoever pastes a whole page is answered by its beginning.
MOST_WORDS = 50

#: Characters of a message that are shown around what was found in it.
SNIPPET = 200

#: Characters by which a cut may give way so as not to go through a word.
_GIVE = 40

Span = tuple[int, int]

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»＂", '"'))
_CHUNK = re.compile(r'((?<!\S)-(?=[^\s-]))?(?:"([^"]*)"?(\*?)|([^\s"]+))')
_SPACE, _UP_TO_SPACE = re.compile(r"\s"), re.compile(r".*\s", re.DOTALL)
_JOINERS = "\u200d\ufe0e\ufe0f"


@dataclass(frozen=True)
class Phrase:
    """Words that stand together, the last one perhaps only begun."""

    words: tuple[str, ...]
    begun: bool = False
    #: The last word is a single character of a script without spaces.
    character: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What finds it in a text of ASCII. It begins with the plain word, which is looked for fastest."""
        first = re.escape(self.words[0])
        whole = [re.escape(word) + ("[a-z0-9]*" if len(word) == LONGEST else "") for word in self.words]
        rest = "[^a-z0-9]+".join(whole)[len(first) :] + ("[a-z0-9]*" if self.begun else "")
        return re.compile(f"{first}(?<![a-z0-9]{first})(?=({rest})(?![a-z0-9]))")


class Query(NamedTuple):
    """One of each of the alternatives, and none of the excluded."""

    wanted: tuple[tuple[Phrase, ...], ...]
    excluded: tuple[Phrase, ...] = ()

    @property
    def phrases(self) -> list[Phrase]:
        return [phrase for alternatives in self.wanted for phrase in alternatives]


def parse(text: str) -> Query:
    """The question that a text is; without anything that is wanted, nothing fits it."""
    return _parse_short(text) if len(text) <= _SHORT else _parse(text)


def _parse(text: str) -> Query:
    wanted: list[list[Phrase]] = []
    excluded: list[Phrase] = []
    left, alternative = MOST_WORDS, False
    for chunk in _CHUNK.finditer(text.translate(_QUOTES)):
        if left <= 0:
            break
        if chunk[0] == "OR" and wanted:
            alternative = True
            continue
        phrase = _phrase(chunk, left)
        if phrase is None:
            continue
        left -= len(phrase.words)
        if chunk[1]:
            excluded.append(phrase)
        elif alternative:
            wanted[-1].append(phrase)
        else:
            wanted.append([phrase])
        alternative = False
    return Query(tuple(map(tuple, wanted)), tuple(excluded))


#: Who asks for the next page asks the same again.
_parse_short = lru_cache(maxsize=256)(_parse)
_SHORT = 200


def _phrase(chunk: re.Match[str], most: int) -> Phrase | None:
    text = chunk[4] if chunk[2] is None else chunk[2]
    found: list[str] = []
    begun = character = False
    parts = pieces(text)
    for place, (units, unspaced) in enumerate(parts):
        if not unspaced:
            found += units
        elif place < len(parts) - 1:
            found += pairs(list(units))
        elif len(units) > 1:
            found += pairs(list(units))[:-1]  # whatever follows the last character
        else:
            found += units
            begun = character = bool(units)
    if not character and parts and not parts[-1][1]:
        begun = bool(chunk[3]) or text.endswith("*")
    return Phrase(tuple(found[:most]), begun and len(found) <= most, character) if found[:most] else None


def matches(query: Query, text: str) -> list[list[Span]] | None:
    """Where in the text each wanted phrase stands; None if the text doesn't fit."""
    places = _plainly(text) if len(text) <= _PLAIN and text.isascii() else _Index(words(text)).places
    for phrase in query.excluded:
        if places(phrase):
            return None
    found: list[list[Span]] = []
    for alternatives in query.wanted:
        spans = list(map(places, alternatives))
        if not any(spans):
            return None
        found += spans
    return found or None


#: A text of so many characters has no more words than are indexed.
_PLAIN = 2 * WORDS_INDEXED


def _plainly(text: str) -> Callable[[Phrase], list[Span]]:
    """What finds a phrase in a text of ASCII, which needs no taking apart: a pattern."""
    text = text.lower()
    return lambda phrase: [(found.start(), found.end(1)) for found in phrase.pattern.finditer(text)]


class _Index:
    """The words of one text, and where each stands."""

    def __init__(self, found: Sequence[Word]) -> None:
        self._words = found
        self._at: dict[str, list[int]] = {}
        for place, (word, _, _) in enumerate(found):
            self._at.setdefault(word, []).append(place)
        self._sorted: list[str] | None = None

    def places(self, phrase: Phrase) -> list[Span]:
        return list(self._places(phrase))

    def _places(self, phrase: Phrase) -> Iterator[Span]:
        *before, last = phrase.words
        first = sorted(self._begun(last)) if not before and phrase.begun else self._at.get(phrase.words[0], ())
        for place in first:
            end = place + len(before)
            if end < len(self._words) and self._stand(before, place) and self._ends(phrase, last, end):
                yield self._words[place][1], self._end(phrase, end)

    def _stand(self, before: Iterable[str], place: int) -> bool:
        return all(self._words[place + n][0] == word for n, word in enumerate(before))

    def _ends(self, phrase: Phrase, last: str, place: int) -> bool:
        word = self._words[place][0]
        return word.startswith(last) if phrase.begun else word == last

    def _begun(self, start: str) -> Iterator[int]:
        self._sorted = self._sorted or sorted(self._at)
        for word in self._sorted[bisect_left(self._sorted, start) :]:
            if not word.startswith(start):
                return
            yield from self._at[word]

    def _end(self, phrase: Phrase, place: int) -> int:
        word, start, end = self._words[place]
        if phrase.character and word != phrase.words[-1] and place + 1 < len(self._words):
            return max(start + 1, min(end, self._words[place + 1][1]))  # of the pair, the first character alone
        return end


def snippet(text: str, found: Sequence[Sequence[Span]]) -> tuple[str, list[Span]]:
    """The part of a text where most of what was found stands together, and where in it that is."""
    spans = list(chain.from_iterable(found))
    start, end = spans[0] if len(spans) == 1 else _best(found)
    left, right = 0, len(text)
    if right > SNIPPET:
        spare = max(0, SNIPPET - (end - start))
        left = max(0, min(start - spare // 2, right - SNIPPET))
        right = left + SNIPPET
        left, right = _cut_left(text, left, start), _cut_right(text, right, min(end, right))
    before, after = "…" if left else "", "…" if right < len(text) else ""
    shift = len(before) - left
    if len(spans) > 1 or end > right:
        spans = _joined((max(a, left), min(b, right)) for a, b in spans if a < right and b > left)
    return f"{before}{text[left:right]}{after}", [(a + shift, b + shift) for a, b in spans]


def _best(found: Sequence[Sequence[Span]]) -> Span:
    """The stretch with the most different phrases, then the most of them, the first of equals."""
    spans = sorted((a, b, phrase) for phrase, there in enumerate(found) for a, b in there)
    best, stretch, first = (0, 0), spans[0][:2], 0
    inside: Counter[int] = Counter()
    for last, (a, b, phrase) in enumerate(spans):
        inside[phrase] += 1
        while first < last and b - spans[first][0] > SNIPPET:
            inside[spans[first][2]] -= 1
            first += 1
        worth = (sum(1 for count in inside.values() if count), last - first)
        if worth > best:
            best, stretch = worth, (spans[first][0], max(a, b))
    return stretch


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _cut_left(text: str, cut: int, most: int) -> int:
    if cut == 0:
        return 0
    if space := _SPACE.search(text, cut - 1, min(most, cut + _GIVE)):
        return space.end()
    while cut < most and _is_inside(text, cut):
        cut += 1
    return cut


def _cut_right(text: str, cut: int, least: int) -> int:
    if cut == len(text):
        return cut
    if part := _UP_TO_SPACE.match(text, max(least, cut - _GIVE), cut + 1):
        return part.end() - 1
    whole = cut
    while whole > least and _is_inside(text, whole):
        whole -= 1
    return whole


def _is_inside(text: str, place: int) -> bool:
    """Whether a cut there would go through what is seen as one character."""
    before, after = text[place - 1], text[place]
    if before == "\u200d" or after in _JOINERS or unicodedata.category(after)[0] == "M":
        return True
    return "\U0001f3fb" <= after <= "\U0001f3ff" or all("\U0001f1e6" <= c <= "\U0001f1ff" for c in (before, after))
