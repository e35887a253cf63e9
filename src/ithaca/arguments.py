"""The door: what a caller gives is checked here and made ready for an operation.

Each method returns the arguments of one operation, in its order. Nothing here touches a database, so a bad
value is refused in the caller's own thread and before anything is written.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

from ithaca.access import key_columns
from ithaca.attached import digest_in
from ithaca.config import Limits, Settings
from ithaca.content import (
    EARLIEST,
    MOST,
    Changes,
    Draft,
    check_json,
    content_columns,
    draft,
    drafts,
    flag,
    identifier,
    indexed_label,
    json_object,
    label,
    long_text,
    moment,
    new_id,
    optional_label,
    owner_name,
    whole,
)
from ithaca.content import (
    headers as checked_headers,
)
from ithaca.context import PROVIDERS
from ithaca.endpoints import Outgoing, bare_url, endpoint_columns, endpoint_name, session_endpoint
from ithaca.endpoints import headers as endpoint_headers
from ithaca.endpoints import key as endpoint_key
from ithaca.errors import (
    AccessKeyNotFound,
    Described,
    DocumentNotFound,
    EndpointNotFound,
    InvalidArgument,
    InvalidDocument,
    InvalidEndpoint,
    InvalidInput,
    InvalidMessage,
    InvalidSession,
    MessageNotFound,
    NotAllowed,
    NotFound,
    ReplyNotFound,
    SessionNotFound,
    TrashNotFound,
)
from ithaca.media_types import is_media_type
from ithaca.models import GIVEN_ID, ChatMessage, Content, Conversation, LibraryDocument
from ithaca.operations.changes import Position, Watched
from ithaca.operations.context import SUMMARY_LEAD, Ask
from ithaca.operations.imports import Incoming, IncomingDocument
from ithaca.operations.listing import ORDERS, Order, SessionFilter, name_key
from ithaca.operations.repeats import Claim
from ithaca.operations.replies import NewReply
from ithaca.operations.scope import Scope
from ithaca.operations.search import Wanted
from ithaca.operations.statements import size_class, slot_of
from ithaca.query import Query, parse
from ithaca.reply import ReplyKind
from ithaca.retention import ages
from ithaca.secrets import Vault
from ithaca.usage import day_number, keys, record_columns

#: Messages on either side of a hit that a search brings along.
MOST_NEIGHBOURS = 20


#: But for ids, which fit into an address, and for a depth that Python can tell.
_NO_LIMITS = Limits(**{limit.name: MOST for limit in fields(Limits)} | {"max_depth": 300, "max_id_bytes": 2_000})

#: Parts of a request to a model that are not the caller's to say.
_OURS = ("model", "messages", "stream", "stream_options", "n", "timeout", "extra_headers", "extra_query", "extra_body")


class Unset:
    """Stands for an argument that was not given, where None means something."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()

#: How attachments come back: with their bytes where they stood, or as references to them.
Reading: TypeAlias = Literal["inline", "reference"]

SortBy: TypeAlias = Literal["activity", "created", "name", "messages"]


