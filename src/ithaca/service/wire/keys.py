"""Bodies about keys."""

from pydantic import Field

from ithaca.access import Right
from ithaca.service.wire.base import Body, Moment


class NewKey(Body):
    """A key for a program."""

    name: str = Field(description="What it is for.", examples=["backup"])
    scopes: list[Right] = Field(["read", "write"], description="What it may do.")
    expires_at: Moment | None = Field(None, description="From when on it opens nothing; otherwise never.")


class AnyNewKey(NewKey):
    """A key to anybody's data."""

    owner: str = ""
