"""The values that Ithaca gives back: frozen, and decoded from their row only where they are looked at.

A history of 10,000 messages is mostly not looked at field by field, and decoding each field of each row
costs several times what fetching it does. So a `Record` keeps its row and decodes a field when it is first
read; from then on the field is an ordinary slot. What could be changed by whoever has it (an object, a list of blocks)
is decoded at each reading: a value may be shared, and nobody can change what another sees of it.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import repeat
from operator import attrgetter, itemgetter
from typing import Any, ClassVar, Generic, NoReturn, Self, TypeAlias, TypeVar, cast, overload

from ithaca.attached import Attached, put_back, without_bytes
from ithaca.columns import Plain, Row, fingerprint, from_json, from_text, from_time, iso, iso_time

#: What a message says: text, a list of content blocks (whatever a provider puts in them), or nothing.
Content: TypeAlias = str | list[Any] | None

#: None in what was made by hand, never in what a manager gives; or None in an event of another kind. So a type checker
#: lets it be used (https://typing.python.org/en/latest/guides/writing_stubs.html#the-any-trick).
MaybeNone: TypeAlias = Any

T = TypeVar("T")


class Record:
    """A frozen value whose fields are decoded from a database row when they are first read."""

    __slots__ = ("_row",)
    #: Field → what reads it out of a row; in the order of the columns in a SELECT.
    _readers: ClassVar[Mapping[str, Callable[[Row], Any]]]
    #: The same, for what JSON has of it.
    _json_readers: ClassVar[Mapping[str, Callable[[Row], Any]]]

    #: Empty where it was made by hand.
    _row: Row

    def __init_subclass__(cls) -> None:
        cls._json_readers = {name: _AS_TEXT.get(reader, reader) for name, reader in cls._readers.items()}

    @classmethod
    def from_row(cls, row: Row) -> Self:
        self = cls.__new__(cls)
        _set_row(self, row)
        return self

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> list[Self]:
        """One of each row. The interpreter runs nothing for each: to make a value costs less than to call for it."""
        values = list(map(_new, repeat(cls, len(rows))))
        deque(map(_set_row, values, rows), maxlen=0)
        return values

    def columns(self, names: str) -> dict[str, Any]:
        """What is stored, by the names of the columns in the SELECT that it was read with."""
        return dict(zip(names.split(", "), self._row, strict=True))

    def __getattr__(self, name: str) -> Any:
        reader = self._readers.get(name)
        if reader is None:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        row = self._row
        value = reader(row) if row else self._given_for(name)
        if not isinstance(value, (dict, list)) or self._keeps_all:
            object.__setattr__(self, name, value)
        return value

    def _given_for(self, name: str) -> Any:
        """What a field holds where it was made by hand."""
        raise NotImplementedError

    @property
    def _keeps_all(self) -> bool:
        """Whether it is never shared, so that it may keep what takes long to decode."""
        return False

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen: {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen: {name!r} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._readers)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ((name, getattr(self, name)) for name in self._readers)
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in fields if v is not None)})"

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it: times as ISO 8601 in UTC with `Z`; secrets are not among them.

        A field of which something else than Ithaca has made what is no JSON is None, and named in `unreadable`.
        """
        row = self._row
        if not row:
            return {name: _plain(getattr(self, name)) for name in self._readers}
        try:
            return {name: read(row) for name, read in self._json_readers.items()}
        except ValueError:
            return self._what_can_be_read(row)

    def _what_can_be_read(self, row: Row) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        unreadable: list[str] = []
        for name, read in self._json_readers.items():
            try:
                plain[name] = read(row)
            except ValueError:
                plain[name] = None
                unreadable.append(name)
        return plain | {"unreadable": unreadable}


_new = object.__new__
_set_row = Record.__dict__["_row"].__set__


