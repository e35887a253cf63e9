"""The legacy database that comes with the project's data, and a manager to import into."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ithaca import SessionManager
from tests.interchange.legacy import make_legacy

REAL_FILE = Path(__file__).parents[3] / "shared/data/odysseus-app.db"


@pytest.fixture
def real_file() -> Path:
    """A file that the old program itself wrote."""
    if not REAL_FILE.exists():
        pytest.skip("../shared/data/odysseus-app.db is not there")
    return REAL_FILE


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[SessionManager]:
    with SessionManager(tmp_path / "ithaca.db", durability="relaxed") as manager:
        yield manager
        assert manager.verify() == []


@pytest.fixture
def legacy(tmp_path: Path) -> Callable[..., Path]:
    """Makes a legacy file with the rows that are given."""

    def make(**rows: Any) -> Path:
        return make_legacy(tmp_path / "app.db", **rows)

    return make
