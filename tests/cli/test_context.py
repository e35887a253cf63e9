import pytest

from ithaca import ChatMessage
from tests.cli.running import Ithaca
from tests.support.factories import texts


@pytest.fixture
def session(ithaca: Ithaca) -> str:
    with ithaca.manager() as manager:
        manager.create_session("a")
        manager.add_messages("a", [ChatMessage("system", "Be brief."), *texts(6)])
    return "a"


def test_tells_what_a_model_gets_to_see(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("context", session, "--max-tokens", "1000", "--reserve", "100")
    assert "7 messages to send: 37 of 1,000 tokens (3.7 %), 100 kept free.\nLeft out: nothing.\n" == ran.out
    ran = ithaca("context", session, "--max-tokens", "18")
    assert "3 messages to send: 17 of 18 tokens (94.4 %).\nLeft out: 4 too old.\n" == ran.out


def test_gives_the_request_as_json(ithaca: Ithaca, session: str) -> None:
    found = ithaca.json("context", session, "--max-tokens", "1000")
    assert ["system", *["user", "assistant"] * 3] == [message["role"] for message in found["messages"]]
    assert {"used": 37, "limit": 1000, "reserve": 0, "percent": 3.7, "left_out": {}} == {
        name: found[name] for name in ("used", "limit", "reserve", "percent", "left_out")
    }
    found = ithaca.json("context", session, "--max-tokens", "1000", "--provider", "anthropic")
    assert ([{"type": "text", "text": "Be brief."}], 6) == (found["system"], len(found["messages"]))


def test_a_context_that_is_too_small_is_told_in_a_sentence(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("context", session, "--max-tokens", "5")
    assert (1, "Error: Session 'a' needs a context of 12 tokens, 5 are allowed.\n") == (ran.status, ran.err)


def test_compacts_and_takes_the_summary_from_standard_input(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("compact", session, "-", "--keep-last", "2", stdin=b"They counted.\n")
    assert (0, "A summary stands for the messages up to 5: ") == (ran.status, ran.out[:43])
    found = ithaca.json("context", session, "--max-tokens", "1000")
    assert [{"role": "assistant", "content": "6"}] == found["messages"][-1:]
    assert found["messages"][1]["content"].endswith("\n\nThey counted.\n")
    assert {"compacted": 4} == found["left_out"]


def test_compacts_up_to_a_message_that_is_named_by_its_number_or_its_id(ithaca: Ithaca, session: str) -> None:
    with ithaca.manager() as manager:
        message = manager.get_messages(session)[3]
    for through in ("4", str(message.id)):
        assert 4 == ithaca.json("compact", session, "They counted.", "--through", through)["through"]


def test_says_what_is_wrong_with_a_compaction(ithaca: Ithaca, session: str) -> None:
    ran = ithaca("compact", session, "They counted.")
    assert (2, "Error: keep_last must be given, or else `through`, not neither.\n") == (ran.status, ran.err)
    ran = ithaca("compact", session, "They counted.", "--through", "99")
    assert (1, "Error: Session 'a' has no message '99'.\n") == (ran.status, ran.err)
    ran = ithaca("compact", session, "They counted.", "--keep-last", "2", "--expected-revision", "1")
    assert (1, "Error: 'a' is at revision 2, not at the expected 1.\n") == (ran.status, ran.err)
