"""Where settings come from: the environment, and below it a file.

The file is TOML: `ITHACA_CONFIG` names it, otherwise it is `config.toml` in the platform's user config folder, if that
is there. A setting's key in it is the name of its variable without `ITHACA_`, in small letters: `database_url = "…"`.
What both set, the environment decides; what the caller or a command's option says stands over both.
"""

import os
import stat
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ithaca.errors import ConfigurationError

PREFIX = "ITHACA_"

#: The variable that names the file, which cannot stand in it.
CONFIG = "ITHACA_CONFIG"

#: Settings of the service, which the library passes over.
OF_THE_SERVICE = frozenset(
    {
        "ITHACA_HOST",
        "ITHACA_PORT",
        "ITHACA_WORKERS",
        "ITHACA_MAX_BODY_BYTES",
        "ITHACA_PRIVATE_ENDPOINTS",
        "ITHACA_MAX_CONNECTIONS",
        "ITHACA_SLOW_SECONDS",
        "ITHACA_RATE",
        "ITHACA_TRACES",
        "ITHACA_STOP_SECONDS",
        "ITHACA_UNREGISTERED_ENDPOINTS",
        "ITHACA_ALLOWED_HOSTS",
        "ITHACA_TRUSTED_PROXIES",
        "ITHACA_USER_HEADER",
    }
)

#: Settings that are secrets: a file with one of them is for its owner alone.
SECRETS = frozenset({"ITHACA_SECRET_KEY"})


class Sources(Mapping[str, str]):
    """What is set, by the names of the variables."""

    def __init__(self, environ: Mapping[str, str], file: Path | None, written: Mapping[str, str]) -> None:
        # Read once, by its names: asking the environment for each setting takes longer than reading all of them.
        self._environ = {name: environ[name] for name in environ if name.startswith(PREFIX) and environ[name]}
        self._written = written
        #: The file that was read, if there was one.
        self.file = file

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "Sources":
        """What the environment and the file say. Raises `ConfigurationError` for a file that says no settings."""
        env = os.environ if environ is None else environ
        file = Path(env[CONFIG]) if env.get(CONFIG) else default_config_file()
        text = _text_of(file, needed=bool(env.get(CONFIG)))
        return cls(env, None if text is None else file, {} if text is None else _written(file, text))

    def __getitem__(self, name: str) -> str:
        return self._environ[name] if name in self._environ else self._written[name]

    def __contains__(self, name: object) -> bool:
        return name in self._environ or name in self._written

    def __iter__(self) -> Iterator[str]:
        yield from self._environ
        yield from (name for name in self._written if name not in self._environ)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def where(self, name: str) -> str | None:
        """Where a setting comes from: "environment", the file's path, or None where nothing sets it."""
        if name in self._environ:
            return "environment"
        return str(self.file) if name in self._written else None

    def refuse(self, name: str, reason: str) -> ConfigurationError:
        """The error for a setting that makes no sense, which says where it stands."""
        in_file = name not in self._environ and name in self._written
        return ConfigurationError(f"{key_of(name)} in {self.file}" if in_file else name, reason)

    def check_known(self, known: Collection[str]) -> None:
        """Raises `ConfigurationError` for a key of the file that is no setting's."""
        for name in self._written:
            if name not in known and name not in OF_THE_SERVICE:
                raise self.refuse(name, "there is no such setting")


def default_config_file() -> Path:
    """`config.toml` in the platform's user config folder."""
    return config_folder() / "config.toml"


def config_folder() -> Path:
    """The platform's user config folder, for Ithaca.

    That of Linux is found here, as `platformdirs` takes longer to be imported than a database to be opened
    (https://specifications.freedesktop.org/basedir-spec/latest/).
    """
    if os.name == "posix" and sys.platform != "darwin":
        home = os.environ.get("XDG_CONFIG_HOME", "")
        if not home.startswith("/"):
            home = os.path.expanduser("~/.config")  # noqa: PTH111, `Path` would raise for whoever has no home
        return Path(home, "ithaca")
    from platformdirs import user_config_path

    return user_config_path("ithaca", appauthor=False)


def key_of(name: str) -> str:
    """A variable's name as it is written in the file."""
    return name.removeprefix(PREFIX).lower()


def _text_of(file: Path, *, needed: bool) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if not needed:
            return None
        raise ConfigurationError(CONFIG, f"there is no file {file}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(file), f"it cannot be read: {error}") from error


def _written(file: Path, text: str) -> dict[str, str]:
    import tomllib

    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(str(file), f"it is no TOML: {error}") from error
    settings = {PREFIX + key.upper(): _plain(file, key, value) for key, value in written.items()}
    if not SECRETS.isdisjoint(settings):
        _check_private(file)
    return settings


def _plain(file: Path, key: str, value: Any) -> str:
    """A value as a variable would say it."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise ConfigurationError(f"{key} in {file}", "it is neither a text, nor a number, nor a list of texts")


def _check_private(file: Path) -> None:
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise ConfigurationError(str(file), "it holds a secret and others can read it: run `chmod 600` on it")
