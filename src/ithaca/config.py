"""Settings: read once from the environment and a file, then passed on explicitly.

| variable | what it sets | default |
|---|---|---|
| `ITHACA_DATABASE_URL` | where conversations are kept | `ithaca.db` in the platform's user data folder |
| `ITHACA_DATABASE_PASSWORD_FILE` | a file with the password that belongs into the URL of a PostgreSQL database | none |
| `ITHACA_DURABILITY` | `full`: survives a power cut; `relaxed`: survives a killed process | `full` |
| `ITHACA_BUSY_TIMEOUT` | seconds to wait for another process's lock | 30 |
| `ITHACA_SECRET_KEY` | the keys that encrypt headers, newest first, separated by commas | the key file |
| `ITHACA_SECRET_KEY_FILE` | the file that holds them, a line each | `secret.key` in the platform's user config folder |
| `ITHACA_TRASH_DAYS` | days that what was removed can be brought back for | 30 |
| `ITHACA_TOKENS` | how tokens are counted: `estimate`, or `o200k` with `ithaca[tokens]` | `estimate` |
| `ITHACA_CACHE_BYTES` | bytes of histories that a manager remembers, to read only what is new; 0: none | 64 MiB |
| `ITHACA_CONTEXT_TOKENS` | tokens of the window of a model that is asked, unless the call says | 32,768 |
| `ITHACA_TITLES` | whether a session without a name gets one from its model after the first reply: `on`, `off` | `on` |
| `ITHACA_SUMMARIES` | whether `summarize` may ask a model: `on`, `off` | `on` |
| `ITHACA_FIRST_TOKEN_SECONDS` | seconds that a model's first token is waited for | 300 |
| `ITHACA_GAP_SECONDS` | seconds that each next token is waited for | 120 |
| `ITHACA_REPLY_SECONDS` | seconds that a reply may take | 3600 |
| `ITHACA_MAX_MESSAGE_BYTES`, … | each of the limits of `Limits`, by its name in capitals | see `Limits` |
| `ITHACA_CONFIG` | a TOML file, read below the environment | `config.toml` in the platform's user config folder |
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from ithaca.errors import ConfigurationError
from ithaca.sources import PREFIX, Sources, config_folder

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Durability: TypeAlias = Literal["full", "relaxed"]
Tokens: TypeAlias = Literal["estimate", "o200k"]

#: The variable that names the file of a password.
PASSWORD_FILE = "ITHACA_DATABASE_PASSWORD_FILE"  # noqa: S105, a name

Word = TypeVar("Word", bound=str)


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest values that are accepted; over them is `InvalidInput` that names the field and the limit."""

    #: A message's content and tool calls together, in bytes of UTF-8.
    max_message_bytes: int = 64 * 1024 * 1024
    #: A message's metadata, or a session's extra data or headers, as JSON in bytes of UTF-8.
    max_metadata_bytes: int = 1024 * 1024
    #: How deep blocks, tool calls and metadata may be nested.
    max_depth: int = 100
    #: Messages, or ids, in one call.
    max_batch: int = 200_000
    #: A document's content, in bytes of UTF-8.
    max_document_bytes: int = 64 * 1024 * 1024
    #: Names, titles, URLs, models, folders, modes, roles: in characters. Models and folders
    #: have 2,000 bytes at most, too.
    max_name_length: int = 2_000
    #: Ids and owners, in bytes of UTF-8: three of them fit one index entry of every database.
    max_id_bytes: int = 200
    #: Items on one page.
    max_page: int = 1_000
    #: One image, sound or file, in bytes. They are not counted in `max_message_bytes`.
    max_attachment_bytes: int = 100 * 1024 * 1024
    #: An image, sound or file that is given as base64 and has at most so many bytes stays in its message's own row.
    max_inline_bytes: int = 4096


@dataclass(frozen=True, slots=True)
class Settings:
    """What a manager needs to know, apart from who asks."""

    database: str
    durability: Durability = "full"
    #: Seconds to wait for a lock that another process holds.
    busy_timeout: float = 30.0
    #: The keys themselves, newest first; None to read them from the file.
    secret_key: str | None = field(default=None, repr=False)
    secret_key_file: Path | None = None
    #: Days that what was removed can be brought back for.
    trash_days: float = 30.0
    #: How tokens are counted, unless the manager is given a counter.
    tokens: Tokens = "estimate"
    #: Bytes of histories, about, that a manager remembers; it never shows one without asking whether it is as stored.
    cache_bytes: int = 64 * 1024 * 1024
    #: Tokens of the window of a model that is asked, unless the call says, or its endpoint does.
    context_tokens: int = 32_768
    #: Whether a session without a name gets one from its model after the first reply.
    titles: bool = True
    #: Whether `summarize` may ask a model.
    summaries: bool = True
    #: Seconds that a model's first token is waited for, the next one after each, and all of a reply.
    first_token_seconds: float = 300.0
    gap_seconds: float = 120.0
    reply_seconds: float = 3600.0
    limits: Limits = field(default_factory=Limits)