class Door:
    """Checks arguments under the rules of a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    @classmethod
    def of_a_client(cls) -> "Door":
        """The door before a server, whose business limits, tokens and secrets are."""
        return cls(Scope(None, Vault(Settings("")), _NO_LIMITS, count_tokens=lambda _: 0))

    def confined_to(self, owner: str) -> "Door":
        return Door(replace(self.scope, owner=owner))

    def guarded(self, outgoing: Outgoing) -> "Door":
        return Door(replace(self.scope, outgoing=outgoing))

    @property
    def _limits(self) -> Limits:
        return self.scope.limits

    # Names that must be stored already: one that cannot be stored cannot be found.

    def session_id(self, value: object) -> str:
        return self._known("session_id", value, SessionNotFound)

    def made_or_found(self, session_id: object) -> str:
        """The id of a session that is made if it isn't there, so it has to be one that can be stored."""
        return identifier("session_id", session_id, self._limits, InvalidSession)

    def document_id(self, value: object) -> str:
        return self._known("document_id", value, DocumentNotFound)

    def key_id(self, value: object) -> str:
        return self._known("key_id", value, AccessKeyNotFound)

    def _known(self, field: str, value: object, missing: Callable[[str], NotFound]) -> str:
        if not isinstance(value, str):
            raise InvalidArgument(field, value, "a text")
        try:
            return identifier(field, value, self._limits)
        except InvalidInput:
            raise missing(value) from None

    def message_id(self, session_id: str, value: object, field: str = "message_id") -> str:
        return self._known(field, value, partial(MessageNotFound, session_id))

    def trash_id(self, value: object) -> str:
        return self._known("trash_id", value, TrashNotFound)

    def reply_id(self, value: object) -> str:
        return self._known("reply_id", value, ReplyNotFound)

    def purged_entry(self, trash_id: object, older_than: object) -> str:
        if older_than is not None:
            raise InvalidArgument("older_than", older_than, "left out where an entry is named")
        return self.trash_id(trash_id)

    def owner_filter(self, value: object) -> str:
        return owner_name(value, self._limits)

    def dry_run(self, value: object) -> bool:
        return flag("dry_run", value)

    def purged_before(self, older_than: object) -> int:
        if older_than is None:
            return self.scope.clock() - self.scope.trash_lifetime
        if not isinstance(older_than, timedelta) or older_than < timedelta(0):
            raise InvalidArgument("older_than", older_than, "a timedelta of 0 or more")
        return max(self.scope.clock() - older_than // timedelta(microseconds=1), EARLIEST)

    def erased_owner(self, value: object) -> str:
        """Whose data shall be erased: never everybody's, and never by leaving an argument out."""
        if self.scope.owner is not None:
            return self.owner(None if isinstance(value, Unset) else value)
        if not isinstance(value, str):
            given = Described("nothing") if isinstance(value, Unset) else value
            raise InvalidArgument("owner", given, 'a text, "" for what is nobody\'s')
        return owner_name(value, self._limits)

    def fork(self, new_id_: str | None, name: str | None) -> dict[str, Any]:
        """The id and the name of a copy; its name is the original's where none is given."""
        columns = {"name": None, "name_key": None} if name is None else self.session_columns(name=name)
        return {
            "id": new_id() if new_id_ is None else identifier("id", new_id_, self._limits, InvalidSession),
            **columns,
        }

    def ids(self, field: str, values: object) -> list[str]:
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise InvalidArgument(field, values, "a list of ids")
        ids = [identifier(field, value, self._limits) for value in values]
        if len(ids) > self._limits.max_batch:
            raise InvalidArgument(field, Described(f"{len(ids)} ids"), f"at most {self._limits.max_batch} in one call")
        return ids

    def expected(self, value: object) -> int | None:
        return None if value is None else whole("expected_revision", value, 1)

    def owner(self, value: object) -> str:
        """Whose something new will be. A manager that is confined to an owner makes nothing for another."""
        if self.scope.owner is None:
            return owner_name(value, self._limits)
        if value is not None and owner_name(value, self._limits) != self.scope.owner:
            raise InvalidArgument("owner", value, "the owner that this manager is confined to, or None")
        return self.scope.owner

    def age(self, field: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e6:
            raise InvalidArgument(field, value, "a number from 0 to 1000000")
        return float(value)

    def inline(self, attachments: object) -> bool:
        """Whether the bytes are wanted."""
        if attachments not in ("inline", "reference"):
            raise InvalidArgument("attachments", attachments, "'inline' or 'reference'")
        return attachments == "inline"

    def page(self, limit: object) -> int:
        return whole("limit", limit, 1, self._limits.max_page)

    def cursor(self, value: object) -> str | None:
        if value is not None and not isinstance(value, str):
            raise InvalidArgument("cursor", value, "a page's cursor, or None")
        return value

    # Sessions

    def new_session(
        self,
        session_id: str | None,
        name: str,
        endpoint_url: str,
        model: str,
        rag: bool,
        owner: str | None,
        folder: str | None = None,
        mode: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The columns of a new session."""
        limits = self._limits
        return {
            "owner": self.owner(owner),
            "id": new_id() if session_id is None else identifier("id", session_id, limits, InvalidSession),
            **self.session_columns(
                name=name,
                endpoint_url=endpoint_url,
                model=model,
                rag=rag,
                folder=folder,
                mode=mode,
                extra=extra,
            ),
        }

    def session_columns(self, **given: Any) -> dict[str, Any]:
        """The columns that change with what is given; what is `UNSET` is left out."""
        limits = self._limits
        checks: dict[str, Callable[[Any], Any]] = {
            "name": lambda v: label("name", v, limits, InvalidSession, empty=True),
            "endpoint_url": lambda v: session_endpoint(v, limits),
            "model": lambda v: indexed_label("model", v, limits, InvalidSession, empty=True),
            "rag": lambda v: flag("rag", v, InvalidSession),
            "archived": lambda v: flag("archived", v, InvalidSession),
            "is_important": lambda v: flag("is_important", v, InvalidSession),
            "folder": lambda v: None if v in (None, "") else indexed_label("folder", v, limits, InvalidSession),
            "mode": lambda v: optional_label("mode", None if v == "" else v, limits, InvalidSession),
            "extra": lambda v: json_object("extra", dict(v) if isinstance(v, Mapping) else v, limits, InvalidSession),
        }
        columns = {field: checks[field](value) for field, value in given.items() if value is not UNSET}
        return columns | {"name_key": name_key(columns["name"])} if "name" in columns else columns

    def update(
        self, session_id: str, expected: int | None, headers: Mapping[str, str] | Unset, **given: Any
    ) -> tuple[Scope, str, dict[str, Any], dict[str, str] | None, int | None]:
        changes, new_headers = self.session_columns(**given), self.new_headers(headers)
        if not changes and new_headers is None:
            raise InvalidArgument("name", Described("nothing"), "given, or something else to change")
        return self.scope, self.session_id(session_id), changes, new_headers, self.expected(expected)

    def headers(self, value: Mapping[str, str] | None) -> dict[str, str]:
        return {} if value is None else checked_headers(value, self._limits)

    def new_headers(self, value: Mapping[str, str] | Unset) -> dict[str, str] | None:
        """None where they are not given; none at all is {}."""
        return None if isinstance(value, Unset) else self.headers(value)

    def filter(self, **given: Any) -> SessionFilter:
        if given["owner"] is not None:
            given["owner"] = owner_name(given["owner"], self._limits)
        for field in ("archived", "important"):
            if given[field] is not None:
                flag(field, given[field])
        for field in ("folder", "model", "mode", "name"):
            if given[field] is not None:
                label(field, given[field], self._limits, empty=True)
        if given["active_since"] is not None:
            moment("active_since", given["active_since"])
        return SessionFilter(**given)

    def folders(self, owner: object, archived: object) -> tuple[Scope, str | None, bool | None]:
        of_owner = None if owner is None else self.owner_filter(owner)
        return self.scope, of_owner, None if archived is None else flag("archived", archived)

    def order(self, sort: object, important_first: object) -> Order:
        if not isinstance(sort, str) or sort not in ORDERS:
            raise InvalidArgument("sort", sort, f"one of {', '.join(ORDERS)}")
        return Order(sort, flag("important_first", important_first))

    # Messages

    def drafts(self, messages: Iterable[ChatMessage], *, checked: bool = True) -> list[Draft]:
        return drafts(messages, self._limits, self.scope.count_tokens, self.scope.clock(), checked=checked)

    def append_one(
        self, session_id: str, message: ChatMessage, expected: int | None
    ) -> tuple[Scope, str, list[Draft], list[str], int | None]:
        scope = self.scope
        new = draft(message, scope.limits, scope.count_tokens, scope.clock())
        id = message.given[GIVEN_ID]
        return scope, self.session_id(session_id), [new], [] if id is None else [id], self.expected(expected)

    def append(
        self, session_id: str, messages: Iterable[ChatMessage], expected: int | None
    ) -> tuple[Scope, str, list[Draft], list[str], int | None]:
        new = self.drafts(messages := _listed(messages))
        ids = [id for message in messages if (id := message.given[GIVEN_ID]) is not None]
        return self.scope, self.session_id(session_id), new, ids, self.expected(expected)

    def edited(self, content: Content | Unset, tool_calls: Any, metadata: Any) -> Changes:
        """The columns that an edit changes. Content and tool calls are counted together, so they go together."""
        columns: Changes = {}
        if not isinstance(content, Unset):
            calls = None if isinstance(tool_calls, Unset) else tool_calls
            columns |= content_columns(content, calls, self._limits, self.scope.count_tokens)
            if isinstance(tool_calls, Unset):
                del columns["tool_calls"]
        elif not isinstance(tool_calls, Unset):
            raise InvalidArgument("content", Described("nothing"), "given together with tool_calls")
        if not isinstance(metadata, Unset):
            columns["metadata"] = json_object("metadata", metadata, self._limits, InvalidMessage)
        if not columns:
            raise InvalidArgument("content", Described("nothing"), "given, or metadata")
        return columns

    def listed(self, field: str, values: object) -> Iterable[Any]:
        if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
            raise InvalidArgument(field, values, "a list")
        return values

    def bound(self, field: str, value: object) -> int | None:
        return None if value is None else whole(field, value, 0)

    # Attachments

    def whose(self, owner: object) -> str | None:
        """Whose something is that is asked for; None for anybody's."""
        return None if self.scope.owner is None and owner is None else self.owner(owner)

    def attachment(self, owner: object, digest: object) -> tuple[str | None, str]:
        return self.whose(owner), digest_in(digest)

    def media_type(self, value: object) -> str:
        if not isinstance(value, str) or not is_media_type(value):
            raise InvalidArgument("media_type", value, "a media type, as image/png")
        return value

    def span(self, start: object, stop: object) -> tuple[int, int]:
        first = whole("start", start, 0)
        return first, MOST if stop is None else whole("stop", stop, first)

    def since(self, hours: object) -> int:
        """The time that was so many hours ago."""
        return self.scope.clock() - int(self.age("min_age_hours", hours) * 3600 * 1_000_000)

    # Contexts

    def context(self, session_id: str, max_tokens: int, reserve: int, provider: object) -> tuple[Scope, str, Ask]:
        limit = whole("max_tokens", max_tokens, 1)
        if provider not in PROVIDERS:
            raise InvalidArgument("provider", provider, f"one of {', '.join(PROVIDERS)}")
        ask = Ask(limit, whole("reserve", reserve, 0, limit - 1), provider)
        return self.scope, self.session_id(session_id), ask

    def compaction(
        self, session_id: str, summary: str, keep_last: int | None, through: int | str | None, expected: int | None
    ) -> tuple[Scope, str, dict[str, Any], int | None, int | str | None, int | None]:
        text = long_text("summary", summary, self._limits.max_message_bytes, InvalidArgument)
        if not summary or summary.isspace():
            raise InvalidArgument("summary", summary, "a text that says something")
        last, through = self.cut(session_id, keep_last, through)
        new = {"summary": text, "tokens": self.scope.count_tokens(SUMMARY_LEAD + summary)}
        return self.scope, self.session_id(session_id), new, last, through, self.expected(expected)

    # Replies

    def reply(
        self,
        session_id: str,
        content: Content | ChatMessage,
        kind: ReplyKind,
        message_id: str | None,
        window: int,
        options: Mapping[str, Any],
    ) -> NewReply:
        """What is asked for, but for whom it is asked of."""
        if kind not in get_args(ReplyKind):
            raise InvalidArgument("kind", kind, f"one of {', '.join(get_args(ReplyKind))}")
        if kind == "answer" and message_id is not None:
            raise InvalidArgument("message_id", message_id, "left out where the last message is answered")
        if kind != "answer" and content is not None:
            raise InvalidArgument("content", Described("something"), "None where nothing new is said")
        said = content if isinstance(content, ChatMessage) or content is None else ChatMessage("user", content)
        return NewReply(
            new_id(),
            kind,
            None if message_id is None else self.message_id(session_id, message_id),
            model="",
            endpoint=None,
            ask=self.window(session_id, window, options),
            drafts=[] if said is None else self.drafts([said]),
            given_ids=[] if said is None or said.id is None else [said.id],
        )

    def window(self, session_id: str, context_tokens: int, options: Mapping[str, Any] | None = None) -> Ask:
        """What a model is shown: all but what the answer takes, an eighth of its window unless the options say more."""
        tokens = whole("context_tokens", context_tokens, 2)
        asked = [(options or {}).get(name) for name in ("max_completion_tokens", "max_tokens")]
        answer = max([tokens // 8, *(count for count in asked if isinstance(count, int))])
        return self.context(session_id, tokens, min(answer, tokens // 2), "openai")[2]

    def options(self, value: object) -> dict[str, Any]:
        """What goes into the request beside the messages: `temperature`, `tools`, `max_tokens`, …"""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise InvalidArgument("options", Described(f"a {type(value).__name__}"), "a JSON object")
        if taken := [name for name in _OURS if name in value]:
            raise InvalidArgument("options", Described(", ".join(taken)), f"given without {', '.join(_OURS)}")
        check_json("options", dict(value), self._limits.max_depth, InvalidArgument)
        return dict(value)

    def model(self, value: object) -> str | None:
        return None if value is None else label("model", value, self._limits, empty=True)

    def offset(self, value: object) -> int:
        return whole("after", value, 0)

    def cut(self, session_id: str, keep_last: object, through: int | str | None) -> tuple[int | None, int | str | None]:
        """Up to where a summary reaches."""
        if (keep_last is None) == (through is None):
            given = Described("neither" if keep_last is None else "both")
            raise InvalidArgument("keep_last", given, "given, or else `through`")
        last = None if keep_last is None else whole("keep_last", keep_last, 0)
        if isinstance(through, str):
            return last, self.message_id(session_id, through, "through")
        return last, None if through is None else whole("through", through, 1)

    # News

    def watched(
        self, owner: object, session_id: object, after: object, timeout: object
    ) -> tuple[Watched, Position | int | None]:
        """What somebody wants to watch, and after what."""
        if timeout is not None:
            self.age("timeout", timeout)
        if isinstance(after, int) and session_id is None:
            raise InvalidArgument("after", after, "the cursor of a change; a revision goes with a session")
        place = Position.read(after) if isinstance(after, str) else self.bound("after", after)
        of_owner = None if owner is None else self.owner_filter(owner)
        if session_id is not None and not isinstance(session_id, str):
            raise InvalidArgument("session_id", Described(f"a {type(session_id).__name__}"), "a session's id")
        return Watched(self.scope.owner, of_owner, session_id), place

    # What happens once

    def claim(self, key: object, fingerprint: object) -> Claim:
        usual = Limits()  # what others want to store has its own
        return Claim(identifier("key", key, usual), label("fingerprint", fingerprint, usual, empty=True))

    # Who may ask

    def access_key(self, token: str, owner: object, name: object, scopes: object, expires_at: object) -> dict[str, Any]:
        """The columns of a new key. Only trusted code gives away what concerns all owners."""
        columns = key_columns(self._limits, self.scope.clock(), token, name=name, scopes=scopes, expires_at=expires_at)
        if "admin" in columns["scopes"] and self.scope.owner is not None:
            raise NotAllowed("admin")
        return {"owner": self.owner(owner), **columns}

    # Retention

    def retention_place(self, owner: object, folder: object) -> dict[str, Any]:
        """Whose policy, and for which folder; "" for those without one of their own."""
        named = "" if folder in (None, "") else indexed_label("folder", folder, self._limits)
        return {"owner": self.owner(owner), "folder": named}

    def retention(
        self, archive_after: object, delete_after: object, keep_starred: object, keep_newest: object
    ) -> dict[str, Any]:
        return {
            **ages(archive_after, delete_after),
            "keep_starred": flag("keep_starred", keep_starred),
            "keep_newest": whole("keep_newest", keep_newest, 0),
        }

    def hold(self, legal_hold: object) -> bool | None:
        """Whether there shall be a legal hold; None leaves it as it is."""
        return None if isinstance(legal_hold, Unset) else flag("legal_hold", legal_hold)

    # Endpoints

    def endpoint(self, owner: object, name: object) -> tuple[str, str]:
        """Whose endpoint it is, and its name: one that cannot be has not been registered."""
        if not isinstance(name, str):
            raise InvalidArgument("name", name, "a text")
        try:
            return self.owner(owner), endpoint_name(name)
        except InvalidEndpoint:
            raise EndpointNotFound(name) from None

    def new_endpoint(
        self, owner: object, name: object, shared: object, key: object, headers: Any, **given: Any
    ) -> tuple[Scope, dict[str, Any], dict[str, Any]]:
        whose = {"owner": self.owner(owner), "name": endpoint_name(name), "shared": flag("shared", shared)}
        if whose["shared"] and whose["owner"]:
            raise InvalidArgument("shared", shared, "given without an owner: what is shared is nobody's")
        secrets = {"key": endpoint_key(key), "headers": endpoint_headers(headers, self._limits)}
        return self.scope, whose | endpoint_columns(self._limits, **given), secrets

    def endpoint_changes(
        self, owner: object, name: object, key: object, headers: Any, **given: Any
    ) -> tuple[Scope, str, str, dict[str, Any], dict[str, Any]]:
        columns = endpoint_columns(self._limits, **{n: value for n, value in given.items() if value is not UNSET})
        secrets: dict[str, Any] = {} if key is UNSET else {"key": endpoint_key(key)}
        secrets |= {} if headers is UNSET else {"headers": endpoint_headers(headers, self._limits)}
        if not columns and not secrets:
            raise InvalidArgument("base_url", Described("nothing"), "given, or something else to change")
        return self.scope, *self.endpoint(owner, name), columns, secrets

    # Usage

    def usage_record(
        self,
        model: object,
        input_tokens: object,
        output_tokens: object,
        cost: object,
        message_id: object,
        id: object,
        at: object,
    ) -> dict[str, Any]:
        return record_columns(
            self._limits, self.scope.clock(), model=model, input_tokens=input_tokens, output_tokens=output_tokens,
            cost=cost, message_id=message_id, id=id, at=at,
        )  # fmt: skip

    def usage_filter(
        self, owner: object, session_id: object, model: object, since: object, until: object, by: object
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        return {
            "owner": None if owner is None else owner_name(owner, self._limits),
            "session_id": None if session_id is None else self.session_id(session_id),
            "model": None if model is None else label("model", model, self._limits, empty=True),
            "since": day_number("since", since),
            "until": day_number("until", until),
        }, keys(by)

    # Search

    def search(
        self,
        text: object,
        owner: object,
        session_id: object,
        role: object,
        since: object,
        until: object,
        archived: object,
        limit: object,
        neighbours: object,
    ) -> tuple[Query, Wanted, int, int]:
        if not isinstance(text, str):
            raise InvalidArgument("text", text, "a text")
        wanted = Wanted(
            owner=None if owner is None else owner_name(owner, self._limits),
            session_id=None if session_id is None else self._known("session_id", session_id, SessionNotFound),
            role=None if role is None else label("role", role, self._limits),
            since=None if since is None else moment("since", since),
            until=None if until is None else moment("until", until),
            archived=None if archived is None else flag("archived", archived),
        )
        return parse(text), wanted, self.page(limit), whole("neighbours", neighbours, 0, MOST_NEIGHBOURS)

    # Documents

    def new_document(
        self,
        title: str,
        content: str,
        language: str | None,
        session_id: str | None,
        document_id: str | None,
        source: str | None,
        owner: str | None,
    ) -> dict[str, Any]:
        limits = self._limits
        return {
            "owner": self.owner(owner),
            "id": new_id() if document_id is None else identifier("id", document_id, limits, InvalidDocument),
            "session_id": None if session_id is None else self.session_id(session_id),
            "source": optional_label("source", source, limits, InvalidDocument),
            **self.document_columns(title=title, content=content, language=language),
        }

    def document_columns(self, **given: Any) -> dict[str, Any]:
        limits = self._limits
        columns: dict[str, Any] = {}
        if given.get("title", UNSET) is not UNSET:
            columns["title"] = label("title", given["title"], limits, InvalidDocument, empty=True)
        if given.get("language", UNSET) is not UNSET:
            columns["language"] = optional_label("language", given["language"], limits, InvalidDocument)
        if given.get("content", UNSET) is not UNSET:
            text = given["content"]
            columns["content"] = long_text("content", text, limits.max_document_bytes, InvalidDocument)
            columns["size"] = len(text)
        if not columns:
            raise InvalidArgument("content", Described("nothing"), "given, or title, or language")
        return columns

    def note(self, summary: str | None, source: str | None) -> dict[str, Any]:
        return {
            "summary": optional_label("summary", summary, self._limits, InvalidDocument),
            "source": optional_label("source", source, self._limits, InvalidDocument),
        }

    def document_filter(self, session_id: str | None, owner: str | None, archived: bool | None) -> dict[str, Any]:
        return {
            "session_id": session_id if session_id is None or session_id == "" else self.session_id(session_id),
            "owner": None if owner is None else owner_name(owner, self._limits),
            "archived": None if archived is None else flag("archived", archived),
        }

    # Imports

    def incoming(self, conversation: Conversation) -> Incoming:
        """A conversation from elsewhere; confined to an owner, everything that is imported is that owner's."""
        if not isinstance(conversation, Conversation):
            raise InvalidArgument("conversations", conversation, "a list of Conversation")
        limits = self._limits
        # What is mislabelled elsewhere is so already: better kept as it is than refused.
        messages = self.drafts(conversation.messages, checked=False)
        times = _times(conversation, messages, self.scope.clock())
        said_at = times["last_message_at"]
        active_at = times["created_at"] or 0 if said_at is None else said_at
        url: Any = conversation.endpoint_url
        columns = self.session_columns(
            endpoint_url=bare_url(url) if isinstance(url, str) else url,  # elsewhere, it may hold secrets
            **{field: getattr(conversation, field) for field in ("name", "model", "rag", "archived", "is_important",
                                                                "folder", "mode", "extra")}
        )  # fmt: skip
        session = {
            "owner": owner_name(conversation.owner, limits) if self.scope.owner is None else self.scope.owner,
            "id": identifier("id", conversation.id, limits, InvalidSession),
            **columns,
            "next_seq": len(messages) + 1,
            "message_count": len(messages),
            "total_input_tokens": whole("total_input_tokens", conversation.total_input_tokens, 0),
            "total_output_tokens": whole("total_output_tokens", conversation.total_output_tokens, 0),
            **times,
            "active_at": active_at,
            "active_slot": slot_of(active_at),
            "size_class": size_class(len(messages)),
        }
        return Incoming(session, self.headers(conversation.headers), messages)

    def incoming_document(self, document: LibraryDocument) -> IncomingDocument:
        if not isinstance(document, LibraryDocument):
            raise InvalidArgument("documents", document, "a list of LibraryDocument")
        limits = self._limits
        if not document.versions:
            raise InvalidDocument("versions", document.versions, "a list of at least one version")
        created = (
            self.scope.clock()
            if document.created_at is None
            else moment("created_at", document.created_at, InvalidDocument)
        )
        updated = created if document.updated_at is None else moment("updated_at", document.updated_at, InvalidDocument)
        owner = owner_name(document.owner, limits) if self.scope.owner is None else self.scope.owner
        shared = {
            "title": label("title", document.title, limits, InvalidDocument, empty=True),
            "language": optional_label("language", document.language, limits, InvalidDocument),
            "owner": owner,
        }
        id = identifier("id", document.id, limits, InvalidDocument)
        versions = [
            {
                **shared,
                **self.note(version.summary, version.source),
                "document_id": id,
                "version": number,
                "content": long_text("content", version.content, limits.max_document_bytes, InvalidDocument),
                "size": len(version.content),
                "created_at": created if version.created_at is None else moment("created_at", version.created_at),
            }
            for number, version in enumerate(document.versions, 1)
        ]
        columns = {
            **shared,
            "id": id,
            "session_id": None
            if document.session_id is None
            else identifier("session_id", document.session_id, limits, InvalidDocument),
            "version": len(versions),
            "archived": flag("archived", document.archived, InvalidDocument),
            "created_at": created,
            "updated_at": updated,
        }
        return IncomingDocument(columns, versions)


def _listed(messages: Any) -> Any:
    """What can be gone through only once, as a list; anything else as it is, for the checks to judge."""
    return list(messages) if isinstance(messages, Iterator) else messages


def _times(conversation: Conversation, messages: Sequence[Draft], now: int) -> dict[str, int | None]:
    """A session's times; what is not known is taken from its messages, or is now."""
    said = [draft.created_at for draft in messages]

    def given(field: str, otherwise: int | None) -> int | None:
        value = getattr(conversation, field)
        return otherwise if value is None else moment(field, value, InvalidSession)

    created = given("created_at", min(said, default=now))
    last = given("last_message_at", max(said, default=None))
    latest = max(time for time in (created, last) if time is not None)
    return {
        "created_at": created,
        "updated_at": given("updated_at", latest),
        "last_accessed": given("last_accessed", latest),
        "last_message_at": last,
    }
