"""The estimate is honest: measured against o200k_base, it is rarely much too low."""

import json
import sys
import sysconfig
from pathlib import Path
from typing import Any

import chitchat_dataset
import pytest

from ithaca import ConfigurationError, SessionManager, Settings, read_settings
from ithaca.tokens import LONG_TEXT, TOKENS_PER_PART, count_message, count_o200k, count_parts, counter, estimate_tokens

PROSE = [
    "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心，並應以兄弟關係的精神相對待。",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق.",
    "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.",
    "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.",
    "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.",
    '[{"id":"call_a81b","type":"function","function":{"name":"look","arguments":"{\\"at\\":\\"sea\\"}"}}]',
]


def ratios(texts: list[str]) -> list[float]:
    """The estimate by the count, of each text."""
    return [estimate_tokens(text) / count_o200k(text) for text in texts]


def too_low(texts: list[str], by: float) -> float:
    """The share of the texts of which the estimate is so much too low."""
    found = ratios(texts)
    return sum(ratio < 1 - by for ratio in found) / len(found)


def test_an_estimate_of_chats_is_rarely_too_low() -> None:
    file = Path(chitchat_dataset.__file__).with_name("dataset.json")
    dialogues = json.loads(file.read_text(encoding="utf-8")).values()
    texts = [said["text"] for dialogue in dialogues for turn in dialogue["messages"] for said in turn]
    chats = [text for text in texts if text.strip()][::50]
    assert len(chats) > 4_000
    assert too_low(chats, 0.15) < 0.08
    assert 1 <= sum(map(estimate_tokens, chats)) / sum(map(count_o200k, chats)) < 1.3


def test_an_estimate_of_program_text_is_rarely_too_low() -> None:
    library = Path(sysconfig.get_path("stdlib"))
    files = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(library.glob("*.py"))[::4]]
    pieces = [text[at : at + 1_500] for text in files for at in range(0, len(text), 1_500)]
    assert too_low(pieces, 0.15) < 0.1
    assert 0.95 < sum(map(estimate_tokens, pieces)) / sum(map(count_o200k, pieces)) < 1.2


def test_an_estimate_of_prose_in_many_languages_is_close() -> None:
    assert [(text, ratio) for text, ratio in zip(PROSE, ratios(PROSE), strict=True) if not 0.88 < ratio < 1.6] == []


def test_a_long_text_is_estimated_from_samples() -> None:
    text = "".join(PROSE) * 2_000
    assert len(text) > 10 * LONG_TEXT
    assert estimate_tokens(text) == pytest.approx(estimate_tokens("".join(PROSE)) * 2_000, rel=0.1)


@pytest.mark.parametrize("character", ["a", "7", "{", " ", "é", "日", "１", "🏛"])
def test_an_estimate_grows_with_the_text(character: str) -> None:
    hundred, longest = estimate_tokens(character * 100), estimate_tokens(character * LONG_TEXT)
    assert longest == pytest.approx(hundred * LONG_TEXT / 100, rel=0.05)


@pytest.mark.parametrize("count", [estimate_tokens, count_o200k])
def test_any_text_has_a_count(count: Any) -> None:
    assert [count(text) for text in ("", "a")] == [0, 1]
    assert all(count(text) > 0 for text in ("\0", " ", "\ufdd0", "🏛️", "<|endoftext|>", "a" * 1_200_000))


def test_what_is_not_text_counts_a_flat_number() -> None:
    parts: list[Any] = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10_000}},
        {"type": "document", "source": {"type": "text", "data": "two words"}},
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "image", "source": {}}, "one"]},
        {"type": ["no", "type"]},
        None, 7, [],
    ]  # fmt: skip
    words = count_parts(parts, lambda text: len(text.split()))
    assert words == TOKENS_PER_PART["image_url"] + TOKENS_PER_PART["image"] + 3 + 1
    assert count_parts([], estimate_tokens) == 0
    assert count_message(None, None, estimate_tokens) == 0


def test_the_environment_says_how_tokens_are_counted() -> None:
    assert [read_settings("x", environ=env).tokens for env in ({}, {"ITHACA_TOKENS": "o200k"})] == ["estimate", "o200k"]
    with pytest.raises(ConfigurationError, match="'cl100k', not 'estimate' or 'o200k'"):
        read_settings("x", environ={"ITHACA_TOKENS": "cl100k"})
    assert counter("o200k") is count_o200k


def test_a_missing_tokenizer_is_told_at_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    from ithaca import tokens

    monkeypatch.setitem(sys.modules, "bpe_openai", None)
    tokens._o200k.cache_clear()
    with pytest.raises(ConfigurationError, match=r"pip install 'ithaca\[tokens\]'"):
        SessionManager(settings=Settings(":memory:", tokens="o200k"))
