"""Who may ask the service: keys for programs, users with passwords, and where these are logged in.

A key, a cookie, a link is a long random text, its holder's secret. It is shown once; only its SHA-256 is stored. That
is enough for what nobody can guess, and unlike a password it need not be slow to check.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

from ithaca.columns import Row, from_text, from_time, iso, to_text
from ithaca.config import Limits
from ithaca.content import label, moment, new_id
from ithaca.digests import sha256
from ithaca.errors import Described, InvalidArgument

#: What somebody may do: read, change, or also what concerns all owners.
Right: TypeAlias = Literal["read", "write", "admin"]

RIGHTS: tuple[Right, ...] = get_args(Right)

#: What a key is for unless told.
USUAL: Sequence[Right] = ("read", "write")

#: How a key begins: so people, and programs that look for secrets in the wrong place, know one when they see it.
KEY_PREFIX = "ithaca_"

#: Characters of a key that are stored, so that its holder knows it again: the others are more than anybody can guess.
_HINT = len(KEY_PREFIX) + 4

#: Random bytes of a secret.
_BYTES = 32


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key with which a program asks the service; what it says is known to its holder alone."""

    owner: str
    id: str
    #: What it is for.
    name: str
    #: How it begins.
    hint: str
    #: What its holder may do: some of read, write, admin.
    scopes: list[Right]
    created_at: datetime
    #: From when on it opens nothing; None for never.
    expires_at: datetime | None
    #: When it was last used, to within five minutes; None for never.
    used_at: datetime | None

    @classmethod
    def from_row(cls, row: Row) -> "AccessKey":
        owner, id, name, hint, scopes, created, expires, used = row
        times = (from_time(created), _time(expires), _time(used))
        return cls(owner, id, from_text(name), hint, scopes.split(), *times)

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it."""
        times = {name: _iso(getattr(self, name)) for name in ("created_at", "expires_at", "used_at")}
        return asdict(self) | times


@dataclass(frozen=True, slots=True)
class NewAccessKey:
    """A key that was just made."""

    key: AccessKey
    #: What its holder shows, as `Authorization: Bearer …`. It is nowhere else.
    token: str = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """What is known of the key, and what it says."""
        return self.key.to_dict() | {"token": self.token}


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who logs in with a password."""

    #: Whose data he works on.
    owner: str
    #: What he logs in with.
    name: str
    #: Whether he may do what concerns all owners.
    is_admin: bool
    created_at: datetime
    #: When his password was set.
    password_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> "User":
        owner, name, is_admin, created, password = row
        return cls(owner, name, bool(is_admin), from_time(created), from_time(password))

    @property
    def rights(self) -> list[Right]:
        """What he may do."""
        return _rights_of(self.is_admin)

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it."""
        return asdict(self) | {name: iso(getattr(self, name)) for name in ("created_at", "password_at")}


@dataclass(frozen=True, slots=True)
class Login:
    """A browser that is logged in: by a user's password, or by an access link."""

    owner: str
    #: The user's name; None: by a link.
    user: str | None
    is_admin: bool
    created_at: datetime
    #: From when on it opens nothing.
    expires_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> "Login":
        owner, user, is_admin, created, expires = row
        return cls(owner, user, user is None or bool(is_admin), from_time(created), from_time(expires))

    @property
    def rights(self) -> list[Right]:
        """What whoever is logged in may do."""
        return _rights_of(self.is_admin)


@dataclass(frozen=True, slots=True)
class NewLogin:
    """A log-in that has just begun."""

    login: Login
    #: What the browser keeps as its cookie. It is nowhere else.
    token: str = field(repr=False)


def _rights_of(is_admin: bool) -> list[Right]:
    return ["read", "write", "admin"] if is_admin else ["read", "write"]


def new_token(prefix: str = "") -> str:
    """A secret that nobody can guess."""
    from secrets import token_urlsafe

    return prefix + token_urlsafe(_BYTES)


def digest_of(token: object, field: str = "token") -> str:
    """What is stored of a secret."""
    if not isinstance(token, str):
        raise InvalidArgument(field, Described("something else"), "a text")
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def key_columns(
    limits: Limits, now: int, token: str, *, name: object, scopes: object, expires_at: object
) -> dict[str, Any]:
    """The columns of a new key, but for whose it is."""
    return {
        "id": new_id(),
        "name": to_text(label("name", name, limits)),
        "digest": digest_of(token),
        "hint": token[:_HINT],
        "scopes": " ".join(rights("scopes", scopes)),
        "created_at": now,
        "expires_at": None if expires_at is None else _later("expires_at", expires_at, now),
    }


def rights(field: str, value: object) -> list[Right]:
    """Some of the rights, in their order."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise InvalidArgument(field, value, f"a list of {', '.join(RIGHTS)}")
    given = list(value)
    if not given or not all(isinstance(right, str) and right in RIGHTS for right in given):
        raise InvalidArgument(field, given, f"some of {', '.join(RIGHTS)}")
    return [right for right in RIGHTS if right in given]


def _later(field: str, value: object, now: int) -> int:
    if (time := moment(field, value)) <= now:
        raise InvalidArgument(field, value, "a time to come")
    return time


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_time(microseconds)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else iso(time)
