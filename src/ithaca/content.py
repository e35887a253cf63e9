"""Values at the door: checked, and turned into what a database stores.

Everything that a caller gives passes here before any statement runs, so that bad input is refused whole and
in the caller's own thread, never while others wait for the writer. Text and blocks go to different columns:
what is stored is never sniffed to find out what it was.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

from uuid_utils import uuid7

from ithaca.attached import Attached, places_of
from ithaca.binary import split
from ithaca.columns import Row, from_json, to_json, to_text, to_time
from ithaca.config import Limits
from ithaca.errors import Described, InvalidArgument, InvalidInput, InvalidMessage
from ithaca.models import ChatMessage, Content
from ithaca.tokens import TokenCounter, count_parts

#: What some columns of a message will hold, by column.
Changes: TypeAlias = dict[str, Any]

#: The largest number that a database keeps; a larger one asks for no more than all.
MOST = 2**63 - 1

#: Bytes of a text that an index holds: with an owner and two ids they fit into one entry of PostgreSQL's.
MOST_INDEXED = 2_000

#: What a time can be: the years 1 to 9999 in UTC.
EARLIEST, LATEST = to_time(datetime.min.replace(tzinfo=UTC)), to_time(datetime.max.replace(tzinfo=UTC))

Refusal: TypeAlias = type[InvalidInput]

_SCALARS = (str, int, float, type(None))

_ALL_APART = Limits(max_inline_bytes=0, max_attachment_bytes=MOST)


class Draft(NamedTuple):
    """What the columns of one message will hold but for its number, in the order in which `ChatMessage` reads them."""

    id: str
    role: str
    text: str | None
    blocks: str | None
    tool_calls: str | None
    tool_call_id: str | None
    name: str | None
    metadata: str | None
    tokens: int
    created_at: int
    edited_at: int | None = None
    version_group: str | None = None
    attachments: Attached | None = None

    def row(self, seq: int) -> tuple[Any, ...]:
        """The row of the message under a number."""
        return (seq,) + self  # noqa: RUF005, unpacking takes twice as long


def new_id() -> str:
    """A UUIDv7: unique, and in the order of creation."""
    return str(uuid7())


def drafts(
    messages: Iterable[ChatMessage], limits: Limits, count_tokens: TokenCounter, now: int, *, checked: bool = True
) -> list[Draft]:
    """The columns of each message. Raises `InvalidMessage` for the first that cannot be stored as it is.

    Unless `checked`, bytes of another media type than they claim are taken as they are.
    """
    batch = [draft(message, limits, count_tokens, now, checked=checked) for message in _messages(messages)]
    if len(batch) > limits.max_batch:
        raise InvalidMessage("messages", Described(f"{len(batch)} messages"), f"at most {limits.max_batch} in one call")
    if len(batch) > 1 and len({row.id for row in batch}) < len(batch):
        raise InvalidMessage("id", Described("an id twice in one batch"), "unique in its session")
    return batch


def numbered(owner: str, session_id: str, drafts: Iterable[Draft], first: int) -> Iterator[Row]:
    """All columns of messages under numbers in a row, as `Connection.add_messages` takes them."""
    return ((owner, session_id, seq) + draft for seq, draft in enumerate(drafts, first))  # noqa: RUF005, as above


def _messages(messages: Iterable[ChatMessage]) -> Iterable[ChatMessage]:
    if isinstance(messages, (str, bytes, Mapping, ChatMessage)) or not isinstance(messages, Iterable):
        raise InvalidMessage("messages", messages, "a list of ChatMessage")
    return messages


def draft(message: ChatMessage, limits: Limits, count_tokens: TokenCounter, now: int, *, checked: bool = True) -> Draft:
    """The columns of one message; `id` and `created_at` are made up where it has none."""
    if not isinstance(message, ChatMessage):
        raise InvalidMessage("message", message, "a ChatMessage")
    speaker, content, metadata, tool_calls, call_id, name, id, created_at = message.given
    id = new_id() if id is None else identifier("id", id, limits, InvalidMessage)
    speaker = role(speaker, limits)
    text, blocks, calls, tokens, attached = _said(content, tool_calls, limits, count_tokens, checked)
    call_id = optional_label("tool_call_id", call_id, limits, InvalidMessage)
    name = optional_label("name", name, limits, InvalidMessage)
    told = json_object("metadata", metadata, limits, InvalidMessage)
    at = now if created_at is None else moment("created_at", created_at, InvalidMessage)
    return Draft(id, speaker, text, blocks, calls, call_id, name, told, tokens, at, None, None, attached)


def content_columns(
    content: Content, tool_calls: list[Any] | None, limits: Limits, count_tokens: TokenCounter
) -> Changes:
    """The columns that hold what a message says, by column."""
    columns = ("text", "blocks", "tool_calls", "tokens", "attachments")
    return dict(zip(columns, _said(content, tool_calls, limits, count_tokens, True), strict=True))


def _said(
    content: Content, tool_calls: list[Any] | None, limits: Limits, count_tokens: TokenCounter, checked: bool
) -> tuple[str | None, str | None, str | None, int, Attached | None]:
    """What a message says: text, blocks, from which binary parts are taken out, tool calls, and how many tokens."""
    text = blocks = calls = attached = None
    tokens = size = 0
    if isinstance(content, str):
        size = text_size("content", content, InvalidMessage)
        text, tokens = to_text(content), count_tokens(content)
    elif isinstance(content, list):
        rest, attached = split(content, limits, checked=checked)
        blocks = json_list("content", rest, limits, limits.max_message_bytes)
        size, tokens = len(blocks) + _checked_size(attached), count_parts(rest, count_tokens)
    elif content is not None:
        raise InvalidMessage("content", content, "text, a list of content blocks, or None")
    if tool_calls is not None:
        calls = json_list("tool_calls", tool_calls, limits, limits.max_message_bytes)
        size, tokens = size + len(calls), tokens + count_tokens(calls)
    if size > limits.max_message_bytes:
        raise InvalidMessage("content", Described(f"{size} bytes"), f"at most {limits.max_message_bytes} bytes")
    return text, blocks, calls, tokens, attached


def _checked_size(attached: Attached | None) -> int:
    return 0 if attached is None else text_size("content", attached, InvalidMessage)


def spoken(content: Content) -> str:
    """The words in it: of blocks, the texts, a line each."""
    if isinstance(content, str):
        return content
    texts = (block.get("text") if isinstance(block, Mapping) else block for block in content or ())
    return "\n".join(text for text in texts if isinstance(text, str))


def says_the_same(draft: Draft, stored: ChatMessage) -> bool:
    """Whether a message is a repetition of a stored one: all that its author decides, compared as values."""
    said = ChatMessage.from_row(draft.row(0))
    fields = ("role", "tool_calls", "tool_call_id", "name", "metadata")
    return all(_same(getattr(said, name), getattr(stored, name)) for name in fields) and _same_content(said, stored)


def _same_content(said: ChatMessage, stored: ChatMessage) -> bool:
    if said.attached is None and stored.attached is None:
        return _same(said.content, stored.content)
    return _meaning(said) == _meaning(stored)


def _meaning(message: ChatMessage) -> tuple[str, list[str]]:
    """The content with every binary part as its digest, however small it is and whether it lies in the row or not.

    So no bytes have to be read, and a retry is known again when the limits have changed meanwhile.
    """
    content = message.with_references().content
    if not isinstance(content, list):
        return _canonical(content), []
    rest, attached = split(content, _ALL_APART, checked=False)
    return _canonical(rest), sorted(place.meaning for place in places_of(attached))


def _same(one: Any, other: Any) -> bool:
    # As JSON, because 1 == 1.0 == True in Python; sorted, because the order of keys says nothing in JSON.
    return one == other and (isinstance(one, str) or _canonical(one) == _canonical(other))


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


# Single values. Each returns what is stored, and raises `refusal` naming the field.


def identifier(field: str, value: object, limits: Limits, refusal: Refusal = InvalidArgument) -> str:
    """An id or an owner's name: not empty, and short enough for an index."""
    if not isinstance(value, str) or not value:
        raise refusal(field, value, "a text that is not empty")
    if "\0" in value:
        raise refusal(field, value, "a text without NUL characters")
    if (size := text_size(field, value, refusal)) > limits.max_id_bytes:
        raise refusal(field, Described(f"{size} bytes"), f"at most {limits.max_id_bytes} bytes")
    return value


