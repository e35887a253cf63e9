"""What goes out, by noun: as JSON, and as schemas for whoever reads the OpenAPI document.

The schemas are made of the library's own classes, so that a new field cannot be forgotten. Nothing is checked against
them when it goes out; the tests do that.
"""

from dataclasses import asdict, is_dataclass
from decimal import Decimal
from types import UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

import ithaca
from ithaca import ChatMessage, MessageVersion, SearchHit, Session
from ithaca.attached import places_of
from ithaca.models import Record

T = TypeVar("T")

MessageJson = dict[str, Any]


class Shape(BaseModel):
    """Something that goes out."""

    model_config = ConfigDict(extra="forbid")


class Place(Shape):
    """A place in a message's content whose bytes are kept as an attachment."""

    path: list[str | int] = Field(description="Keys and indexes, from the list of blocks inward.")
    digest: str
    size: int
    media_type: str
    form: str = Field(description="How the bytes stand there: `base64` in a text after `prefix`, or `bytes`.")
    prefix: str
    inline: bool = Field(description="Whether the bytes are there (as base64), or a reference to them.")


def shape(name: str, kind: type, *, without: tuple[str, ...] = (), **more: Any) -> Any:
    """The schema of a value of the library's: all its fields but for some, and others."""
    hints = get_type_hints(kind)
    names = kind._readers if issubclass(kind, Record) else kind.__dataclass_fields__  # type: ignore[attr-defined]
    fields: dict[str, Any] = {name: (_plain(hints[name]), ...) for name in names if name not in without}
    return create_model(name, __base__=Shape, __doc__=kind.__doc__, **fields | more)


def _list(kind: Any) -> Any:
    return (list[kind], ...)


def _plain(hint: Any) -> Any:
    """The type of what goes out, where nothing is `MaybeNone`."""
    if get_origin(hint) in (Union, UnionType):
        hint = Union[tuple(kind for kind in get_args(hint) if kind is not Any)]  # noqa: UP007, it is none of two
    return str if hint is Decimal else hint


#: What a message or a session has only if somebody else damaged it in the database.
_UNREADABLE: Any = (
    list[str],
    Field([], description="Fields that are null since they are damaged in the database; else left out."),
)

MessageShape = shape("Message", ChatMessage, attachments=(list[Place], ...), unreadable=_UNREADABLE)
RenderedShape = create_model("RenderedMessage", __base__=MessageShape, html=_list(str | None))
SessionShape = shape("Session", Session, incognito=(bool, ...), unreadable=_UNREADABLE)
SessionWithHistoryShape = create_model("SessionWithHistory", __base__=SessionShape, history=_list(MessageShape))
FolderShape = shape("Folder", ithaca.Folder)
DocumentShape = shape("Document", ithaca.Document)
DocumentVersionShape = shape("DocumentVersion", ithaca.DocumentVersion)
TrashEntryShape = shape("TrashEntry", ithaca.TrashEntry)
CompactionShape = shape("Compaction", ithaca.Compaction)
RemovedShape = shape("Removed", ithaca.Removed)
RestoredShape = shape("Restored", ithaca.Restored)
ErasedShape = shape("Erased", ithaca.Erased)
AttachmentShape = shape("Attachment", ithaca.Attachment)
CollectedShape = shape("Collected", ithaca.attached.Collected)
ReplyShape = shape("Reply", ithaca.Reply)
UsageShape = shape("Usage", ithaca.Usage)
UsageRecordShape = shape("UsageRecord", ithaca.UsageRecord)
DatabaseInfoShape = shape("DatabaseInfo", ithaca.DatabaseInfo)
BrokenShape = shape("Broken", ithaca.Problem)
ImportReportShape = shape("ImportReport", ithaca.ImportReport)
EndpointShape = shape("Endpoint", ithaca.Endpoint)
EndpointTestShape = shape("EndpointTest", ithaca.EndpointTest)
FoundServerShape = shape("FoundServer", ithaca.FoundServer)
RotatedSecretsShape = shape("RotatedSecrets", ithaca.RotatedSecrets)
PolicyShape = shape(
    "RetentionPolicy",
    ithaca.RetentionPolicy,
    without=("archive_after", "delete_after"),
    archive_after=(float | None, Field(description="In days.")),
    delete_after=(float | None, Field(description="In days.")),
)
OutcomeShape = shape("PolicyOutcome", ithaca.PolicyOutcome, without=("policy",), policy=(PolicyShape, ...))
RetentionReportShape = shape(
    "RetentionReport",
    ithaca.RetentionReport,
    without=("outcomes",),
    outcomes=_list(OutcomeShape),
    **dict.fromkeys(("archived", "deleted", "kept_starred", "kept_newest", "held"), (int, ...)),
)
UserShape = shape("User", ithaca.User)
AccessKeyShape = shape("AccessKey", ithaca.AccessKey)
NewAccessKeyShape = shape(
    "NewAccessKey",
    ithaca.AccessKey,
    token=(str | None, Field(description="What its holder shows; null where this is a repeated answer.")),
)
HitShape = shape(
    "SearchHit",
    SearchHit,
    without=("message", "before", "after"),
    message=(MessageShape, ...),
    before=_list(MessageShape),
    after=_list(MessageShape),
)
VersionShape = shape("MessageVersion", MessageVersion, without=("message",), message=(MessageShape, ...))


