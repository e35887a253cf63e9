"""The library's own values, out of a server's JSON: what `to_dict` wrote."""

from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import getitem
from typing import Any, NoReturn, TypeVar

from ithaca.access import AccessKey, NewAccessKey, User
from ithaca.attached import Attached, Attachment, Place
from ithaca.columns import Row, to_json, to_text, to_time
from ithaca.context import Context, ContextInfo
from ithaca.endpoints import Endpoint
from ithaca.errors import HeadersUnreadable
from ithaca.models import (
    Change,
    ChatMessage,
    Compaction,
    Document,
    DocumentVersion,
    MessageVersion,
    Page,
    Record,
    SearchHit,
    Session,
    TrashEntry,
)
from ithaca.reply import Reply, ReplyEvent
from ithaca.retention import PolicyOutcome, RetentionPolicy, RetentionReport
from ithaca.usage import Usage, UsageRecord

T = TypeVar("T")
R = TypeVar("R", bound=Record)


def moment(text: str) -> datetime:
    """The time, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else moment(text)


def _column(text: str | None) -> int | None:
    return None if text is None else to_time(moment(text))


def page(made: Callable[[Any], T]) -> Callable[[Any], Page[T]]:
    """Makes a page of such values."""
    return lambda plain: Page([made(item) for item in plain["items"]], plain["cursor"])


def items(made: Callable[[Any], T]) -> Callable[[Any], list[T]]:
    """Makes a list of such values."""
    return lambda plain: [made(item) for item in plain["items"]]


# Messages


def message(plain: dict[str, Any]) -> ChatMessage:
    """A message, as if it had been read from a database."""
    content, blocks, column = plain["content"], None, None
    if isinstance(content, list):
        column = _taken_out(content, plain["attachments"])
        content, blocks = None, to_json(content)
    damaged = dict.fromkeys(plain.get("unreadable", ()), "")  # no JSON here either: who looks at it is told
    calls = plain["tool_calls"]
    row: Row = (
        plain["seq"], plain["id"], plain["role"], None if content is None else to_text(content),
        damaged.get("content", blocks), damaged.get("tool_calls", None if calls is None else to_json(calls)),
        plain["tool_call_id"], plain["name"], damaged.get("metadata", to_json(plain["metadata"])),
        plain["tokens"], _column(plain["created_at"]), _column(plain["edited_at"]), plain["version_group"], column,
    )  # fmt: skip
    return ChatMessage.from_row(row)


def _taken_out(content: list[Any], places: list[dict[str, Any]]) -> Attached | None:
    """The column `attachments`, with the bytes that came along; "" is left in their places."""
    data: dict[str, bytes | None] = {}
    for place in places:
        *way, last = place["path"]
        holder: Any = reduce(getitem, way, content)
        if place.pop("inline"):
            data[place["digest"]] = b64decode(holder[last][len(place["prefix"]) :])
        else:
            data.setdefault(place["digest"], None)
        holder[last] = ""
    return Attached.of([Place(**place) for place in places], data) if places else None


# Records


def session(plain: dict[str, Any]) -> Session:
    """A session, with its history if that came along."""
    history = [message(each) for each in plain.get("history", ())]
    row = _row(Session, plain)
    return Session.stored((*row[:19], None, *row[19:]), _kept_apart, history, incognito=plain["incognito"])


def _kept_apart(_: bytes | None, owner: str, session_id: str) -> NoReturn:
    raise HeadersUnreadable(session_id, "of the server")


def record(kind: type[R]) -> Callable[[Any], R]:
    """Makes such records, as if they had been read from a database."""
    return lambda plain: kind.from_row(_row(kind, plain))


def _row(kind: type[Record], plain: dict[str, Any]) -> Row:
    return tuple(_stored(kind, name, plain[name]) for name in kind._readers)


def _stored(kind: type[Record], name: str, value: Any) -> Any:
    """A field as it stands in its column."""
    if name in _TIMES:
        return _column(value)
    if isinstance(value, dict):
        return to_json(value)
    return to_text(value) if (kind, name) in _LONG_TEXTS and value is not None else value


_TIMES = frozenset(("created_at", "updated_at", "last_accessed", "last_message_at", "expires_at", "ended_at"))

#: Texts that may hold NUL.
_LONG_TEXTS = frozenset(
    ((Document, "content"), (DocumentVersion, "content"), (TrashEntry, "name"), (Compaction, "summary"))
)

document = record(Document)
document_version = record(DocumentVersion)
trash_entry = record(TrashEntry)
compaction = record(Compaction)


# What is made of several


def hit(plain: dict[str, Any]) -> SearchHit:
    """A hit of a search, with its neighbours."""
    around = {name: [message(each) for each in plain[name]] for name in ("before", "after")}
    highlights = [(first, last) for first, last in plain["highlights"]]
    return SearchHit(**plain | around | {"message": message(plain["message"]), "highlights": highlights})


def version(plain: dict[str, Any]) -> MessageVersion:
    """A version of a message."""
    return MessageVersion(message(plain["message"]), plain["shown"], plain["messages"])


def context(plain: dict[str, Any]) -> Context:
    """What to send to a model."""
    return Context(*_fullness(plain), [message(each) for each in plain["messages"]])


def context_info(plain: dict[str, Any]) -> ContextInfo:
    """How full a model's window is."""
    return ContextInfo(*_fullness(plain))


