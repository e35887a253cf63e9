"""Endpoints: models' servers that are registered by a name, each with its key, and which of them may be called."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from ithaca.columns import Plain, Row, from_time, iso
from ithaca.config import Limits
from ithaca.content import headers as checked_headers
from ithaca.content import label
from ithaca.errors import Described, InvalidEndpoint, InvalidSession

#: No name is like a URL, so a session's `endpoint_url` may hold the one or the other.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

#: What a header's value may consist of (RFC 9110, 5.5); a key has no spaces either.
_KEY = re.compile(r"[\x21-\x7e]{1,10000}")

#: What a header of an endpoint may consist of (RFC 9110, 5.1 and 5.5): its name, and what it says.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")

#: A URL: its scheme, its user, what else it says, and its query and fragment.
_URL = re.compile(r"(\s*[A-Za-z][A-Za-z0-9+.-]*://)([^/?#\\]*@)?([^?#]*)([?#].*)?", re.DOTALL)

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model's server that is registered; its key and headers are used, and never shown."""

    #: Who registered it; "" is nobody, whose the shared ones are too.
    owner: str
    name: str
    #: The address up to the version, as `https://api.example.com/v1`.
    base_url: str
    #: The model that is asked where a session names none; "" for none.
    model: str
    #: Tokens that a model there reads and writes at once; None if nobody said.
    context_window: int | None
    #: Tokens of an answer at most; None leaves it to the server.
    max_tokens: int | None
    #: Whether everybody may use it.
    shared: bool
    has_key: bool
    has_headers: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> "Endpoint":
        plain: Any = row[:6]
        return cls(*plain, *map(bool, row[6:9]), *map(from_time, row[9:11]))

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it: times as ISO 8601."""
        return asdict(self) | {"created_at": iso(self.created_at), "updated_at": iso(self.updated_at)}


@dataclass(frozen=True, slots=True)
class EndpointTest(Plain):
    """What came of asking an endpoint for its models."""

    name: str
    #: Until it had answered.
    seconds: float
    #: The names of its models, as it orders them.
    models: list[str]
    #: Whether its default model is one of them; None if it has no default.
    has_model: bool | None


@dataclass(frozen=True, slots=True)
class FoundServer(Plain):
    """A model's server that was found on this machine."""

    #: Whose port it is: "Ollama", "LM Studio" …; another program may use it, if it has models.
    kind: str
    base_url: str
    models: list[str]


@dataclass(frozen=True, slots=True)
class RotatedSecrets(Plain):
    """What was encrypted anew under the first key, as another key had sealed it."""

    sessions: int = 0
    #: Sessions in the trash.
    trashed: int = 0
    endpoints: int = 0
    #: What no key at hand opens.
    unreadable: int = 0

    def __add__(self, other: "RotatedSecrets") -> "RotatedSecrets":
        return RotatedSecrets(*(getattr(self, n) + getattr(other, n) for n in RotatedSecrets.__slots__))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What may be called on somebody's behalf."""

    #: Also a URL that no endpoint is registered for.
    unregistered: bool = True
    #: Also this machine and private networks, by what isn't shared.
    private: bool = True
    #: Seconds that are waited: for the first token, between two, and for all of an answer.
    first_token: float = 300.0
    gap: float = 120.0
    whole: float = 3600.0


# The door: what a caller gives is checked here.


def endpoint_name(value: object) -> str:
    """A name: letters, digits, and within it `.`, `_` and `-`."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidEndpoint("name", value, "1 to 64 of A-Z, a-z, 0-9 and, but for the first, any of . _ -")
    return value


def endpoint_columns(limits: Limits, **given: Any) -> dict[str, Any]:
    """The columns of what is given, but for secrets."""
    checks: dict[str, Callable[[Any], Any]] = {
        "base_url": lambda value: base_url(value, limits),
        "model": lambda value: label("model", value, limits, InvalidEndpoint, empty=True),
        "context_window": lambda value: _tokens("context_window", value),
        "max_tokens": lambda value: _tokens("max_tokens", value),
    }
    return {name: checks[name](value) for name, value in given.items()}


def base_url(value: object, limits: Limits) -> str:
    """The address, in the one form that is compared."""
    allowed = "an http or https URL, as http://localhost:11434/v1, without user, query and fragment"
    text = label("base_url", value, limits, InvalidEndpoint)
    normal = normal_url(text)
    if normal is None:
        shown: str | Described = text
        if set("@?") & set(text):
            shown = Described("a URL with a user or a query")
        elif "://" not in text:  # it may be the key, which got into the wrong field
            shown = Described("a text without `://`")
        raise InvalidEndpoint("base_url", shown, allowed)
    return normal


def normal_url(text: str) -> str | None:
    """The URL as registered ones are written; None if it is none that can be called.

    Without the slash at its end, and without `/chat/completions`, which some programs keep with it.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    odd = parts.username is not None or parts.password is not None or parts.query or parts.fragment
    if parts.scheme not in _DEFAULT_PORTS or not host or odd or re.search(r"[\s\x00-\x1f\\]", text.strip()):
        return None
    named = f"[{host}]" if ":" in host else host
    netloc = named if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{named}:{port}"
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return urlunsplit(SplitResult(parts.scheme, netloc, path, "", ""))


def session_endpoint(value: object, limits: Limits) -> str:
    """A session's `endpoint_url`; it is shown wherever the session is, so none that could hold a secret."""
    text = label("endpoint_url", value, limits, InvalidSession, empty=True)
    if bare_url(text) != text:
        shown = Described("a URL with a user, a query or a fragment")
        raise InvalidSession("endpoint_url", shown, "a URL without these, or an endpoint's name; secrets go in headers")
    return text


def bare_url(text: str) -> str:
    """The URL without user, query and fragment, where secrets stand; what is no URL, as it is."""
    found = _URL.fullmatch(text)
    return text if found is None else found[1] + found[3]


def key(value: object) -> str | None:
    """A key, or None; what was given instead is not repeated."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise InvalidEndpoint("key", Described("what was given"), "a text of visible ASCII characters; or None")
    return value


def headers(value: Mapping[str, str] | None, limits: Limits) -> dict[str, str]:
    """Headers, as a session has them."""
    try:
        given = {} if value is None else checked_headers(value, limits)
    except InvalidSession as error:
        raise InvalidEndpoint(error.field, Described(error.given), error.allowed) from None
    for name, text in given.items():
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(text)):
            raise InvalidEndpoint("headers", Described(f"a bad value for {name!r}"), "made of visible ASCII")
    return given


def _tokens(field: str, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10**12:
        raise InvalidEndpoint(field, value, "a whole number of 1 or more; or None")
    return value
