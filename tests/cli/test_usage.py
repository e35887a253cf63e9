from datetime import UTC, datetime
from decimal import Decimal

from tests.cli.running import Ithaca


def _spend(ithaca: Ithaca) -> None:
    with ithaca.manager() as manager:
        manager.create_session("s-1", owner="ann")
        for day, model in ((1, "qwen3"), (1, "qwen3"), (2, "gpt-oss")):
            manager.record_usage(
                "s-1", model=model, input_tokens=1_000, output_tokens=day, cost=Decimal("0.25"),
                at=datetime(2026, 3, day, tzinfo=UTC),
            )  # fmt: skip


def test_by_day_and_model_unless_told(ithaca: Ithaca) -> None:
    _spend(ithaca)
    lines = [line.split() for line in ithaca("usage").out.splitlines()]
    assert lines == [
        ["Day", "Model", "Tokens", "in", "Tokens", "out", "Cost", "Replies"],
        ["2026-03-01", "qwen3", "2,000", "2", "0.500000", "2"],
        ["2026-03-02", "gpt-oss", "1,000", "2", "0.250000", "1"],
    ]


def test_by_other_keys_and_filtered(ithaca: Ithaca) -> None:
    _spend(ithaca)
    items = ithaca.json("usage", "--by", "session, owner", "--since", "2026-03-02", "--until", "2026-03-02")["items"]
    assert [(it["session_id"], it["owner"], it["cost"], it["day"]) for it in items] == [
        ("s-1", "ann", "0.250000", None)
    ]
    assert ithaca.json("usage", "--by", "", "--model", "qwen3", "--session", "s-1")["items"][0]["input_tokens"] == 2_000


def test_nothing_is_said_so(ithaca: Ithaca) -> None:
    assert ithaca("usage").out == "Nothing was recorded.\n"
    assert ithaca.json("usage", owner="bob") == {"items": []}


def test_a_wrong_key_or_day_is_one_sentence(ithaca: Ithaca) -> None:
    for arguments in (("--by", "hour"), ("--since", "yesterday")):
        ran = ithaca("usage", *arguments)
        assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
