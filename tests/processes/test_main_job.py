"""The main job on real input: a legacy database and a quarter of a million real messages, several processes at once."""

import json
from collections import Counter
from pathlib import Path

import pytest

from ithaca import SessionManager
from tests.interchange.conftest import REAL_FILE
from tests.processes.main_job import OWNERS, chats, messages_of, write_chats
from tests.support.processes import Worker, run_together, soaking

PROCESSES = 4


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The chats, in a file that each process reads: the whole data set is eight times as long."""
    file = tmp_path_factory.mktemp("chats") / "chats.json"
    write_chats(file)
    return str(file)


def together(job: str, url: str, file: str) -> Counter[str]:
    legacy = str(REAL_FILE) if REAL_FILE.exists() else ""
    module = "tests.processes.main_job"
    shares = range(PROCESSES)
    printed = run_together([Worker("do", job, url, file, share, PROCESSES, legacy, module=module) for share in shares])
    return sum((Counter(json.loads(lines[-1])) for lines in printed), Counter())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["sqlite", "postgres-newest"])
def test_a_quarter_of_a_million_messages_from_several_processes(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, file: str
) -> None:
    on_postgres = kind != "sqlite"
    url = request.getfixturevalue("postgres_url") if on_postgres else str(tmp_path / "chats.db")
    said = {id: [message["text"] for message in messages_of(chat)] for id, chat in chats(file)}
    total = sum(map(len, said.values()))
    assert total == (258_145 if soaking() else 35_278)

    brought = together("in", url, file)
    assert brought["messages"] == total
    assert together("in", url, file) == Counter()  # nothing comes in twice

    with SessionManager(url) as manager:
        touched = [id for share in range(PROCESSES) for id, _ in chats(file)[share :: PROCESSES * 10]]
        done = together("work", url, file)
        assert (done["added"], done["removed"]) == (3 * len(touched), len(touched))
        assert done["listed"] == sum(manager.count_sessions(owner=f"owner-{share}") for share in range(PROCESSES))

        for id in (*touched, *list(said)[::101]):
            more = ["And then?", "Then nothing."] if id in set(touched) else []
            assert [message.content for message in manager.iter_messages(id)] == said[id] + more
        assert sum(manager.count_sessions(owner=f"owner-{number}") for number in range(OWNERS)) == len(said)
        cleaned = manager.cleanup_empty_sessions(auto_archive_days=30, min_age_hours=0)
        assert cleaned["total_checked"] == manager.count_sessions() + cleaned["deleted_empty"]
        assert manager.verify() == []
