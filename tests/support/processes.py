"""Other processes for the tests, and how many rounds a test makes."""

import os


def soaking() -> bool:
    """Whether this is `make soak`: the same tests, for much longer and at random."""
    return bool(os.environ.get("SOAK"))


def rounds(usual: int) -> int:
    """How often a test that looks for rare accidents repeats itself."""
    return usual * 20 if soaking() else usual
