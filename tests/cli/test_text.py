import json

import pytest

from ithaca.cli.text import as_json, counted, in_a_line, in_lines, on_one_line, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Ελληνικά, 日本語, 🏺, é", "plain, Ελληνικά, 日本語, 🏺, é"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("a\r\nb\rc", "a\nb\\rc"),
        ("\x00\x07\x1b[31m\x7f", r"\x00\x07\x1b[31m\x7f"),
        ("\x85\x9b", r"\x85\x9b"),
        ("\u2028\u2029\u202e\u2066", r"\u2028\u2029\u202e\u2066"),
        ("\ud800", r"\ud800"),
        ("\u200d\u200f", "\u200d\u200f"),  # joins emoji, and marks the direction of a letter: both are harmless
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert in_lines(text) == shown


def test_a_line_has_no_breaks() -> None:
    assert (in_a_line("a\nb\tc"), on_one_line(" a\n\t b\x1b ")) == (r"a\nb\tc", r"a b\x1b")


@pytest.mark.parametrize("value", ["\x1b\x7f\x9b\u2028\u202e\ud800é", {"\x9b": ["\x9b", 1, None, True, 1.5]}, "", []])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_json_means_the_same_and_is_harmless(value: object, ascii_only: bool) -> None:
    text = as_json(value, ascii_only=ascii_only)
    assert (json.loads(text), in_a_line(text)) == (value, text)
    assert text.isascii() or not ascii_only


def test_counts_and_shortens() -> None:
    assert (counted(0, "message"), counted(1, "message"), counted(1200, "message")) == (
        "0 messages",
        "1 message",
        "1,200 messages",
    )
    assert (shortened("abc", 3), shortened("abcd", 3)) == ("abc", "ab…")