def owner_name(value: object, limits: Limits) -> str:
    """An owner's name; None and "" are nobody's."""
    return "" if value is None or value == "" else identifier("owner", value, limits)


def label(field: str, value: object, limits: Limits, refusal: Refusal = InvalidArgument, *, empty: bool = False) -> str:
    """A short text: a name, a role, a model, a URL."""
    if not isinstance(value, str) or not (value or empty):
        raise refusal(field, value, "a text" if empty else "a text that is not empty")
    if "\0" in value:
        raise refusal(field, value, "a text without NUL characters")
    if len(value) > limits.max_name_length:
        raise refusal(field, Described(f"{len(value)} characters"), f"at most {limits.max_name_length} characters")
    text_size(field, value, refusal)
    return value


def indexed_label(
    field: str, value: object, limits: Limits, refusal: Refusal = InvalidArgument, *, empty: bool = False
) -> str:
    """A short text that an index holds."""
    text = label(field, value, limits, refusal, empty=empty)
    if (size := text_size(field, text, refusal)) > MOST_INDEXED:
        raise refusal(field, Described(f"{size} bytes"), f"at most {MOST_INDEXED} bytes")
    return text


_USUAL_ROLES = frozenset(["user", "assistant", "system", "developer", "tool"])


def role(value: object, limits: Limits) -> str:
    """Who speaks."""
    return value if isinstance(value, str) and value in _USUAL_ROLES else label("role", value, limits, InvalidMessage)


