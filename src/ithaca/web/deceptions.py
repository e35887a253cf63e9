"""What may deceive who reads a text: marks that show its letters in another order, and links that name another server.

Nothing of it is taken away. The marks are shown and have no effect; and where a link leads is said beside it.
"""

import re
from collections.abc import Iterator, Sequence
from unicodedata import name
from urllib.parse import SplitResult, urlsplit

from markdown_it.common.normalize_url import normalizeLink
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

#: Marks of bidirectional text. In code they can show another program than runs (https://trojansource.codes); in text,
#: those that override all letters' directions have no honest use, the others have.
_MARKS, _OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]+"), re.compile("[\u202d\u202e]+")

#: A text that reads as an address: it begins like one, or is the name of a server and nothing else.
_NAMED = re.compile(
    r"\s*(?:(?:https?://(?:[^\s/@]*@)?|www\.)([^\s/:?#@]+)"
    r"|((?:[\w-]+\.)+(?:com|org|net|edu|gov|info|biz|io|app|dev))(?:[/:?#]\S*|\s*$))",
    re.IGNORECASE,
)

#: Scripts with letters that look like Latin ones.
_LIKE_LATIN = {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"}

#: Characters of a link's text that are looked at.
_MOST = 300


def shown_marks(html: str, *, code: bool) -> str:
    """HTML of a text with the marks that deceive shown, each apart from what stands around it."""
    return (_MARKS if code else _OVERRIDES).sub(r'<span class="bidi">\g<0></span>', html)


def named_hosts(state: StateCore) -> None:
    """Says beside each link that reads as an address where it leads, if that is another server."""
    for token in state.tokens:
        if token.children and any(child.type == "link_open" for child in token.children):
            token.children = list(_with_hosts(token.children))


def _with_hosts(children: Sequence[Token]) -> Iterator[Token]:
    address, said = "", ""
    for child in children:
        yield child
        if child.type == "link_open":
            address, said = str(child.attrGet("href") or ""), ""
        elif child.type == "link_close":
            if (host := another_host(said, address)) is not None:
                yield Token("text", "", 0, content=f" ({host})")
        elif len(said) < _MOST:
            said += child.content


def another_host(said: str, address: str) -> str | None:
    """The server to which a link leads, if what it says reads as the address of another one, or may be misread.

    >>> another_host("https://bank.example/login", "https://evil.example/")
    'evil.example'
    >>> another_host("the bank", "https://evil.example/")
    """
    parts = _split(address)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    host = parts.hostname
    if "@" in parts.netloc:
        return host
    found = _NAMED.match(said[:_MOST])
    if found is None:
        return None
    named = (found[1] or found[2]).lower()
    written = _split(normalizeLink(f"https://{named}"))
    same = written is not None and f".{host}".endswith(f".{(written.hostname or '').removeprefix('www.')}")
    return None if same and not _looks_latin(named) else host


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None


def _looks_latin(host: str) -> bool:
    """Whether letters of another script may be taken for Latin ones, as before an end in Latin letters."""
    foreign = any(name(letter, "").split(" ")[0] in _LIKE_LATIN for letter in host)
    return foreign and host.rpartition(".")[2].isascii()