class Items(Shape, Generic[T]):
    """Some values, in order."""

    items: list[T]


class PageOf(Items[T], Generic[T]):
    """Some of what matches, in order; `cursor` asks for what follows, and is null after the last."""

    cursor: str | None


def items_of(kind: Any) -> Any:
    """The schema of a list of values."""
    return Items[kind]


def page_of(kind: Any) -> Any:
    """The schema of a page of values."""
    return PageOf[kind]


class Count(Shape):
    """How many there are."""

    count: int


class ContextInfoShape(Shape):
    """How full a model's window is, and what is left out of it, by reason."""

    used: int
    limit: int
    reserve: int
    percent: float
    left_out: dict[str, int]


class ContextShape(ContextInfoShape):
    """What to send to a model. By `format`: the messages as they are stored, or as a provider wants them."""

    messages: list[dict[str, Any]]
    system: list[dict[str, Any]] | None = None


class ProblemShape(BaseModel):
    """What went wrong (RFC 9457), with the data of the error beside the standard members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Where this type of problem is described.", examples=["/api/problems/invalid-input"])
    title: str
    status: int
    detail: str
    error: str = Field(description="The name of the error's class in Python.", examples=["InvalidInput"])
    field: str | None = Field(None, description="What was wrong with the request, as `messages.0.role`.")


class Checked(Shape):
    """What was found broken; nothing, if all is well."""

    problems: list[BrokenShape]  # type: ignore[valid-type]


class CleanedUp(Shape):
    """What a clean-up did."""

    deleted_empty: int
    archived_old: int
    total_checked: int


def message_json(message: ChatMessage) -> MessageJson:
    """A message; `attachments` tells where in its content bytes stand, or references to them."""
    plain = message.to_dict()
    return plain | {"attachments": [] if "unreadable" in plain else _places(message)}


def _places(message: ChatMessage) -> list[dict[str, Any]]:
    column = message.attached
    if column is None:
        return []
    inline = getattr(column, "data", None)
    return [
        place._asdict() | {"inline": inline is not None and inline.get(place.digest, b"") is not None}
        for place in places_of(column)
    ]


def session_json(session: Session, *, history: bool) -> dict[str, Any]:
    """A session; never its headers."""
    plain = session.to_dict()
    return plain | {"history": [message_json(message) for message in session.history]} if history else plain


def hit_json(hit: SearchHit) -> dict[str, Any]:
    """A hit of a search, with its neighbours."""
    around = {name: [message_json(message) for message in getattr(hit, name)] for name in ("before", "after")}
    return hit.to_dict() | {"message": message_json(hit.message)} | around


def version_json(version: MessageVersion) -> dict[str, Any]:
    """A version of a message."""
    return {"shown": version.shown, "messages": version.messages, "message": message_json(version.message)}


def plain_json(value: Any) -> Any:
    """What has no secrets and no bytes: a record, or a plain value."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