def _plain(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value


def _flag(index: int) -> Callable[[Row], bool]:
    return lambda row: bool(row[index])


def _text(index: int) -> Callable[[Row], str | None]:
    return lambda row: None if row[index] is None else from_text(row[index])


#: Reader of a time → what reads it as ISO 8601.
_AS_TEXT: dict[Callable[[Row], Any], Callable[[Row], str | None]] = {}


def time_at(index: int) -> Callable[[Row], datetime | None]:
    def read(row: Row) -> datetime | None:
        return None if row[index] is None else from_time(row[index])

    _AS_TEXT[read] = lambda row: None if row[index] is None else iso_time(row[index])
    return read


def _json(index: int, empty: Callable[[], Any] = lambda: None) -> Callable[[Row], Any]:
    return lambda row: empty() if row[index] is None else from_json(row[index])


def _content(row: Row) -> Content:
    if row[4] is not None:
        blocks: list[Any] = from_json(row[4])
        return blocks if row[13] is None else put_back(blocks, row[13])
    return None if row[3] is None else from_text(row[3])


class ChatMessage(Record):
    """One message of a conversation.

    `content` is text, a list of content blocks, or None (an assistant message that only calls tools): what
    was given comes back, character for character and type for type. `id`, `seq` (its number in its session:
    1, 2, 3 …) and `created_at` are None until it is stored; storing returns a new message that has them. A
    message made by hand may bring its own `id` (then adding it twice stores it once) and its own `created_at`.
    """

    __slots__ = (
        "_given",
        "content",
        "created_at",
        "edited_at",
        "id",
        "metadata",
        "name",
        "role",
        "seq",
        "tokens",
        "tool_call_id",
        "tool_calls",
        "version_group",
    )

    #: Who speaks: "user", "assistant", "system", "developer", "tool", or any word that a provider uses.
    role: str
    content: Content
    #: Any JSON object. `{"source": "slash"}` and `{"hidden": true}` keep a message out of the model's context.
    metadata: dict[str, Any]
    #: The calls that an assistant message makes, as the provider gave them.
    tool_calls: list[Any] | None
    #: In a tool's message: the call that it answers.
    tool_call_id: str | None
    name: str | None
    id: str | MaybeNone
    seq: int | MaybeNone
    created_at: datetime | MaybeNone
    #: When its content was last changed; None if never.
    edited_at: datetime | None
    #: How many tokens it was counted to hold when it was stored.
    tokens: int | MaybeNone
    #: The same in all versions of one message; None while it is the only one.
    version_group: str | None

    _readers: ClassVar = {
        "seq": itemgetter(0),
        "id": itemgetter(1),
        "role": itemgetter(2),
        "content": _content,
        "tool_calls": _json(5),
        "tool_call_id": itemgetter(6),
        "name": itemgetter(7),
        "metadata": _json(8, dict),
        "tokens": itemgetter(9),
        "created_at": time_at(10),
        "edited_at": time_at(11),
        "version_group": itemgetter(12),
    }

    def __init__(
        self,
        role: str,
        content: Content = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        tool_calls: Sequence[Any] | None = None,
        tool_call_id: str | None = None,
        name: str | None = None,
        id: str | None = None,
        created_at: datetime | None = None,
    ) -> None:
        _set_row(self, ())
        metadata = {} if metadata is None else metadata
        _set_given(self, (role, content, metadata, tool_calls, tool_call_id, name, id, created_at))

    @property
    def given(self) -> tuple[Any, ...]:
        """What its author decides: the arguments that make it, in their order."""
        return _all_given(self) if self._row else self._given

    def _given_for(self, name: str) -> Any:
        return self._given[_GIVEN.index(name)] if name in _GIVEN else None

    @property
    def _keeps_all(self) -> bool:
        return not self._row or self._row[13] is not None  # its own, or images, which are never remembered

    @property
    def attached(self) -> str | None:
        """The column `attachments` of a message that was read; None if nothing of it lies elsewhere."""
        return self._row[13] if self._row else None

    def with_references(self) -> "ChatMessage":
        """A message that was read, with references for its attachments, whose bytes it doesn't hold."""
        if self.attached is None:
            return self
        return ChatMessage.from_row((*self._row[:13], str(self.attached)))

    def with_attachments(self, data: Mapping[str, bytes | None]) -> "ChatMessage":
        """A message that was read, with the bytes of its attachments by digest; None where a reference stands."""
        if self.attached is None:
            return self
        return ChatMessage.from_row((*self._row[:13], Attached.with_bytes(self.attached, data)))

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it: times as ISO 8601 in UTC with `Z`, bytes as base64."""
        plain = super().to_dict()
        if isinstance(plain["content"], list):
            plain["content"] = without_bytes(plain["content"])
        return plain

    def replace(self, **changes: Any) -> "ChatMessage":
        """A copy with these fields changed, not stored anywhere; `seq` and `tokens` are for the store to give."""
        return ChatMessage(**(dict(zip(_GIVEN, self.given, strict=True)) | changes))

    def altered(self, **changes: Any) -> "ChatMessage":
        """A copy with these fields changed that keeps all others: the same stored message, shown in another way."""
        return _message({name: getattr(self, name) for name in self._readers} | changes)

    def __reduce__(self) -> tuple[Any, ...]:
        return _message, ({name: getattr(self, name) for name in self._readers},)


_GIVEN = ("role", "content", "metadata", "tool_calls", "tool_call_id", "name", "id", "created_at")
GIVEN_ID = _GIVEN.index("id")
_all_given = attrgetter(*_GIVEN)
_set_given = vars(ChatMessage)["_given"].__set__


def _message(fields: dict[str, Any]) -> ChatMessage:
    message = ChatMessage(**{name: fields[name] for name in _GIVEN})
    for name, value in fields.items():
        object.__setattr__(message, name, value)
    return message


#: Opens what is stored of a session's headers: given that, whose session it is, and its id.
OpenHeaders: TypeAlias = Callable[[bytes | None, str, str], dict[str, str]]


class Session(Record):
    """A conversation: what it is called, which model answers it, and how it stands.

    `history` holds the messages that were asked for, oldest first: all for `get_session(id)`, the last N for
    `last=N`, none in a listing; `message_count` is always the count of all.
    """

    __slots__ = (
        "_open",
        "archived",
        "created_at",
        "endpoint_url",
        "extra",
        "folder",
        "forked_at",
        "forked_from",
        "history",
        "id",
        "incognito",
        "is_important",
        "last_accessed",
        "last_message_at",
        "message_count",
        "mode",
        "model",
        "name",
        "owner",
        "rag",
        "revision",
        "total_input_tokens",
        "total_output_tokens",
        "updated_at",
    )

    #: Who owns it; "" is nobody.
    owner: str
    id: str
    name: str
    endpoint_url: str
    model: str
    rag: bool
    archived: bool
    #: Starred: kept by clean-up and by bulk deletion.
    is_important: bool
    folder: str | None
    #: "chat", "agent", "research", or any word of the application's.
    mode: str | None
    #: Any JSON object of the application's.
    extra: dict[str, Any]
    message_count: int
    total_input_tokens: int
    total_output_tokens: int
    #: Raised by one with each change; give it back as `expected_revision` to change only what you have seen.
    revision: int
    created_at: datetime
    updated_at: datetime
    last_accessed: datetime
    last_message_at: datetime | None
    #: The session that it was forked from, and the number of the last message that was copied; None if it wasn't.
    forked_from: str | None
    forked_at: int | None
    #: Whether it is in memory only, and gone with its manager.
    incognito: bool
    history: list[ChatMessage]

    _open: OpenHeaders

    _readers: ClassVar = {
        "owner": itemgetter(0),
        "id": itemgetter(1),
        "name": itemgetter(2),
        "endpoint_url": itemgetter(3),
        "model": itemgetter(4),
        "rag": _flag(5),
        "archived": _flag(6),
        "is_important": _flag(7),
        "folder": itemgetter(8),
        "mode": itemgetter(9),
        "extra": _json(10, dict),
        "message_count": itemgetter(11),
        "total_input_tokens": itemgetter(12),
        "total_output_tokens": itemgetter(13),
        "revision": itemgetter(14),
        "created_at": time_at(15),
        "updated_at": time_at(16),
        "last_accessed": time_at(17),
        "last_message_at": time_at(18),
        "forked_from": itemgetter(20),
        "forked_at": itemgetter(21),
    }

    @classmethod
    def stored(cls, row: Row, open_headers: OpenHeaders, history: list[ChatMessage], *, incognito: bool) -> "Session":
        (self,) = cls.listed([row], open_headers, incognito=incognito)
        object.__setattr__(self, "history", history)
        return self

    @classmethod
    def listed(cls, rows: Sequence[Row], open_headers: OpenHeaders, *, incognito: bool) -> list["Session"]:
        """One of each row, without messages."""
        sessions = cls.from_rows(rows)
        deque(map(_set_open, sessions, repeat(open_headers)), maxlen=0)
        if incognito:
            for session in sessions:
                object.__setattr__(session, "incognito", True)
        return sessions

    def __getattr__(self, name: str) -> Any:
        usual = _USUAL.get(name)
        if usual is None:
            return super().__getattr__(name)
        object.__setattr__(self, name, value := usual())
        return value

    @property
    def headers(self) -> dict[str, str]:
        """The headers to send to the endpoint, decrypted at each reading; {} if there are none.

        Raises `HeadersUnreadable` when the key that they were encrypted with is lost.
        """
        return self._open(self._row[19], self.owner, self.id)

    def to_dict(self) -> dict[str, Any]:
        """Every field but the history as JSON has it: times as ISO 8601 in UTC with `Z`; headers are not among them."""
        return super().to_dict() | {"incognito": self.incognito}

    def __eq__(self, other: object) -> bool:
        same = super().__eq__(other)
        return same if same is not True else bool(self.history == getattr(other, "history", None))

    __hash__ = None

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in ("id", "name", "model", "owner", "message_count")}
        return f"Session({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


_set_open = Session.__dict__["_open"].__set__

#: What a session has unless it was said: most are in a list, where none is.
_USUAL: dict[str, Callable[[], Any]] = {"history": list, "incognito": bool}


@dataclass(frozen=True, slots=True)
class Folder(Plain):
    """A folder that sessions are in, and how many."""

    name: str
    sessions: int


class Document(Record):
    """A text with versions, of an owner's library; it may belong to a session.

    In a listing `content` is None: a page of documents never drags their texts along.
    """

    __slots__ = (
        "archived",
        "content",
        "created_at",
        "id",
        "language",
        "owner",
        "revision",
        "session_id",
        "size",
        "title",
        "updated_at",
        "version",
    )

    owner: str
    id: str
    #: The session that it belongs to, or None.
    session_id: str | None
    title: str
    #: "markdown", "python", or any word of the application's; None if unknown.
    language: str | None
    #: The number of the current version: 1, 2, 3 …
    version: int
    archived: bool
    revision: int
    created_at: datetime
    updated_at: datetime
    #: Characters in the current content.
    size: int
    content: str | None

    _readers: ClassVar = {
        "owner": itemgetter(0),
        "id": itemgetter(1),
        "session_id": itemgetter(2),
        "title": itemgetter(3),
        "language": itemgetter(4),
        "version": itemgetter(5),
        "archived": _flag(6),
        "revision": itemgetter(7),
        "created_at": time_at(8),
        "updated_at": time_at(9),
        "size": itemgetter(10),
        "content": _text(11),
    }


class DocumentVersion(Record):
    """One state of a document. In a listing `content` is None."""

    __slots__ = (
        "content",
        "created_at",
        "document_id",
        "language",
        "size",
        "source",
        "summary",
        "title",
        "version",
    )

    document_id: str
    version: int
    title: str
    language: str | None
    #: What was changed, in words; None if nobody said.
    summary: str | None
    #: Who changed it: "user", "ai", "restore", or any word of the application's.
    source: str | None
    created_at: datetime
    size: int
    content: str | None

    _readers: ClassVar = {
        "document_id": itemgetter(0),
        "version": itemgetter(1),
        "title": itemgetter(2),
        "language": itemgetter(3),
        "summary": itemgetter(4),
        "source": itemgetter(5),
        "created_at": time_at(6),
        "size": itemgetter(7),
        "content": _text(8),
    }


@dataclass(frozen=True, slots=True)
class Page(Sequence[T], Generic[T]):
    """Some of what matches, in order; `cursor` asks for what follows, and is None after the last."""

    items: list[T]
    cursor: str | None = None

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def to_dict(self) -> dict[str, Any]:
        """The `items`, each as its own `to_dict` gives it, and the `cursor`."""
        return {"items": [cast(Any, item).to_dict() for item in self.items], "cursor": self.cursor}


@dataclass(frozen=True, slots=True)
class Removed(Plain):
    """What a call moved to the trash, and the entry there that brings it back; None if nothing was moved."""

    trash_id: str | None = None
    sessions: int = 0
    messages: int = 0
    documents: int = 0


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A message that a search found, and the part of it where the words stand.

    `snippet` is cut out of what the message says, with "…" where it was cut; `highlights` are the beginnings and ends
    in it of what was found, in order and apart from one another. Nothing in it is escaped.
    """

    message: ChatMessage
    owner: str
    session_id: str
    session_name: str
    #: The higher, the better it fits; it says something beside the other hits of the same search only.
    score: float
    snippet: str
    highlights: list[tuple[int, int]]
    #: The messages that stand next to it, as many as were asked for, oldest first.
    before: list[ChatMessage] = field(default_factory=list)
    after: list[ChatMessage] = field(default_factory=list)

    def between(self, before: list[ChatMessage], after: list[ChatMessage]) -> "SearchHit":
        """The hit with its neighbours."""
        return replace(self, before=before, after=after)

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it."""
        messages = {name: [message.to_dict() for message in getattr(self, name)] for name in ("before", "after")}
        plain = ("owner", "session_id", "session_name", "score", "snippet")
        return {
            **{name: getattr(self, name) for name in plain},
            "highlights": [list(span) for span in self.highlights],
            "message": self.message.to_dict(),
            **messages,
        }


@dataclass(frozen=True, slots=True)
class Restored(Plain):
    """What came back out of the trash."""

    sessions: int = 0
    messages: int = 0
    documents: int = 0

    def __add__(self, other: "Restored") -> "Restored":
        return Restored(
            self.sessions + other.sessions, self.messages + other.messages, self.documents + other.documents
        )


@dataclass(frozen=True, slots=True)
class Erased(Plain):
    """What was erased for good, by the tables that it lay in; a receipt."""

    counts: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: "Erased") -> "Erased":
        tables = {*self.counts, *other.counts}
        return Erased({table: self.counts.get(table, 0) + other.counts.get(table, 0) for table in tables})

    @property
    def total(self) -> int:
        """Rows of all kinds."""
        return sum(self.counts.values())


class Compaction(Record):
    """A summary that stands for the first messages of a session in what is sent to a model.

    Its `id` names its entry in the trash as well: `restore(id)` takes the compaction back.
    """

    __slots__ = ("counts", "created_at", "id", "session_id", "summary", "through", "tokens")

    id: str
    session_id: str
    #: The number of the last message that it stands for.
    through: int
    summary: str
    #: What it is counted to hold in a context.
    tokens: int
    created_at: datetime
    #: Whether its last message is still there. If not, it is passed over: it would tell of what was removed.
    counts: bool

    _readers: ClassVar = {
        "id": itemgetter(0),
        "session_id": itemgetter(1),
        "through": itemgetter(2),
        "summary": lambda row: from_text(row[3]),
        "tokens": itemgetter(4),
        "created_at": time_at(5),
        "counts": _flag(6),
    }


@dataclass(frozen=True, slots=True)
class MessageVersion:
    """One version of a message: it, whether it is the shown one, and how many messages it and its sequel are."""

    message: ChatMessage
    shown: bool
    messages: int

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it."""
        return {"shown": self.shown, "messages": self.messages, "message": self.message.to_dict()}


class TrashEntry(Record):
    """What one operation removed. `Removed.trash_id` names it; `restore(id)` brings it back."""

    __slots__ = (
        "created_at", "document_id", "documents", "expires_at", "id", "kind", "messages", "name", "owner",
        "session_id", "sessions",
    )  # fmt: skip

    owner: str
    id: str
    #: "truncate messages", "delete session", "edit message", …: what the operation did.
    kind: str
    #: The session that it was done to; None for several.
    session_id: str | None
    document_id: str | None
    created_at: datetime
    sessions: int
    messages: int
    documents: int
    #: What the session or the document is called; None for several.
    name: str | None
    #: From then on it may be purged.
    expires_at: datetime

    _readers: ClassVar = {
        "owner": itemgetter(0),
        "id": itemgetter(1),
        "kind": itemgetter(2),
        "session_id": itemgetter(3),
        "document_id": itemgetter(4),
        "created_at": time_at(5),
        "sessions": itemgetter(6),
        "messages": itemgetter(7),
        "documents": itemgetter(8),
        "name": _text(9),
        "expires_at": time_at(10),
    }

    @classmethod
    def kept(cls, row: Row, lifetime: int) -> "TrashEntry":
        return cls.from_row((*row, row[5] + lifetime))


@dataclass(frozen=True, slots=True)
class Change:
    """News of a session: that it is at a new revision, and why; or that all of an owner's data was erased."""

    #: Give it back as `watch(after=…)` to hear what came after it.
    cursor: str
    owner: str
    session_id: str
    #: "created", "updated", "messages added", "messages changed" (something that was there is gone or says something
    #: else), "archived", "deleted", "restored", "reply began", "reply ended"; or "erased": nothing is left of what the
    #: owner had, in any session (`session_id` is ""; `owner` is "" too, unless the owner or one of the owner's sessions
    #: is watched: the name is kept nowhere); or "missed": the single changes are not known any more, and what matters
    #: is to be read again.
    kind: str
    #: The session's, after the change; a deletion has one too, and when the session is back it is at a later one. 0
    #: where there is none.
    revision: int
    created_at: datetime
    #: Of an erasure, what stands for the owner's name; 0 otherwise.
    fingerprint: int = field(default=0, repr=False)

    def concerns(self, owner: str) -> bool:
        """Whether who watches this owner's sessions is to hear of it; for somebody who passes on what he watches."""
        if self.kind == "erased":
            return self.fingerprint == fingerprint(owner)
        return self.kind == "missed" or self.owner == owner

    def to_dict(self) -> dict[str, Any]:
        """Every field but the fingerprint as JSON has it."""
        plain = ("cursor", "owner", "session_id", "kind", "revision")
        return {**{name: getattr(self, name) for name in plain}, "created_at": iso(self.created_at)}


@dataclass(frozen=True, slots=True)
class DatabaseInfo(Plain):
    """What a manager is connected to."""

    #: The URL or path, without a password.
    database: str
    #: "sqlite" or "postgres".
    engine: str
    engine_version: str
    schema_version: int
    sessions: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Problem(Plain):
    """Something that `verify()` found broken: which invariant, whose, where, and what was found."""

    name: str
    owner: str = ""
    id: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A session that comes from elsewhere with its messages, to be imported whole.

    Times that are None are taken from the messages, or are the time of the import.
    """

    id: str
    name: str
    messages: Sequence[ChatMessage] = ()
    endpoint_url: str = ""
    model: str = ""
    owner: str | None = None
    rag: bool = False
    archived: bool = False
    is_important: bool = False
    folder: str | None = None
    mode: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict)
    total_input_tokens: int = 0
    total_output_tokens: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    last_accessed: datetime | None = None
    last_message_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LibraryVersion:
    """One state of a document that comes from elsewhere."""

    content: str
    created_at: datetime | None = None
    summary: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class LibraryDocument:
    """A document that comes from elsewhere with its versions, oldest first; the last is the current one."""

    id: str
    title: str
    versions: Sequence[LibraryVersion]
    language: str | None = None
    session_id: str | None = None
    owner: str | None = None
    archived: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImportReport(Plain):
    """What an import brought in, and what was odd about it."""

    sessions: int = 0
    messages: int = 0
    documents: int = 0
    versions: int = 0
    #: Sessions and documents that were there already, or had been deleted here since, and were left alone.
    unchanged: int = 0
    #: One sentence for each thing that was not as the format says.
    oddities: list[str] = field(default_factory=list)

    def __add__(self, other: "ImportReport") -> "ImportReport":
        return ImportReport(
            self.sessions + other.sessions,
            self.messages + other.messages,
            self.documents + other.documents,
            self.versions + other.versions,
            self.unchanged + other.unchanged,
            self.oddities + other.oddities,
        )
