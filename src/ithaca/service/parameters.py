"""Parameters that several routes take."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from fastapi import Query

from ithaca.errors import Described, InvalidArgument

Attached = Annotated[
    Literal["inline", "reference"],
    Query(description="Whether images and files come with their bytes, or as references to attachments."),
]

Owner = Annotated[str | None, Query(description='Only what this owner has; "" for what nobody owns.')]


@contextmanager
def named(field: str, header: str) -> Iterator[None]:
    """Names the header by which something came, where the library refuses it by a name of its own."""
    try:
        yield
    except InvalidArgument as error:
        if error.field != field:
            raise
        raise InvalidArgument(header, Described(error.given), error.allowed) from None
