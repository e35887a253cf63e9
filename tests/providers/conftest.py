"""A model's server for each test, and a target there."""

from collections.abc import Iterator

import pytest

from ithaca.providers import Target
from tests.support.model_server import ModelServer, model_server


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running


@pytest.fixture
def target(server: ModelServer) -> Target:
    return Target(server.url, "small")
