import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from ithaca import ChatMessage, Conversation, SessionManager
from tests.cli.running import Ithaca


def _old_sessions(ithaca: Ithaca) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=100)
    said = [ChatMessage("user", "hello", created_at=long_ago)]
    with ithaca.manager() as manager:
        manager.import_conversations(
            [Conversation("empty", "E", created_at=long_ago), Conversation("old", "O", said, created_at=long_ago)]
        )


def test_cleans_up(ithaca: Ithaca) -> None:
    _old_sessions(ithaca)
    assert ithaca.json("cleanup") == {"deleted_empty": 1, "archived_old": 1, "total_checked": 2}
    assert [(it["id"], it["archived"]) for it in ithaca.json("sessions", "list")["items"]] == [("old", True)]


def test_a_dry_run_tells_and_does_nothing(ithaca: Ithaca) -> None:
    _old_sessions(ithaca)
    expected = "Would move 1 empty session to the trash and archive 1 not used for a while, of 2 looked at.\n"
    assert expected == ithaca("cleanup", "--dry-run").out
    assert ithaca.json("cleanup", "--dry-run") == {"deleted_empty": 1, "archived_old": 1, "total_checked": 2}


def test_ages_can_be_given(ithaca: Ithaca) -> None:
    _old_sessions(ithaca)
    done = ithaca.json("cleanup", "--auto-archive-days", "200", "--min-age-hours", "5000")
    assert (done["deleted_empty"], done["archived_old"]) == (0, 0)


def test_an_age_below_nothing_is_wrong_usage(ithaca: Ithaca) -> None:
    assert ithaca("cleanup", "--min-age-hours", "-1").status == 2


def test_tells_which_database_it_is(ithaca: Ithaca) -> None:
    ithaca("sessions", "create")
    info = ithaca.json("db", "info")
    assert (ithaca.database, "sqlite", 1) == (info["database"], info["engine"], info["sessions"])
    assert ithaca.database in ithaca("db", "info").out


def test_a_database_that_is_up_to_date_stays_so(ithaca: Ithaca) -> None:
    ithaca("sessions", "create")
    version = ithaca.json("db", "info")["schema_version"]
    assert {"from": version, "to": version} == ithaca.json("db", "upgrade")
    assert f"The schema is at version {version} already.\n" == ithaca("db", "upgrade").out


def test_nothing_is_broken(ithaca: Ithaca) -> None:
    ithaca("sessions", "create")
    assert (ithaca("db", "verify").out, ithaca.json("db", "verify")) == ("Nothing is broken.\n", {"problems": []})


def test_what_is_broken_is_named(ithaca: Ithaca) -> None:
    ithaca("sessions", "create", "--id", "a")
    with closing(sqlite3.connect(ithaca.database)) as database, database:
        database.execute("UPDATE sessions SET message_count = 7")
    with SessionManager(ithaca.database) as manager:
        [problem] = manager.verify()
    ran, as_json = ithaca("db", "verify"), ithaca("db", "verify", "--json")
    assert (ran.status, ran.err, problem.name in ran.out) == (1, "Error: 1 problem found.\n", True)
    assert (1, [problem.name]) == (as_json.status, [it["name"] for it in as_json.json["problems"]])
