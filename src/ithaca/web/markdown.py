"""Markdown, written by people and models whom nobody vouches for, as HTML that cannot do anything.

Three walls, one behind the other: raw HTML in the text is text to the parser (markdown-it); what the parser makes is
cleaned by a list of the tags, attributes and classes that may be in it (nh3); and the page's Content-Security-Policy
runs no script that isn't the page's own.

No image is loaded: a remote one becomes a link of the class `remote-image`, which the page shows behind a click. Math
stays as it was written.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, MutableMapping, Sequence
from hashlib import blake2b
from typing import Any
from unicodedata import bidirectional

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block import table as tables
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from ithaca.web.deceptions import named_hosts, shown_marks

#: Characters beyond which a text is shown as it is, and a piece of code without colours: nobody waits for a server
#: that reads a novel.
MOST_CHARACTERS, MOST_CODE = 100_000, 50_000

#: Cells of its tables, and characters of its links' addresses, beyond which a text is shown as it is, too. A line of
#: one character is a row of all columns, and an address that has a name is written again wherever that stands.
MOST_CELLS, MOST_ADDRESSES = 20_000, 1_000_000

#: Bytes of HTML that are remembered.
CACHE_BYTES = 16 * 1024 * 1024

#: Characters of a formula at most, so that a text of nothing but beginnings is not searched again and again.
_MOST_MATH = 4_000

#: Looking for addresses takes the square of a word's length: in a text with such a word, only marked ones are links.
_LONG_WORD = re.compile(r"\S{1000}")

#: How far headings stand below the page's own, which are the conversation's name and who speaks.
_BELOW = 2

_BLOCKS = ("p", "h3", "h4", "h5", "h6", "td", "th")

#: What has blocks in it. `dir="auto"` would not look into these, so they are told which way they go. Items of a list
#: go as the list does, or else their numbers would stand on both sides of it; their texts each as its letters do.
_AROUND = ("blockquote", "ol", "table", "ul")

_TAGS = {*_BLOCKS, *_AROUND, "a", "br", "code", "div", "em", "figcaption", "figure", "hr", "li", "pre", "s", "span",
         "strong", "tbody", "thead", "tr"}  # fmt: skip


#: Colours by short class names, which the style sheet knows.
_FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True, classprefix="t-")
_TOKEN_CLASSES = {f"t-{name}" for name in STANDARD_TYPES.values() if name}

_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes={"a": {"href", "title"}, "ol": {"start"}},
    tag_attribute_values={
        **{tag: {"class": {"left", "center", "right"}} for tag in ("td", "th")},
        **{tag: {"dir": {"ltr", "rtl"}} for tag in (*_AROUND, "div")},
        "pre": {"dir": {"auto"}},
    },
    allowed_classes={
        "a": {"remote-image"},
        "code": {"math"},
        "div": {"table"},
        "figure": {"code"},
        "pre": {"plain"},
        "span": {*_TOKEN_CLASSES, "bidi"},
    },
    set_tag_attribute_values={
        **{tag: {"dir": "auto"} for tag in _BLOCKS},
        "a": {"target": "_blank"},
        # What scrolls sideways has to be within reach of the keyboard, and have a name.
        "pre": {"tabindex": "0"},
        **{tag: {"dir": "ltr"} for tag in ("code", "figure")},
        "div": {"tabindex": "0", "role": "group", "aria-label": "Table"},
    },
    link_rel="noopener noreferrer nofollow",
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
)


class Markdown:
    """Makes HTML of texts, and remembers what it made: the same text costs once. Any thread may ask."""

    def __init__(self, cache_bytes: int = CACHE_BYTES) -> None:
        self._made: OrderedDict[bytes, str] = OrderedDict()
        self._most, self._bytes = cache_bytes, 0
        self._lock = threading.Lock()

    def html(self, text: str, *, lines: bool = False) -> str:
        """The text as HTML; with `lines`, each line of it is one, as people write in a chat."""
        key = _key(text, lines)
        return self._known(key) or self._remember(key, rendered(text, lines=lines))

    def knows(self, text: str, *, lines: bool = False) -> bool:
        """Whether it would cost nothing."""
        return _key(text, lines) in self._made

    def _known(self, key: bytes) -> str | None:
        with self._lock:
            found = self._made.get(key)
            if found is not None:
                self._made.move_to_end(key)
            return found

    def _remember(self, key: bytes, html: str) -> str:
        with self._lock:
            if key not in self._made:
                self._made[key] = html
                self._bytes += _size(html)
            while self._bytes > self._most:
                self._bytes -= _size(self._made.popitem(last=False)[1])
        return html


def _key(text: str, lines: bool) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20, salt=b"lines" if lines else b"").digest()


def _size(html: str) -> int:
    return len(html.encode("utf-8", "surrogatepass")) + 200  # with the entry around it


def rendered(text: str, *, lines: bool = False) -> str:
    """The text as clean HTML."""
    return _CLEANER.clean(_plain(text) if len(text) > MOST_CHARACTERS else _parsed(text, lines))


def _parsed(text: str, lines: bool) -> str:
    try:
        return str(_PARSERS[lines, _LONG_WORD.search(text) is None].render(text))
    except _TooMuch:
        return _plain(text)


def _plain(text: str) -> str:
    return f'<pre class="plain" dir="auto">{shown_marks(escapeHtml(text), code=False)}</pre>'


class _TooMuch(Exception):
    """More would be made of a text than anybody reads."""


def _spend(environment: "Environment", what: str, number: int, most: int) -> None:
    environment[what] = environment.get(what, 0) + number
    if environment[what] > most:
        raise _TooMuch


def _parser(lines: bool, linkify: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": linkify, "breaks": lines, "maxNesting": 26})
    parser.enable(["table", "strikethrough", "linkify"])
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    parser.inline.ruler.before("escape", "math", _math)
    parser.block.ruler.before("table", "depth", _depth)
    parser.core.ruler.push("hosts", named_hosts)
    parser.core.ruler.push("directions", _directions)
    rules: dict[str, Any] = {
        "text": _text,
        "code_inline": _code,
        "fence": _fence,
        "code_block": _fence,
        "image": _image,
        "link_open": _link,
        "math": _formula,
        "table_open": _table_open,
        "table_close": lambda *_: "</table></div>",
        "td_open": _cell,
        "th_open": _cell,
        "heading_open": _heading("<"),
        "heading_close": _heading("</"),
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, lambda self, *given, rule=rule: rule(*given))
    return parser


Tokens = Sequence[Token]
Environment = MutableMapping[str, Any]


def _fence(tokens: Tokens, index: int, options: Any, environment: Environment) -> str:
    token = tokens[index]
    language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
    code = _coloured(token.content, language)
    return f'<figure class="code"><figcaption>{escapeHtml(language)}</figcaption><pre>{code}</pre></figure>\n'


def _text(tokens: Tokens, index: int, options: Any, environment: Environment) -> str:
    return shown_marks(escapeHtml(tokens[index].content), code=False)


def _code(tokens: Tokens, index: int, options: Any, environment: Environment) -> str:
    return f"<code>{shown_marks(escapeHtml(tokens[index].content), code=True)}</code>"


def _coloured(code: str, language: str) -> str:
    return shown_marks(_with_colours(code, language), code=True)


def _with_colours(code: str, language: str) -> str:
    if not language or len(code) > MOST_CODE:
        return escapeHtml(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escapeHtml(code)
    return str(highlight(code, lexer, _FORMATTER))


def _depth(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """The parser leaves out what stands deeper than it goes. A text with such is shown as it is."""
    if state.level >= state.md.options.maxNesting - 2:
        raise _TooMuch
    return False


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A table, of which no more rows are made than there may be cells."""
    if silent or start + 2 > end:
        return tables(state, start, end, silent)
    columns = state.src[state.bMarks[start + 1] : state.eMarks[start + 1]].strip(" \t|").count("|") + 1
    found = tables(state, start, min(end, start + 3 + MOST_CELLS // columns), silent)
    if found:
        _spend(state.env, "cells", columns * (state.line - start - 1), MOST_CELLS)
    return found


def _link(tokens: Tokens, index: int, options: Any, environment: Environment) -> str:
    token = tokens[index]
    _spend(environment, "addresses", sum(len(str(value)) for value in token.attrs.values()), MOST_ADDRESSES)
    given = "".join(f' {name}="{escapeHtml(str(value))}"' for name, value in token.attrs.items())
    return f"<a{given}>"


def _image(tokens: Tokens, index: int, options: Any, environment: Environment) -> str:
    token = tokens[index]
    address = str(token.attrGet("src") or "")
    _spend(environment, "addresses", len(address), MOST_ADDRESSES)
    words = escapeHtml(token.content or "image")
    return f'<a class="remote-image" href="{escapeHtml(address)}">{words}</a>'


def _directions(state: StateCore) -> None:
    """Tells what has blocks in it which way it goes: as its first letter does, wherever in it that is."""
    untold: list[Token | None] = []
    for token in state.tokens:
        if token.nesting > 0:
            untold.append(token if token.tag in _AROUND else None)
        elif token.nesting < 0:
            untold.pop()
        elif any(untold) and (direction := _direction(token)):
            for each in filter(None, untold):
                each.attrSet("dir", direction)
            untold = [None] * len(untold)


def _direction(token: Token) -> str | None:
    """As a browser finds it for `dir="auto"`; code always goes from the left, and so says nothing."""
    letters = (letter for part in token.children or () if part.type == "text" for letter in part.content)
    return next((_DIRECTIONS[kind] for kind in map(bidirectional, letters) if kind in _DIRECTIONS), None)


#: Letters that go somewhere: https://www.unicode.org/reports/tr9/#P2
_DIRECTIONS = {"L": "ltr", "R": "rtl", "AL": "rtl"}


def _table_open(tokens: Tokens, index: int, options: Any, environment: Environment) -> str:
    return f'<div class="table" dir="{tokens[index].attrGet("dir") or "ltr"}"><table>'


def _cell(tokens: Tokens, index: int, options: Any, environment: Environment) -> str:
    token = tokens[index]
    side = str(token.attrGet("style") or "").removeprefix("text-align:")
    return f'<{token.tag} class="{side}">' if side else f"<{token.tag}>"


def _heading(begin: str) -> Callable[..., str]:
    return lambda tokens, index, *_: f"{begin}h{min(6, int(tokens[index].tag[1]) + _BELOW)}>"


#: How formulas begin and end, the longer first.
_MATH = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))


def _math(state: StateInline, silent: bool) -> bool:
    """Takes a formula for a formula, so that its backslashes and underscores stay."""
    begin = state.pos
    for opening, closing in _MATH:
        if state.src.startswith(opening, begin):
            end = _end_of_math(state.src, begin + len(opening), opening, closing)
            if end is None:
                return False
            if not silent:
                state.push("math", "", 0).content = state.src[begin:end]
            state.pos = end
            return True
    return False


def _end_of_math(text: str, start: int, opening: str, closing: str) -> int | None:
    found = text.find(closing, start, start + _MOST_MATH)
    if found <= start:
        return None
    end = found + len(closing)
    if opening == "$":  # may be money: "$5 or $6"
        inside, after = text[start:found], text[end : end + 1]
        if inside != inside.strip() or "\n" in inside or after.isalnum():
            return None
    return end


def _formula(tokens: Tokens, index: int, options: Any, environment: Environment) -> str:
    return f'<code class="math">{shown_marks(escapeHtml(tokens[index].content), code=True)}</code>'


_PARSERS = {(lines, linkify): _parser(lines, linkify) for lines in (False, True) for linkify in (False, True)}
