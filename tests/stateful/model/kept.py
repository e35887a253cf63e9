"""What is kept, and the rules that every noun shares: whose it is, and at which revision."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import count
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from ithaca.errors import AmbiguousId, InvalidArgument, IthacaError, RevisionConflict

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Clock:
    """A clock that moves when it is told to, also backwards; called, it gives microseconds since 1970."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 5, tzinfo=UTC)

    def __call__(self) -> int:
        return (self.time - EPOCH) // MICROSECOND


@dataclass
class Message:
    id: str
    role: str
    content: Any
    metadata: dict[str, Any]
    tool_calls: list[Any] | None
    tool_call_id: str | None
    name: str | None
    created_at: datetime
    seq: int = 0
    edited_at: datetime | None = None
    #: The same in all versions of one message.
    version_group: str | None = None


@dataclass
class Session:
    owner: str
    id: str
    name: str
    endpoint_url: str
    model: str
    rag: bool
    folder: str | None
    mode: str | None
    headers: dict[str, str]
    extra: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    last_accessed: datetime
    #: Since when it is here.
    since: datetime
    archived: bool = False
    is_important: bool = False
    revision: int = 1
    last_message_at: datetime | None = None
    history: list[Message] = field(default_factory=list)
    next_seq: int = 1
    #: When it was read since: `last_accessed` may have moved there.
    reads: list[datetime] = field(default_factory=list)
    compactions: list["Compaction"] = field(default_factory=list)

    @property
    def message_count(self) -> int:
        return len(self.history)

    @property
    def active_at(self) -> datetime:
        return self.last_message_at or self.created_at


@dataclass
class Compaction:
    session_id: str
    through: int
    summary: str
    created_at: datetime
    counts: bool = True


@dataclass
class Version:
    document_id: str
    version: int
    title: str
    language: str | None
    content: str
    summary: str | None
    source: str | None
    created_at: datetime

    @property
    def size(self) -> int:
        return len(self.content)


@dataclass
class Document:
    owner: str
    id: str
    session_id: str | None
    created_at: datetime
    updated_at: datetime
    versions: list[Version]
    archived: bool = False
    revision: int = 1

    @property
    def current(self) -> Version:
        return self.versions[-1]

    @property
    def version(self) -> int:
        return self.current.version

    @property
    def title(self) -> str:
        return self.current.title

    @property
    def language(self) -> str | None:
        return self.current.language

    @property
    def content(self) -> str:
        return self.current.content

    @property
    def size(self) -> int:
        return self.current.size


@dataclass(eq=False)
class Trashed:
    """What one operation removed from one owner."""

    owner: str
    kind: str
    #: Later operations have higher ones; the entries of several owners share it.
    number: int
    created_at: datetime
    session_id: str | None = None
    #: Of the session, after the operation.
    revision: int = 0
    sessions: list[Session] = field(default_factory=list)
    #: By the session that they were removed from, which is still there or was removed with them.
    messages: dict[str, list[Message]] = field(default_factory=dict)
    documents: list[Document] = field(default_factory=list)
    #: By session, the documents that were attached to it.
    attached: dict[str, list[str]] = field(default_factory=dict)
    compaction: Compaction | None = None
    #: The numbers of what the operation put in the place of what it removed.
    put: tuple[int, int] | None = None
    #: The message, one of several versions, that was the last before what was removed.
    version: str | None = None
    #: Of a version that is not shown.
    group: str | None = None
    #: The entry that took this one along with its session.
    parent: "Trashed | None" = None

    @property
    def removed(self) -> list[Message]:
        return [message for of_session in self.messages.values() for message in of_session]


class News(NamedTuple):
    """What those who watch hear. Of an erasure, the owner is whom it was about."""

    owner: str
    session_id: str
    kind: str
    revision: int


class Kept:
    """All that is kept."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sessions: dict[tuple[str, str], Session] = {}
        self.documents: dict[tuple[str, str], Document] = {}
        self.trash: list[Trashed] = []
        self.news: list[News] = []
        self._numbers = count(1)

    def tell(self, session: Session, kind: str, revision: int | None = None) -> None:
        self.news.append(News(session.owner, session.id, kind, session.revision if revision is None else revision))

    @property
    def now(self) -> datetime:
        return self.clock.time

    def throw_away(self, owner: str, kind: str, **entry: Any) -> Trashed:
        """A new entry in the trash."""
        made = Trashed(owner, kind, entry.pop("number", None) or next(self._numbers), self.now, **entry)
        self.trash.append(made)
        return made


def owner_of_new(scope: str | None, owner: str | None) -> str:
    """Whose something new is: a confined manager makes nothing for another."""
    if scope is None:
        return owner or ""
    if owner not in (None, scope):
        raise InvalidArgument("owner", owner, "its own")
    return scope


def the_only(found: list[Any], id: str, missing: type[Exception]) -> Any:
    """What has this id, in the scope; of several owners, trusted code has to name one."""
    if not found:
        raise missing(id)
    if len(found) > 1:
        raise AmbiguousId(id)
    return found[0]


def check_revision(thing: Session | Document, expected: int | None) -> None:
    if expected is not None and thing.revision != expected:
        raise RevisionConflict(thing.id, thing.revision, expected)


Model = TypeVar("Model", bound=Kept)
P = ParamSpec("P")
T = TypeVar("T")


def all_or_nothing(call: Callable[Concatenate[Model, P], T]) -> Callable[Concatenate[Model, P], T]:
    """What raises has changed nothing."""

    @wraps(call)
    def careful(model: Model, *args: P.args, **kwargs: P.kwargs) -> T:
        before, told = deepcopy((model.sessions, model.documents, model.trash)), len(model.news)
        try:
            return call(model, *args, **kwargs)
        except IthacaError:
            model.sessions, model.documents, model.trash = before
            del model.news[told:]
            raise

    return careful