def _fullness(plain: dict[str, Any]) -> tuple[int, int, int, dict[str, int]]:
    return plain["used"], plain["limit"], plain["reserve"], plain["left_out"]


def attachment(plain: dict[str, Any]) -> Attachment:
    """What is known of an attachment."""
    return Attachment(**plain | {"used_at": moment(plain["used_at"])})


reply = record(Reply)


def reply_event(plain: dict[str, Any]) -> ReplyEvent:
    """Something that a reply says, or that it begins or ends."""
    return ReplyEvent(**plain | ({"reply": reply(plain["reply"])} if "reply" in plain else {}))


def change(plain: dict[str, Any]) -> Change:
    """News of a session."""
    return Change(**plain | {"created_at": moment(plain["created_at"])})


def endpoint(plain: dict[str, Any]) -> Endpoint:
    """A model's server that is registered."""
    return Endpoint(**plain | {name: moment(plain[name]) for name in ("created_at", "updated_at")})


def access_key(plain: dict[str, Any]) -> AccessKey:
    """What is known of a key."""
    times = {name: _moment(plain[name]) for name in ("created_at", "expires_at", "used_at")}
    return AccessKey(**plain | times)


def user(plain: dict[str, Any]) -> User:
    """Somebody who logs in with a password."""
    return User(**plain | {name: moment(plain[name]) for name in ("created_at", "password_at")})


def new_access_key(plain: dict[str, Any]) -> NewAccessKey:
    """A key that was just made."""
    token = plain.pop("token")
    return NewAccessKey(access_key(plain), token)


def usage_record(plain: dict[str, Any]) -> UsageRecord:
    """What one reply used."""
    return UsageRecord(**plain | {"cost": Decimal(plain["cost"]), "created_at": moment(plain["created_at"])})


def usage(plain: dict[str, Any]) -> Usage:
    """A sum of what was recorded."""
    day = None if plain["day"] is None else date.fromisoformat(plain["day"])
    return Usage(**plain | {"cost": Decimal(plain["cost"]), "day": day})


def policy(plain: dict[str, Any]) -> RetentionPolicy:
    """A retention policy; its ages come in days."""
    ages = {name: _age(plain[name]) for name in ("archive_after", "delete_after")}
    return RetentionPolicy(**plain | ages | {"updated_at": moment(plain["updated_at"])})


def _age(days: float | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


def retention_report(plain: dict[str, Any]) -> RetentionReport:
    """What applying all policies did."""
    outcomes = [PolicyOutcome(**each | {"policy": policy(each["policy"])}) for each in plain["outcomes"]]
    return RetentionReport(outcomes, plain["purged"], plain["purged_not"])
