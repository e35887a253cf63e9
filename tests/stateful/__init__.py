"""Sequences of calls, compared with a model."""

import pytest

pytest.register_assert_rewrite("tests.stateful.keep", "tests.stateful.rules")
