"""The tests' own databases are what the tests take them for."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from tests.conftest import Servers
from tests.support import postgres
from tests.support.disks import quick_disk
from tests.support.managers import execute
from tests.support.postgres import Server, ServerMissing, running_server
from tests.support.spares import CARETAKER, Spare


@pytest.fixture(params=["newest", "15"])
def server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    return servers[request.param]


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    url = server.create_database()
    yield url
    server.drop_database(url)


def test_home_is_not_the_users(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert Path.home().is_relative_to(tmp_path_factory.getbasetemp())


def test_without_room_in_memory_files_lie_where_temporary_ones_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert quick_disk() in (Path("/dev/shm"), tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=64 * 1024**2))  # as in a container
    assert quick_disk() == tmp_path


def test_each_test_gets_a_database_of_its_own(server: Server, url: str) -> None:
    other = server.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE only_here ()")
    with psycopg.connect(other) as connection:
        assert not connection.execute("SELECT FROM pg_tables WHERE tablename = 'only_here'").fetchall()
    server.drop_database(other)


def test_databases_that_were_dropped_do_not_pile_up(server: Server) -> None:
    urls = [server.create_database() for _ in range(4)]
    for url in urls:
        psycopg.connect(url).close()
        server.drop_database(url)
    with psycopg.connect(urls[-1], dbname="postgres") as connection:
        names = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
    assert [url for url in urls if psycopg.conninfo.conninfo_to_dict(url)["dbname"] in names] == urls[-1:]


def test_a_lent_database_is_nobody_elses_until_it_is_given_back(server: Server) -> None:
    lent = [server.lend_database() for _ in range(4)]
    assert len(set(lent)) == 4
    for url in lent:
        server.take_back(url)
    again = [server.lend_database() for _ in range(4)]
    assert len(set(again)) == 4
    assert set(again) & set(lent)
    for url in again:
        server.take_back(url)


@pytest.fixture
def spare(server: Server) -> Iterator[Spare]:
    spare = Spare(server.create_database(server.with_tables))
    yield spare
    spare.close()
    server.drop_database(spare.url)


FILL = """
    INSERT INTO changes (owner, session_id, kind, revision, created_at) VALUES ('', 's', 'messages added', 1, 0);
    INSERT INTO trash (owner, id, kind, created_at) VALUES ('', 't', 'session', 0);
    INSERT INTO trashed_attachings (owner, trash_id, session_id, document_id)
        SELECT '', 't', 's', 'd' || n FROM generate_series(1, {}) n
"""


@pytest.mark.parametrize("many", [1, 5_000])
def test_a_database_is_renewed_by_emptying_its_tables(many: int, spare: Spare) -> None:
    execute(spare.url, FILL.format(many))
    assert renewed(spare)
    for table in ("changes", "trash", "trashed_attachings"):
        assert execute(spare.url, f"SELECT 1 FROM {table}") == []
    execute(spare.url, FILL.format(1))
    assert execute(spare.url, "SELECT number FROM changes") == [(1,)]


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE extra ()",
        "DROP INDEX sessions_by_id",
        "ALTER TABLE sessions ADD CHECK (revision > 0)",
        "CREATE TRIGGER same BEFORE UPDATE ON trash EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "UPDATE ithaca_schema SET version = version + 100",
        "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET jit = off'; END $$",
        "ANALYZE sessions",
    ],
)
def test_a_database_of_which_more_was_changed_than_rows_is_not_renewed(change: str, spare: Spare) -> None:
    execute(spare.url, change)
    assert not renewed(spare)


def test_a_database_that_is_in_use_is_not_renewed(spare: Spare) -> None:
    with psycopg.connect(spare.url):
        assert not spare.renew()


def renewed(spare: Spare) -> bool:
    """Whether it could be renewed once nobody is connected any more."""
    name = psycopg.conninfo.conninfo_to_dict(spare.url)["dbname"]
    users = "SELECT FROM pg_stat_activity WHERE datname = %s AND application_name <> %s"
    with psycopg.connect(spare.url, dbname="postgres", autocommit=True) as connection:
        while connection.execute(users, [name, CARETAKER]).fetchall():
            time.sleep(0.01)
    return spare.renew()


def test_the_server_is_of_the_wanted_version(server: Server, url: str) -> None:
    with psycopg.connect(url) as connection:
        assert server.major == str(connection.info.server_version // 10000)


def test_the_newest_is_newer_than_15(servers: Servers) -> None:
    assert int(servers["newest"].major) >= 18


def test_debians_15_is_used_where_it_is(servers: Servers) -> None:
    if not Path("/usr/lib/postgresql/15/bin/initdb").exists():
        pytest.skip("PostgreSQL 15 is not installed")
    assert servers["15"].major == "15"


def test_a_version_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(ServerMissing, match="PostgreSQL 9 is not installed"), running_server("9"):
        pass


def test_commits_are_synchronous_and_case_is_unicodes(url: str) -> None:
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert connection.execute("SELECT lower('ÉΣ')").fetchone() == ("éσ",)


def test_a_copy_has_the_templates_tables(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    def create_table(url: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE from_template ()")

    monkeypatch.setattr(postgres, "prepare_database", create_table)
    with running_server("newest") as server:
        url = server.create_database(server.with_tables)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT FROM from_template").fetchall() == []


def test_databases_without_tables(empty_database_url: str) -> None:
    if empty_database_url.startswith("postgresql:"):
        with psycopg.connect(empty_database_url) as connection:
            assert not connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public'").fetchall()
    else:
        assert not Path(empty_database_url.removeprefix("sqlite:///")).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_killed_test_run_takes_its_server_along() -> None:
    program = """
import time
from tests.support.postgres import running_server
with running_server("newest") as server:
    print(server.create_database(), flush=True)
    time.sleep(60)
"""
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with psycopg.connect(owner.stdout.readline().strip()) as connection:
        directories = [
            Path(connection.info.host),
            Path(connection.execute("SELECT current_setting('data_directory')").fetchall()[0][0]),
        ]
    owner.kill()
    owner.wait()
    owner.stdout.close()
    while (directories[1] / "postmaster.pid").exists():  # pytest-timeout ends the wait for one that stays
        time.sleep(0.02)
    for directory in directories:
        shutil.rmtree(directory)
