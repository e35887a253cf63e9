from datetime import UTC, datetime, timedelta

from ithaca import ChatMessage, Conversation
from tests.cli.running import Ithaca


def _old_session(ithaca: Ithaca, id: str, owner: str = "") -> None:
    long_ago = datetime.now(UTC) - timedelta(days=100)
    said = [ChatMessage("user", "hello", created_at=long_ago)]
    with ithaca.manager() as manager:
        manager.import_conversations([Conversation(id, "Old", said, owner=owner, created_at=long_ago)])


def test_a_policy_is_set_listed_and_deleted(ithaca: Ithaca) -> None:
    policy = ithaca.json("retention", "set", "--folder", "work", "--archive-after", "30", "--delete-after", "365.5")
    assert (policy["folder"], policy["archive_after"], policy["delete_after"]) == ("work", 30.0, 365.5)
    assert ithaca.json("retention", "list") == {"items": [policy]}
    table = ithaca("retention", "list").out
    assert ("work" in table, "30 days" in table, "365.5 days" in table, "starred" in table) == (True,) * 4
    assert ithaca("retention", "delete", "--folder", "work").out == "Deleted the policy.\n"
    assert ithaca("retention", "list").out == "No policies.\n"
    missing = ithaca("retention", "delete", "--folder", "work")
    assert (missing.status, missing.err) == (1, "Error: There is no retention policy of owner '' for folder 'work'.\n")


def test_it_is_applied(ithaca: Ithaca) -> None:
    _old_session(ithaca, "s-1")
    ithaca("retention", "set", "--delete-after", "90")
    told = "Would move 1 session to the trash, archive 0, and purge 0 operations from it.\n"
    assert ithaca("retention", "apply", "--dry-run").out == told
    assert ithaca("retention", "apply", "--json").json["deleted"] == 1
    assert ithaca.json("sessions", "list")["items"] == []


def test_a_hold_keeps_everything_of_an_owner(ithaca: Ithaca) -> None:
    _old_session(ithaca, "s-1", "ann")
    said = ithaca("retention", "set", "--delete-after", "90", "--hold", owner="ann").out
    assert said == "Set the policy of owner ann.\n"
    assert "Kept: 1 on legal hold." in ithaca("retention", "apply").out
    held = ithaca("retention", "delete", owner="ann")
    assert (held.status, held.err.startswith("Error: What 'ann' has is on legal hold")) == (1, True)
    ithaca("retention", "set", "--delete-after", "90", "--lift-hold", owner="ann")
    assert ithaca.json("retention", "apply")["deleted"] == 1


def test_a_bad_policy_is_wrong_usage(ithaca: Ithaca) -> None:
    ran = ithaca("retention", "set", "--archive-after", "30", "--delete-after", "10")
    assert (ran.status, ran.err) == (2, "Error: delete_after must be longer than archive_after, not 10.0.\n")
    assert ithaca("retention", "set", "--archive-after", "-1").status == 2
