"""Messages as they are sent: JSON, with the bytes in them as base64 and a list of where they stand."""

from collections.abc import Callable
from dataclasses import fields
from functools import reduce
from operator import getitem
from typing import Any

from ithaca.attached import Attached, Place, base64_of, places_of
from ithaca.binary import split
from ithaca.columns import iso
from ithaca.config import Limits
from ithaca.models import ChatMessage, Content, Conversation, LibraryDocument


def message(message: ChatMessage, limits: Limits) -> dict[str, Any]:
    """A message that passed the door."""
    plain = said(message.content, limits) | {"role": message.role, "metadata": message.metadata or None}
    for name in ("tool_calls", "tool_call_id", "name", "id"):
        if (value := getattr(message, name)) is not None:
            plain[name] = value
    return plain if message.created_at is None else plain | {"created_at": iso(message.created_at)}


def said(content: Content, limits: Limits) -> dict[str, Any]:
    """What a message says: `content`, and `attachments` if bytes or references stand in it."""
    if not isinstance(content, list):
        return {"content": content}
    rest, attached = split(content, limits, checked=False)
    if attached is None:
        return {"content": rest}
    return {"content": rest, "attachments": [_filled(place, rest, attached) for place in places_of(attached)]}


def _filled(place: Place, content: list[Any], attached: Attached) -> dict[str, Any]:
    """Puts bytes in their place, as base64; how the server shall take what stands there."""
    data = attached.data[place.digest]
    if data is None:
        return place._asdict()
    *way, last = place.path
    reduce(getitem, way, content)[last] = base64_of(data)  # type: ignore[arg-type, index]
    return {"path": place.path}


def conversation(given: Conversation, limits: Limits) -> dict[str, Any]:
    """A conversation from elsewhere."""
    return _given(given, messages=lambda messages: [message(each, limits) for each in messages])


def document(given: LibraryDocument) -> dict[str, Any]:
    """A document from elsewhere."""
    return _given(given, versions=lambda versions: [_given(version) for version in versions])


def _given(value: Any, **apart: Callable[[Any], Any]) -> dict[str, Any]:
    """The fields of a value, without those that are None."""
    found = {field.name: getattr(value, field.name) for field in fields(value)}
    made = {name: apart[name](item) if name in apart else _plain(item) for name, item in found.items()}
    return {name: item for name, item in made.items() if item is not None}


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return iso(value)
    return dict(value) if hasattr(value, "items") else value
