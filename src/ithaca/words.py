"""The words of a text, the same for every database: what is indexed, what is asked for, what is highlighted.

A word is a run of letters, digits and their marks, folded: case, accents and width say nothing. In scripts that
put no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) each two neighbouring characters are a
word, and so is the last one of a run by itself; so whatever stands together there is found as a phrase of such
pairs, wherever its words begin and end.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import islice
from operator import add
from typing import TypeAlias

#: As far as a text is indexed. PostgreSQL counts the places in a tsvector no further than to 16,383
#: (https://www.postgresql.org/docs/current/textsearch-limitations.html).
MOST_CHARACTERS, MOST_WORDS = 100_000, 16_000

#: Words that begin with the same so many characters are the same; a lexeme of PostgreSQL holds 2,046 bytes.
LONGEST = 100

#: Raised whenever the same text gives other words: then everything is indexed anew.
VERSION = 1


#: A folded word, and where in the text it begins and ends.
Word: TypeAlias = tuple[str, int, int]

# Letters and marks of the scripts that are written without spaces, but not their digits.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ece\u0edc-\u0edf"  # Lao
    "\u1000-\u103f\u104e-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer
    "\u3005-\u3007\u3021-\u302f\u3031-\u3035\u3038-\u303c\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Chinese
    "\U00020000-\U0003fffd"
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f\U0001aff0-\U0001b16f"  # Japanese
    "\u3105-\u312f\u31a0-\u31bf"  # Bopomofo
)

# They stand inside words and say nothing: soft hyphens, joiners, and which form of a character is to be shown.
_SILENT = "\u00ad\u034f\u200d\u2060\ufe00-\ufe0f\U000e0100-\U000e01ef"
_MUTED = re.compile(f"[{_SILENT}]")

# Marks that are left out of a word: accents, the points of Hebrew and Arabic, the tatweel. In other scripts marks are
# letters. The breve and the diaeresis of Cyrillic are too (й, ї), only ё is written as е as often as not.
_ACCENTS = re.compile(
    "[\u0300-\u0305\u0307\u0309-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]|(?<![\u0430-\u052f])[\u0306\u0308]|(?<=\u0435)\u0308"
)

# Letters that look accented and have no decomposition.
_BARE = str.maketrans("øłđħıŧ", "oldhit")

_ASCII_WORD = re.compile(r"[a-z0-9]+")

# Beyond the Basic Multilingual Plane, whole blocks of scripts with marks: few ranges are compared fast.
_FAR_MARKS = "\U00010a00-\U00010a3f\U00011000-\U00011fff\U00016af0-\U00016b36\U0001e000-\U0001e2ef\U0001e8d0-\U0001e94a"


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What finds a word or a run, and what finds the characters of a run. Made for the first text that needs them."""
    marks = "".join(c for c in map(chr, range(0x300, 0x10000)) if unicodedata.category(c)[0] == "M")
    after = f"{marks}{_FAR_MARKS}{_SILENT}\uff9e\uff9f"
    spaced, unspaced = f"(?:[^\\W_{_UNSPACED}]+[{after}]*)+", f"[{_UNSPACED}][{_UNSPACED}{after}]*"
    return re.compile(f"({spaced})|({unspaced})"), re.compile(f"[{_UNSPACED}][{after}]*")


def fold(text: str) -> str:
    """The text without what distinguishes the forms of a letter: case, width, and accents where they are optional."""
    # Decomposing brings capitals back: "𝐓".
    bare = unicodedata.normalize("NFKD", _MUTED.sub("", text).casefold()).casefold()
    return unicodedata.normalize("NFC", _ACCENTS.sub("", bare).translate(_BARE))


def words_of(text: str) -> list[str]:
    """The words of a text in their order, as far as it is indexed."""
    text = text[:MOST_CHARACTERS]
    if text.isascii():
        return [word[:LONGEST] for word in _ASCII_WORD.findall(text.lower())[:MOST_WORDS]]
    found: list[str] = []
    for spaced, run in _patterns()[0].findall(text):
        found += _words(spaced) if spaced else pairs(characters(run))
    return found[:MOST_WORDS]


def words(text: str) -> list[Word]:
    """The same words, with their places in the text."""
    return list(islice(_placed(text[:MOST_CHARACTERS]), MOST_WORDS))


def _placed(text: str) -> Iterator[Word]:
    if text.isascii():
        yield from ((word[0][:LONGEST], word.start(), word.end()) for word in _ASCII_WORD.finditer(text.lower()))
        return
    for found in _patterns()[0].finditer(text):
        if found[1]:
            yield from ((word, found.start(), found.end()) for word in _words(found[1]))
        else:
            units = [unit for unit in _patterns()[1].finditer(text, found.start(), found.end()) if _character(unit[0])]
            ends = [unit.end() for unit in units[1:] + units[-1:]]
            starts = [unit.start() for unit in units]
            yield from zip(pairs(characters(found[2])), starts, ends, strict=True)


def pieces(text: str) -> list[tuple[Sequence[str], bool]]:
    """The words of a text that is asked for; or, and True, the single characters of a run without spaces."""
    found = _patterns()[0].findall(text[:MOST_CHARACTERS])
    return [(_words(spaced), False) if spaced else (characters(run), True) for spaced, run in found]


def pairs(units: list[str]) -> list[str]:
    """The words that stand for a run of characters: each with the next, and the last."""
    return [*map(add, units, units[1:]), *units[-1:]]


def characters(run: str) -> list[str]:
    """The folded characters of a run, each with its marks."""
    return [*filter(None, map(_character, _patterns()[1].findall(run)))]


@lru_cache(maxsize=1 << 14)
def _character(unit: str) -> str:
    return fold(unit[:LONGEST])[: LONGEST // 2]


def _words(spaced: str) -> Sequence[str]:
    """The word that a run of letters and digits is; some characters stand for several, as "½" and "ﷺ" do."""
    return _short_words(spaced) if len(spaced) <= LONGEST else _long_words(spaced)


def _long_words(spaced: str) -> Sequence[str]:
    folded = fold(spaced)
    if folded.isascii() and folded.isalnum():
        return (folded[:LONGEST],)
    found: list[str] = []
    for word, run in _patterns()[0].findall(folded):
        found += [word[:LONGEST]] if word else pairs(characters(run))
    return tuple(found)


# What people say is mostly said again.
_short_words = lru_cache(maxsize=1 << 15)(_long_words)
