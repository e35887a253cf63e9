"""Bodies about messages."""

import binascii
from base64 import b64decode
from functools import reduce
from operator import getitem
from typing import Any, Literal

from pydantic import Field

from ithaca import AttachmentReference, ChatMessage, InvalidMessage
from ithaca.errors import Described
from ithaca.service.wire.base import Body, JsonObject, Moment


class PlaceToFill(Body):
    """A place in a message's content where bytes belong, as a message that was read tells of it.

    With a `digest`: those of an attachment that was stored. Without one: those that stand there in base64, which shall
    be kept as bytes.
    """

    path: list[str | int] = Field(description="Keys and indexes, from the list of blocks inward.", min_length=1)
    digest: str | None = None
    size: int = 0
    media_type: str = "application/octet-stream"
    form: Literal["base64", "bytes"] = "base64"
    prefix: str | None = None
    inline: bool = False


class Said(Body):
    """What a message says."""

    content: str | list[Any] | None = Field(None, description="A text, a list of content blocks, or null.")
    tool_calls: list[Any] | None = None
    metadata: JsonObject | None = None
    attachments: list[PlaceToFill] = Field([], description="Where in the content attachments belong.")

    def filled(self) -> Any:
        """The content with what belongs in its places."""
        for place in self.attachments:
            fill(self.content, place)
        return self.content


class NewMessage(Said):
    """A message to be stored. With an `id` it can be sent again: it is stored once."""

    role: str = Field(examples=["user"])
    id: str | None = None
    tool_call_id: str | None = None
    name: str | None = None
    created_at: Moment | None = None

    def message(self) -> ChatMessage:
        fields = {name: getattr(self, name) for name in ("tool_calls", "tool_call_id", "name", "id", "created_at")}
        return ChatMessage(self.role, self.filled(), self.metadata, **fields)


class NewMessages(Body):
    """Messages to be stored, in their order: all of them or none."""

    messages: list[NewMessage] = Field(examples=[[{"role": "user", "content": "When does the ferry leave?"}]])

    def all(self) -> list[ChatMessage]:
        return [new.message() for new in self.messages]


class Edit(Said):
    """What to change of a message; what is left out stays. `tool_calls` go together with `content`."""

    branch: bool = Field(False, description="Keep the old message, and what followed it, as a version.")

    def arguments(self) -> dict[str, Any]:
        """As `edit_message` takes them."""
        given = self.given()
        if given.pop("attachments", None):
            given["content"] = self.filled()
        return given


class MessageIds(Body):
    """Messages by their ids."""

    message_ids: list[str]


class Truncation(Body):
    """How many of the first messages to keep."""

    keep_count: int


def fill(content: Any, place: PlaceToFill) -> None:
    """Puts a reference, or bytes, in a place of a content."""
    *way, last = place.path
    try:
        holder = reduce(getitem, way, content)
        there = holder[last]
        holder[last] = _bytes(there) if place.digest is None else _reference(place)
    except (LookupError, TypeError):
        raise InvalidMessage("attachments", Described(f"the path {place.path}"), "of places in the content") from None


def _reference(place: PlaceToFill) -> AttachmentReference:
    return AttachmentReference(str(place.digest), place.media_type, place.size, place.prefix, place.form)


def _bytes(there: Any) -> bytes:
    try:
        return b64decode(there, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidMessage("attachments", Described("a place without base64"), "of places with base64") from None
