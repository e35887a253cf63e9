"""Odysseus databases over HTTP: what comes in, what is refused, and that none keeps the server busy."""

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ithaca.service.routes.transcripts import Watch
from tests.interchange.legacy import make_legacy, message, session
from tests.interchange.test_odysseus_opening import ENDLESS, sqlite_with
from tests.support.serving import Served, served

ADDRESS = "/api/imports/odysseus"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server puts files for a time."""
    (tmp_path / "for-a-time").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "for-a-time"))
    return tmp_path / "for-a-time"


@pytest.fixture
def server(tmp_path: Path, folder: Path) -> Iterator[Served]:
    with served(f"sqlite:///{tmp_path}/ithaca.db") as running:
        yield running


def test_what_has_no_end_is_refused_and_where_the_file_lay_is_not_told(
    server: Served, tmp_path: Path, folder: Path
) -> None:
    sqlite_with(f"CREATE TABLE sessions (id, name); {ENDLESS}")(tmp_path / "app.db")
    answer = server.client().post(ADDRESS, content=(tmp_path / "app.db").read_bytes())
    (line,) = map(json.loads, answer.text.splitlines())
    assert line["problem"]["detail"] == (
        "The file cannot be imported: it has no sessions and chat_messages as Odysseus writes them."
    )
    assert str(folder) not in answer.text
    assert not any(folder.iterdir())


def test_an_import_ends_when_nobody_waits_for_it(server: Served, tmp_path: Path, folder: Path) -> None:
    count, client = 20_000, server.client()
    file = make_legacy(
        tmp_path / "app.db",
        sessions=(session(f"s{i}") for i in range(count)),
        messages=(message(f"m{i}", session_id=f"s{i}") for i in range(count)),
    )
    with client.stream("POST", ADDRESS, content=file.read_bytes()) as answer:
        assert json.loads(next(answer.iter_lines())) == {"done": 0, "of": count}
    ends = time.monotonic() + 60
    while any(folder.iterdir()):
        assert time.monotonic() < ends
        time.sleep(0.01)
    assert client.get("/api/sessions:count").json()["count"] < count


def test_an_import_that_gets_no_further_is_over() -> None:
    watch = Watch(0.0)
    time.sleep(0.001)
    assert watch.over()
    assert not Watch(60.0).over()
