"""Markdown as HTML: what it looks like, and that it cannot do anything."""

import re
from html.parser import HTMLParser
from time import thread_time

import pytest

from ithaca.web.markdown import MOST_CHARACTERS, Markdown, rendered
from tests.web.given import MALICIOUS

TAGS = {
    "a", "blockquote", "br", "code", "div", "em", "figcaption", "figure", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"aria-label", "class", "dir", "href", "rel", "role", "start", "tabindex", "target", "title"}


class Seen(HTMLParser):
    """What a browser would find in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))


@pytest.mark.parametrize("text", MALICIOUS)
@pytest.mark.parametrize("lines", [False, True])
def test_nothing_in_it_can_do_anything(text: str, lines: bool) -> None:
    for tag, attributes in Seen(rendered(text, lines=lines)).tags:
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES, (tag, attributes)
        assert re.match(r"(https?://|mailto:)", attributes.get("href") or "mailto:"), attributes
        if tag == "a":
            assert attributes["rel"] == "noopener noreferrer nofollow"
            assert attributes["target"] == "_blank"
        names = (attributes.get("class") or "").split()
        assert all(
            re.fullmatch(r"t-\w+|bidi|table|code|plain|math|remote-image|left|right|center", name) for name in names
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*a* **b** ~~c~~", '<p dir="auto"><em>a</em> <strong>b</strong> <s>c</s></p>\n'),
        ("# a", '<h3 dir="auto">a</h3>'),
        ("###### a", '<h6 dir="auto">a</h6>'),
        ("a\nb", '<p dir="auto">a\nb</p>\n'),
        ("$a_1 * b_1$ or $5, $6", '<p dir="auto"><code class="math" dir="ltr">$a_1 * b_1$</code> or $5, $6</p>\n'),
        (r"\(x_{1}\)", r'<p dir="auto"><code class="math" dir="ltr">\(x_{1}\)</code></p>' "\n"),
        ("3. x", '<ol start="3" dir="ltr">\n<li>x</li>\n</ol>\n'),
    ],
)  # fmt: skip
def test_it_says_what_was_written(text: str, expected: str) -> None:
    assert rendered(text) == expected


def test_lines_of_a_person_stay_lines() -> None:
    assert rendered("a\nb", lines=True) == '<p dir="auto">a<br>\nb</p>\n'


@pytest.mark.parametrize(
    ("text", "tag", "directions"),
    [
        ("> שלום", "blockquote", ["rtl"]),
        ("> `x` 1. مرحبا\n\n> a מ", "blockquote", ["rtl", "ltr"]),
        ("- א\n  - b\n- c", "ul", ["rtl", "ltr"]),
        ("1. *שלום*\n\n   x", "ol", ["rtl"]),
        ("|1|א|\n|-|-|\n|b|c|", "div", ["rtl"]),
        ("- 1\n- `x`", "ul", [None]),
    ],
)
def test_what_has_blocks_in_it_goes_as_its_first_letter(text: str, tag: str, directions: list[str | None]) -> None:
    assert [given.get("dir") for name, given in Seen(rendered(text)).tags if name == tag] == directions


def test_code_is_coloured_and_says_what_it_said() -> None:
    html = rendered("```python\ndef f(x): return '<b>'\n```")
    assert '<figcaption>python</figcaption><pre tabindex="0"><span class="t-k">def</span>' in html
    assert re.sub("<[^>]+>", "", html) == "pythondef f(x): return '&lt;b&gt;'\n\n"


def test_an_image_from_elsewhere_is_a_link_that_loads_nothing() -> None:
    html = rendered("![The bay](https://example.com/bay.png)")
    (_, (_, link)) = Seen(html).tags
    assert (link["class"], link["href"]) == ("remote-image", "https://example.com/bay.png")
    assert "src" not in html


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("[https://bank.example](https://evil.example/x)", " (evil.example)"),
        ("[**BANK.com**/login](http://evil.example)", " (evil.example)"),
        ("[`www.bank.example`](https://evil.example)", " (evil.example)"),
        ("<https://bank.example@evil.example/>", " (evil.example)"),
        ("[here](https://bank.example:x@evil.example:8/)", " (evil.example)"),
        ("https://\u0430pple.com/", " (xn--pple-43d.com)"),  # the first letter is Cyrillic
        ("https://bank.example/", ""),
        ("[www.bank.example](https://bank.example) [bank.com](https://docs.bank.com/a)", ""),
        ("[README.md](https://bank.example/) [the bank, e.g. this](https://bank.example/)", ""),
        ("https://münchen.example https://президент.рф", ""),
        ("[bank.com](mailto:a@bank.example) [https://bank.example](https://)", ""),
    ],
)
def test_where_a_link_leads_is_said_if_it_says_otherwise(text: str, note: str) -> None:
    html = rendered(text)
    assert re.findall(r"</a>( \(.*?\))", html) == ([note] if note else [])


def test_marks_that_turn_letters_round_are_shown() -> None:
    wrapped = '<span class="bidi">\u202e</span>'
    assert rendered("a\u202eb\u2067c\u2069") == f'<p dir="auto">a{wrapped}b\u2067c\u2069</p>\n'
    assert f'"ltr">a{wrapped}b' in rendered("`a\u202eb`")
    for language in ("", "python"):
        html = rendered(f"```{language}\nif a: # \u202e\u2066 b\n```")
        assert '<span class="bidi">\u202e\u2066</span>' in html
        assert "\u202e\u2066 b" in re.sub("<[^>]+>", "", html)


def test_nothing_is_left_out_of_what_stands_too_deep() -> None:
    for depth in (5, 10, 11, 12, 13, 14, 40):
        for mark in ("> ", "- "):
            assert "end" in rendered(mark * depth + "end")


@pytest.mark.parametrize("piece", ["[", "![](", "*a ", "`", "$", "\\(", "> ", "- ", "|a", "<a ", "http://a", "a@b.c "])
def test_no_text_keeps_the_server_busy(piece: str) -> None:
    began = thread_time()  # not what others do meanwhile
    rendered(piece * (20_000 // len(piece)))
    assert thread_time() - began < 5


def test_a_text_that_is_too_long_for_it_is_shown_as_it_is() -> None:
    html = rendered("*<b>*" * (MOST_CHARACTERS // 5 + 1))
    assert Seen(html).tags == [("pre", {"class": "plain", "dir": "auto", "tabindex": "0"})]
    assert "*&lt;b&gt;**&lt;b&gt;*" in html


@pytest.mark.parametrize(
    "text",
    [
        ("|a" * 250 + "|\n" + "|-" * 250 + "|\n" + "a\n" * 250 + "\n") * 4,
        "|a" * 16_000 + "|\n" + "|-" * 16_000 + "|\n" + "a\n" * 15_000,
        "".join(f"> {line}\n" for line in ["|a" * 200, "|-" * 200, *"b" * 400]),
        "[a]: http://" + "x" * 10_000 + "\n\n" + "[a]" * 5_000,
        "[a]: http://" + "x" * 10_000 + "\n\n" + "![a]" * 5_000,
    ],
)
def test_a_text_of_which_too_much_would_be_made_is_shown_as_it_is(text: str) -> None:
    html = rendered(text)
    assert Seen(html).tags == [("pre", {"class": "plain", "dir": "auto", "tabindex": "0"})]
    assert len(html) < 2 * len(text)


def test_a_table_of_some_size_is_one() -> None:
    html = rendered("|a|b|\n|-|-|\n" + "|c|d|\n" * 5_000)
    assert html.count("<td") == 10_000


def test_what_was_made_is_remembered_within_bounds() -> None:
    markdown = Markdown(cache_bytes=2_000)
    for number in range(20):
        markdown.html(f"text {number}")
    assert [number for number in range(20) if markdown.knows(f"text {number}")] == list(range(12, 20))
    assert markdown.html("text 12") == rendered("text 12")
    markdown.html("text 20")
    assert (markdown.knows("text 12"), markdown.knows("text 13")) == (True, False)
    assert not markdown.knows("text 12", lines=True)
