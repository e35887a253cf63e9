import shlex
from pathlib import Path

from ithaca.cli.demo import fill
from tests.cli.running import Ithaca, run


def test_shows_its_conversations_and_ends(ithaca: Ithaca) -> None:
    ran = ithaca("demo")
    assert (ran.status, ran.err) == (0, "")
    for part in ("★ Trip to Pylos", "Seats for 108 guests (archived)", "→ run_python(", "ithaca sessions list"):
        assert part in ran.out


def test_without_a_database_nothing_is_kept(tmp_path: Path) -> None:
    ran = run("demo", env={"ITHACA_DATABASE_URL": str(tmp_path / "own.db"), "HOME": str(tmp_path)})
    assert (ran.status, ran.err, list(tmp_path.iterdir())) == (0, "", [])
    assert "ithaca demo --database demo.db" in ran.out


def test_twice_doubles_nothing(ithaca: Ithaca) -> None:
    ithaca("demo")
    before = _everything(ithaca)
    ithaca("demo")
    assert (len(before), _everything(ithaca)) == (6, before)
    assert ithaca.json("db", "verify") == {"problems": []}


def _everything(ithaca: Ithaca) -> list[tuple[int, list[object]]]:
    """Each session's revision and its messages."""
    ids = [session["id"] for session in ithaca.json("sessions", "list")["items"]]
    shown = [ithaca.json("sessions", "show", id) for id in ids]
    return [(session["revision"], session["messages"]) for session in shown]


def test_has_one_of_everything(ithaca: Ithaca) -> None:
    with ithaca.manager() as manager:
        fill(manager)
        sessions = manager.list_sessions().items
        messages = [message for session in sessions for message in manager.iter_messages(session.id)]
        documents = manager.list_documents().items
    assert [session.id for session in sessions if session.is_important] == ["demo-trip-to-pylos"]
    assert [session.id for session in sessions if session.archived] == ["demo-seating-plan"]
    assert {"system", "user", "assistant", "tool"} == {message.role for message in messages}
    assert any(isinstance(message.content, list) for message in messages)
    assert [document.version for document in documents] == [2, 3]
    assert {document.session_id for document in documents} <= {session.id for session in sessions}


def test_the_commands_that_it_suggests_work(ithaca: Ithaca) -> None:
    lines = ithaca("demo").out.rpartition("To look around:")[2].splitlines()
    suggested = [line.strip() for line in lines if line.startswith("  ithaca")]
    assert len(suggested) >= 4
    for line in suggested:
        ran = run(*shlex.split(line)[1:])
        assert (line, ran.status, ran.err) == (line, 0, "")


def test_a_database_that_is_deleted_from_stays_so(ithaca: Ithaca) -> None:
    ithaca("demo")
    ithaca("sessions", "delete", "demo-seating-plan")
    ithaca("demo")
    assert len(ithaca.json("sessions", "list")["items"]) == 5


def test_for_an_owner(ithaca: Ithaca) -> None:
    ithaca("demo", owner="telemachus")
    assert {it["owner"] for it in ithaca.json("sessions", "list")["items"]} == {"telemachus"}
