"""The words of texts in many scripts, and what a search for them finds."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ithaca.query import SNIPPET, matches, parse, snippet
from ithaca.words import LONGEST, MOST_CHARACTERS, MOST_WORDS, fold, words, words_of

#: Letters that meet one another's rules: marks, wide and narrow forms, scripts without spaces, what stands for more.
AWKWARD = "aÀéßİıøЁйї Ωςبّ۟ـक़क्षกำน้ำລາວမြန်မာខ្មែរ中国々ー東カﾞｶﾞが㈱①½ﷺ²🙂👩‍💻\u0301\u200d\u00ad\ufe0f\0\ufdd0-_'\"*"
awkward_texts = st.text(st.one_of(st.sampled_from(AWKWARD), st.characters(exclude_categories=("Cs",))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Café CAFÉ cafe\u0301", ["cafe"] * 3),
        ("Straße, Łódź, İstanbul", ["strasse", "lodz", "istanbul"]),
        ("ΛΌΓΟΣ λόγος", ["λογοσ"] * 2),
        ("Ёлка мой Київ", ["елка", "мой", "київ"]),
        ("Ｆｕｌｌ ｗｉｄｔｈ ①", ["full", "width", "1"]),
        ("foo_bar don't 3.14 x²", ["foo", "bar", "don", "t", "3", "14", "x2"]),
        ("co\u00adoperate", ["cooperate"]),
        ("الْعَرَبِيَّة שָׁלוֹם", ["العربية", "שלום"]),
        ("हिन्दी", ["हिन्दी"]),
        ("한국어", ["한국어"]),
        ("中国菜", ["中国", "国菜", "菜"]),
        ("東京タワーへ", ["東京", "京タ", "タワ", "ワー", "ーへ", "へ"]),
        ("ｶﾞｷﾞ", ["ガギ", "ギ"]),
        ("น้ำดี", ["น้ํา", "ําดี", "ดี"]),
        ("a中b", ["a", "中", "b"]),
        ("🙂 … !?", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words_of(text) == expected


@given(awkward_texts)
@example(AWKWARD)
@example(AWKWARD * 20)
def test_words_are_the_same_with_their_places(text: str) -> None:
    placed = words(text)

    assert [word for word, _, _ in placed] == words_of(text)
    assert all(0 <= start < end <= len(text) for _, start, end in placed)
    assert [start for _, start, _ in placed] == sorted(start for _, start, _ in placed)


@given(awkward_texts)
def test_words_can_be_quoted_in_any_query(text: str) -> None:
    assert [word for word in words_of(text) if not word or set(word) & set(" \0'\"\\:*&|!()<>-=")] == []


@given(awkward_texts)
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_only_so_much_is_indexed() -> None:
    assert len(words_of("a " * MOST_CHARACTERS)) == MOST_WORDS
    assert len(words_of("ab " * 20_000)) == MOST_WORDS
    assert words_of("x" * 10_000_000) == ["x" * LONGEST]
    assert words_of("é" + "\u0301" * 1_000_000) == ["e"]
    assert max(map(len, words_of("กุ" + "\u0e38" * 50_000 + "中" * 5))) <= LONGEST


@pytest.mark.parametrize(
    ("question", "text", "found"),
    [
        ("hello", "Hello, world", ["Hello"]),
        ("hello world", "world … hello", ["world", "hello"]),
        ("hello moon", "hello world", None),
        ('"hello world"', "Hello, World!", ["Hello, World"]),
        ('"hello world"', "world hello", None),
        ("“hello world”", "Hello, World!", ["Hello, World"]),
        ("don't", "I don’t", ["don’t"]),
        ("don't", "t don", None),
        ("wor*", "a world of words", ["world", "words"]),
        ('"a wor"*', "a world, a word", ["a world", "a word"]),
        ("wor", "a world of words", None),
        ("hello -world", "hello world", None),
        ("hello -moon", "hello world", ["hello"]),
        ('hello -"world hello"', "hello world", ["hello"]),
        ("--verbose", "use --verbose", ["verbose"]),
        ("moon OR world", "hello world", ["world"]),
        ("OR", "this or that", ["or"]),
        ("moon OR", "the moon", ["moon"]),
        ("-world", "hello", None),
        ("", "hello", None),
        ("🙂", "hello 🙂", None),
        ('"hello', "hello", ["hello"]),
        ("(hello)) NEAR: AND", "hello near and", ["hello", "near", "and"]),
        ("中国", "我喜欢中国菜", ["中国"]),
        ("菜", "我喜欢中国菜", ["菜"]),
        ("中", "我喜欢中国菜", ["中"]),
        ("中菜", "我喜欢中国菜", None),
        ("中国*", "我喜欢中国菜", ["中国"]),
        ("中国菜abc", "中国菜abc", ["中国菜abc"]),
        ("タワー", "東京タワーへ行く", ["タワー"]),
        ("ﾀﾜｰ", "東京タワーへ行く", ["タワー"]),
        ("ไทย", "ภาษาไทยง่ายมาก", ["ไทย"]),
        ("ง่าย", "ภาษาไทยง่ายมาก", ["ง่าย"]),
        ("학교*", "학교에서 만나", ["학교에서"]),
        ("العربية", "الْعَرَبِيَّة", ["الْعَرَبِيَّة"]),
        ("½", "add 1 2 cups", ["1 2"]),
    ],
)
def test_matches(question: str, text: str, found: list[str] | None) -> None:
    spans = matches(parse(question), text)

    assert (spans and sorted(text[a:b] for there in spans for a, b in there)) == (found and sorted(found))


@given(awkward_texts, awkward_texts)
def test_what_stands_in_a_text_is_found_there(before: str, text: str) -> None:
    whole = f"{before} {text}"
    query = parse('"' + text.replace('"', " ") + '"')

    assert not query.wanted or matches(query, whole.replace('"', " ")) is not None


def test_a_pasted_page_is_answered_by_its_beginning() -> None:
    query = parse(" ".join(f"word{n}" for n in range(100_000)))

    assert [phrase.words for phrase in query.phrases] == [(f"word{n}",) for n in range(50)]


def shown(question: str, text: str) -> tuple[str, list[str]]:
    found = matches(parse(question), text)
    assert found is not None
    cut, highlights = snippet(text, found)
    return cut, [cut[start:end] for start, end in highlights]


def test_a_snippet_is_cut_between_words_around_what_was_found() -> None:
    cut, highlights = shown("needle", "straw " * 100 + "needle " + "straw " * 100)

    assert highlights == ["needle"]
    assert (cut[:6], cut[-6:]) == ("…straw", "straw…")
    assert len(cut) <= SNIPPET + 2


def test_a_snippet_shows_where_most_stands_together() -> None:
    text = "one " + "x " * 300 + "one two two " + "x " * 300 + "two " * 3

    assert shown("one two", text)[1] == ["one", "two", "two"]


def test_a_short_text_is_shown_whole() -> None:
    assert shown("b", "a b c") == ("a b c", ["b"])


def test_what_was_found_without_end_is_shown_as_far_as_there_is_room() -> None:
    cut, highlights = shown("x*", "x" * 5_000)

    assert (len(cut), highlights) == (SNIPPET + 1, ["x" * SNIPPET])


@given(st.lists(st.sampled_from(["👩‍👩‍👧", "é", "e\u0301", "🇬🇷", "ก้", "中", "👍🏽"]), min_size=200, max_size=300))
def test_a_snippet_cuts_through_no_character(characters: list[str]) -> None:
    text = "".join(characters) + "needle" + "".join(characters)
    cut, highlights = shown("needle* OR needle OR ก* OR 中*", text)
    inside = cut.strip("…")

    assert inside in text
    assert highlights
    left = text.index(inside)
    assert not left or text[left] not in "\u200d\u0301\u0e49\U0001f3fd"
    assert not left or text[left - 1] != "\u200d"


plain_parts = st.sampled_from(
    ["a", "B", "ab", "aba", "x2", "a.", "-", '"', "*", " ", "\0", "_", *("x" * (LONGEST + n) for n in (-1, 0, 1))]
)
plain_texts = st.lists(plain_parts, max_size=12).map("".join)


@given(plain_texts, plain_texts)
@example("a a a b", '"a a"')
def test_plain_texts_are_searched_by_the_same_rules(text: str, asked: str) -> None:
    query = parse(asked)

    assert matches(query, text) == matches(query, f"{text} …")