def optional_label(field: str, value: object, limits: Limits, refusal: Refusal = InvalidArgument) -> str | None:
    """A short text, or None."""
    return None if value is None else label(field, value, limits, refusal)


def long_text(field: str, value: object, limit: int, refusal: Refusal) -> str:
    """A text of any length up to the limit in bytes, as it is stored."""
    if not isinstance(value, str):
        raise refusal(field, value, "a text")
    if (size := text_size(field, value, refusal)) > limit:
        raise refusal(field, Described(f"{size} bytes"), f"at most {limit} bytes")
    return to_text(value)


def text_size(field: str, text: str, refusal: Refusal) -> int:
    """Its bytes in UTF-8. Raises where it has none: a lone surrogate is half a character."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        given = Described(f"a lone surrogate at character {error.start}")
        raise refusal(field, given, "text that UTF-8 can write") from None


def flag(field: str, value: object, refusal: Refusal = InvalidArgument) -> bool:
    """True or False, not something that merely counts as one."""
    if not isinstance(value, bool):
        raise refusal(field, value, "True or False")
    return value


def whole(field: str, value: object, lowest: int, highest: int | None = None) -> int:
    """A whole number within bounds."""
    inside = isinstance(value, int) and not isinstance(value, bool) and value >= lowest
    if not inside or (highest is not None and value > highest):  # type: ignore[operator]
        allowed = (
            f"a whole number of {lowest} or more" if highest is None else f"a whole number from {lowest} to {highest}"
        )
        raise InvalidArgument(field, value, allowed)
    return min(int(value), MOST)  # type: ignore[call-overload, no-any-return]


def moment(field: str, value: object, refusal: Refusal = InvalidArgument) -> int:
    """A time in microseconds; a naive one is taken as UTC."""
    if not isinstance(value, datetime):
        raise refusal(field, value, "a datetime")
    time = to_time(value)
    if not EARLIEST <= time <= LATEST:
        raise refusal(field, value, "a time in the years 1 to 9999 of UTC")
    return time


def json_object(field: str, value: object, limits: Limits, refusal: Refusal = InvalidArgument) -> str | None:
    """A JSON object as text; None for an empty one."""
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        raise refusal(field, value, "a JSON object")
    return _json(field, value, limits, limits.max_metadata_bytes, refusal)


def json_list(field: str, value: object, limits: Limits, most_bytes: int) -> str:
    """A JSON list as text."""
    if not isinstance(value, list):
        raise InvalidMessage(field, value, "a list")
    return _json(field, value, limits, most_bytes, InvalidMessage)


def _json(field: str, value: object, limits: Limits, most_bytes: int, refusal: Refusal) -> str:
    check_json(field, value, limits.max_depth, refusal)
    try:
        text = to_json(value)
    except ValueError as error:  # NaN, Infinity, or an integer of more digits than Python prints
        raise refusal(field, Described(f"something that JSON cannot hold ({error})"), "JSON") from None
    if (size := text_size(field, text, refusal)) > most_bytes:
        raise refusal(field, Described(f"{size} bytes"), f"at most {most_bytes} bytes")
    return text


def check_json(field: str, value: object, limit: int, refusal: Refusal, depth: int = 0) -> None:
    """Raises unless JSON gives it back as it is: text keys, and nothing but JSON's own types."""
    if depth > limit:
        raise refusal(field, Described("something nested deeper"), f"nested at most {limit} levels deep (max_depth)")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise refusal(field, Described(f"the key {key!r}"), "JSON, whose keys are text")
            if type(item) not in _SCALARS:
                check_json(field, item, limit, refusal, depth + 1)
    elif isinstance(value, list):
        for item in value:
            if type(item) not in _SCALARS:
                check_json(field, item, limit, refusal, depth + 1)
    elif not isinstance(value, (str, int, float, type(None))):
        and_then = ", whose model_dump() is" if hasattr(value, "model_dump") else ""  # what providers' clients give
        raise refusal(field, Described(f"a {type(value).__name__}{and_then}"), "made of JSON's types")


def headers(value: object, limits: Limits) -> dict[str, str]:
    """HTTP headers: names and values are text, and no value can start another header."""
    from ithaca.errors import InvalidSession

    if not isinstance(value, Mapping):
        raise InvalidSession("headers", Described(f"a {type(value).__name__}"), "a mapping of names to values")
    for name, text in value.items():
        good = isinstance(name, str) and isinstance(text, str) and name and not set(name + text) & {"\r", "\n", "\0"}
        if not good:
            raise InvalidSession("headers", Described(f"a bad value for {name!r}"), "text without line breaks")
    size = text_size("headers", to_json(dict(value)), InvalidSession)
    if size > limits.max_metadata_bytes:
        raise InvalidSession("headers", Described(f"{size} bytes"), f"at most {limits.max_metadata_bytes} bytes")
    return dict(value)


def copied(value: Any) -> Any:
    """A copy that shares nothing with what was given, of a value that passed `check_json`."""
    return from_json(to_json(value))
