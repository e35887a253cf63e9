"""The command line, run as a shell runs it: arguments in, exit status and two streams out."""

from pathlib import Path

import pytest

from tests.cli.running import Ithaca


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "chats.db")


@pytest.fixture
def ithaca(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, database: str) -> Ithaca:
    """Runs a command in this process, on a SQLite file."""
    return Ithaca(capsys, monkeypatch, database)
