"""What comes in and goes out, in OpenAI's shapes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from ithaca import ChatMessage, Session
from ithaca.binary import split
from ithaca.config import Limits
from ithaca.service.openai.errors import refused
from ithaca.service.openai.items import Item, message_of
from ithaca.service.wire.base import Body

#: Where in a session's `extra` the metadata of a conversation stands.
METADATA = "openai_metadata"

#: Items in one request.
MOST_ITEMS = 20

Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=16, description="At most 16 texts of 512 characters, under names of at most 64."),
]
Items = Annotated[
    list[Item],
    Field(max_length=MOST_ITEMS, examples=[[{"type": "message", "role": "user", "content": "Hello!"}]]),
]
Order = Annotated[Literal["asc", "desc"], Query(description="By when they were added.")]
Limit = Annotated[int, Query(ge=1, le=100, description="How many items at most.")]
After = Annotated[str | None, Query(description="The id of the last item of the page before.")]
Included = list[
    Literal[
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "message.input_image.image_url",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
        "reasoning.encrypted_content",
        "message.output_text.logprobs",
    ]
]
_NOTHING_LEFT_OUT = "What else to include. Items are given whole in any case."
Include = Annotated[Included, Query(description=_NOTHING_LEFT_OUT)]
IncludeInBrackets = Annotated[Included, Query(alias="include[]", description=_NOTHING_LEFT_OUT)]


class NewConversation(Body):
    """A conversation to be made, with its first items."""

    items: Items | None = None
    metadata: Metadata | None = None


class ConversationChanges(Body):
    """The metadata that a conversation shall have instead of its own."""

    metadata: Metadata | None


class NewItems(Body):
    """Items to be added, all of them or none."""

    items: Items


class ConversationShape(BaseModel):
    """A conversation."""

    model_config = ConfigDict(extra="forbid")

    id: str
    object: Literal["conversation"]
    created_at: int = Field(description="In seconds since 1970.")
    metadata: dict[str, str]


class ModelShape(BaseModel):
    """A model of an endpoint's."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(description="ENDPOINT/MODEL, as a request names it.")
    object: Literal["model"]
    created: int
    owned_by: str = Field(description="The endpoint's name.")


class ModelListShape(BaseModel):
    """Models."""

    model_config = ConfigDict(extra="forbid")

    object: Literal["list"]
    data: list[ModelShape]


class DeletedShape(BaseModel):
    """That a conversation was deleted."""

    model_config = ConfigDict(extra="forbid")

    id: str
    object: Literal["conversation.deleted"]
    deleted: bool


class ItemShape(BaseModel):
    """An item, with whatever its type has."""

    model_config = ConfigDict(extra="allow")

    id: str
    type: str


class ItemListShape(BaseModel):
    """Items, in the order that was asked for."""

    model_config = ConfigDict(extra="forbid")

    object: Literal["list"]
    data: list[ItemShape]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ErrorInside(BaseModel):
    """What went wrong."""

    model_config = ConfigDict(extra="forbid")

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorShape(BaseModel):
    """What went wrong, as OpenAI says it."""

    model_config = ConfigDict(extra="forbid")

    error: ErrorInside


def messages_of(items: Iterable[Item]) -> list[ChatMessage]:
    """The messages that items are stored as. Raises `Refused` for the first that is none."""
    return [message_of(_checked(item, f"items[{index}]")) for index, item in enumerate(items)]


def check_bytes(messages: Iterable[ChatMessage], limits: Limits) -> None:
    """Raises `InvalidMessage` for bytes that are not of the media type which they claim."""
    for message in messages:
        if isinstance(message.content, list):
            split(message.content, limits)


def _checked(item: Item, param: str) -> Item:
    kind = item.get("type")
    if kind is None and "role" not in item:
        raise refused(f"Missing required parameter: '{param}.type'.", f"{param}.type", "missing_required_parameter")
    _must_be_text(kind, f"{param}.type")
    _must_be_text(item.get("id"), f"{param}.id")
    if kind == "item_reference":
        raise refused("A reference is no item: send the item itself.", f"{param}.type", "invalid_value")
    if kind in (None, "message"):
        _check_message(item, param)
    return item


def _check_message(item: Item, param: str) -> None:
    for name in ("role", "content"):
        if item.get(name) is None:
            raise refused(f"Missing required parameter: '{param}.{name}'.", f"{param}.{name}", _MISSING)
    _must_be_text(item["role"], f"{param}.role")
    if not isinstance(item["content"], (str, list)):
        raise refused(f"Invalid '{param}.content': expected a text or a list.", f"{param}.content", "invalid_type")


_MISSING = "missing_required_parameter"


def _must_be_text(value: object, param: str) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise refused(f"Invalid '{param}': expected a text that is not empty.", param, "invalid_type")


def conversation_json(session: Session) -> dict[str, Any]:
    """A session as a conversation."""
    return conversation(session.id, session.created_at.timestamp(), metadata_of(session.extra))


def conversation(id: str, created_at: float, metadata: Mapping[str, str]) -> dict[str, Any]:
    """A conversation."""
    return {"id": id, "object": "conversation", "created_at": int(created_at), "metadata": metadata}


def metadata_of(extra: Mapping[str, Any]) -> dict[str, str]:
    """The metadata in a session's extra data; what somebody else has put there in another shape is none."""
    found = extra.get(METADATA)
    return {name: text for name, text in found.items() if isinstance(text, str)} if isinstance(found, dict) else {}


def with_metadata(extra: Mapping[str, Any], metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """A session's extra data with other metadata; all else stays."""
    rest = {name: value for name, value in extra.items() if name != METADATA}
    return {**rest, METADATA: metadata} if metadata else rest


def item_list(items: Sequence[Item], has_more: bool = False) -> dict[str, Any]:
    """A page of items."""
    ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]} if items else {"first_id": None, "last_id": None}
    return {"object": "list", "data": items, **ends, "has_more": has_more}
