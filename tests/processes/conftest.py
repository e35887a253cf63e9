"""Here files lie on a disk: what it takes to flush them decides where a killed process was, and who waits for whom."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with TemporaryDirectory(prefix="ithaca-processes-") as folder:
        yield Path(folder)