def read_settings(
    database: str | os.PathLike[str] | None = None,
    *,
    durability: Durability | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings from the environment and the file below it, with what the caller gave standing over both.

    Raises `ConfigurationError`, which names the setting, and the file where it stands in one.
    """
    given = Sources.read(environ)
    given.check_known(_KNOWN)
    url = _database(given) if database is None else _named(os.fspath(database))
    said = {setting: read(given, NAMES[setting]) for setting, read in _READERS.items() if NAMES[setting] in given}
    if durability is not None:
        said["durability"] = _checked(durability, _DURABILITIES, partial(ConfigurationError, "durability"))
    return Settings(url, limits=_limits(given), **said)


def _named(database: str) -> str:
    """The URL or path that somebody names: an empty one is most likely a variable that isn't set."""
    if not database:
        raise ConfigurationError("database", "its name is empty; leave it out for ITHACA_DATABASE_URL or your own file")
    return database


def _database(given: Sources) -> str:
    """The URL or path, with the password that lies in a file of its own."""
    url = given.get("ITHACA_DATABASE_URL") or default_database()
    if PASSWORD_FILE not in given:
        return url
    parts = urlsplit(url)
    if not parts.scheme.startswith("postgres") or parts.username is None or parts.password is not None:
        raise given.refuse(PASSWORD_FILE, "it takes a PostgreSQL URL with a user and without a password")
    try:
        password = quote(Path(given[PASSWORD_FILE]).read_text(encoding="utf-8").rstrip("\r\n"), safe="")
    except (OSError, UnicodeDecodeError) as error:
        raise given.refuse(PASSWORD_FILE, f"it cannot be read: {error}") from error
    user, _, where = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{where}"))


def default_database() -> str:
    """The file in the platform's user data folder; the folder is made if it is not there."""
    from platformdirs import user_data_path

    return str(user_data_path("ithaca", appauthor=False, ensure_exists=True) / "ithaca.db")


def default_key_file() -> Path:
    """`secret.key` in the platform's user config folder."""
    return config_folder() / "secret.key"


def without_password(database: str) -> str:
    """The URL or path as it may be shown."""
    if not database.startswith("postgres"):
        return database
    try:
        parts = urlsplit(database)
    except ValueError as error:
        raise ConfigurationError("database", f"it is no URL: {error}") from error
    netloc = parts.netloc.replace(f":{parts.password}@", ":***@", 1)
    query = re.sub(r"((?:^|&)(?:ssl)?password=)[^&]*", r"\1***", parts.query)
    return urlunsplit(parts._replace(netloc=netloc, query=query))


def _checked(text: str, allowed: Sequence[Word], refuse: Callable[[str], ConfigurationError]) -> Word:
    for word in allowed:
        if text == word:
            return word
    raise refuse(f"it is {text!r}, not {' or '.join(map(repr, allowed))}")


def _one_of(*allowed: Word) -> Callable[[Sources, str], Word]:
    return lambda given, name: _checked(given[name], allowed, partial(given.refuse, name))


def _number(given: Sources, name: str) -> float:
    text = given[name]
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e12:
        raise given.refuse(name, f"it is {text!r}, not a number of 0 or more")
    return number


def _whole(given: Sources, name: str) -> int:
    return int(_number(given, name))


def _switch(given: Sources, name: str) -> bool:
    return _one_of("on", "off")(given, name) == "on"


def _file(given: Sources, name: str) -> Path:
    return Path(given[name])


_DURABILITIES: tuple[Durability, ...] = ("full", "relaxed")

#: Setting → what reads it where it is set.
_READERS: dict[str, Callable[[Sources, str], Any]] = {
    "durability": _one_of(*_DURABILITIES),
    "busy_timeout": _number,
    "secret_key": Sources.__getitem__,
    "secret_key_file": _file,
    "trash_days": _number,
    "tokens": _one_of("estimate", "o200k"),
    "cache_bytes": _whole,
    "context_tokens": _whole,
    "titles": _switch,
    "summaries": _switch,
    "first_token_seconds": _number,
    "gap_seconds": _number,
    "reply_seconds": _number,
}


def _limits(given: Sources) -> Limits:
    return Limits(**{limit: _whole(given, name) for limit, name in _OF_LIMITS.items() if name in given})


def _variables(of: "type[DataclassInstance]") -> dict[str, str]:
    return {each.name: f"{PREFIX}{each.name.upper()}" for each in fields(of)}


_OF_LIMITS = _variables(Limits)
_OF_SETTINGS = _variables(Settings) | {"database": "ITHACA_DATABASE_URL"}
del _OF_SETTINGS["limits"]

#: The variable of each setting and each limit.
NAMES = _OF_SETTINGS | _OF_LIMITS

_KNOWN = frozenset({*NAMES.values(), PASSWORD_FILE})
