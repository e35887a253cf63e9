"""Settings out of the environment and a file."""

from dataclasses import fields
from pathlib import Path

import platformdirs
import pytest

from ithaca import ConfigurationError, SessionManager, read_settings
from ithaca.service import ServiceSettings, read_service_settings
from ithaca.service.settings import variable_of
from ithaca.sources import OF_THE_SERVICE, Sources, config_folder, default_config_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ithaca.toml"


def of(file: Path, **environ: str) -> dict[str, str]:
    return {"ITHACA_CONFIG": str(file), **environ}


def test_the_environment_stands_over_the_file_and_the_caller_over_both(file: Path) -> None:
    file.write_text('database_url = "file.db"\ntrash_days = 7\nport = 1\nhost = "::1"\nmax_page = 9\ntokens = "o200k"')
    settings = read_settings(environ=of(file, ITHACA_TRASH_DAYS="8", ITHACA_TOKENS=""))
    assert (settings.database, settings.trash_days, settings.limits.max_page) == ("file.db", 8.0, 9)
    assert settings.tokens == "o200k"  # an empty variable sets nothing
    assert read_settings("given.db", environ=of(file)).database == "given.db"
    service = read_service_settings(port=3, environ=of(file, ITHACA_PORT="2"))
    assert (service.host, service.port) == ("::1", 3)
    assert read_service_settings(environ=of(file, ITHACA_PORT="2")).port == 2


def test_the_users_own_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert Sources.read().file is None
    default_config_file().parent.mkdir()
    default_config_file().write_text(f'database_url = "{tmp_path}/own.db"')
    with SessionManager() as manager:
        assert manager.info().database == f"{tmp_path}/own.db"


@pytest.mark.parametrize("home", [None, "", "/somewhere/else", "relative", "~/x"])
def test_the_users_config_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    if home is None:
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CONFIG_HOME", home)
    expected = platformdirs.user_config_path("ithaca", appauthor=False)
    assert config_folder() == (expected if expected.is_absolute() else Path.home() / ".config/ithaca")


@pytest.mark.parametrize(
    ("text", "setting", "reason"),
    [
        ('busy_timeout = "long"', "busy_timeout in {file}", "it is 'long', not a number of 0 or more"),
        ("max_page = -1", "max_page in {file}", "it is '-1', not a number of 0 or more"),
        ('durability = "some"', "durability in {file}", "it is 'some', not 'full' or 'relaxed'"),
        ("databse_url = 1", "databse_url in {file}", "there is no such setting"),
        ("[serve]\nport = 1", "serve in {file}", "it is neither a text, nor a number, nor a list of texts"),
        ("port = ", "{file}", "it is no TOML"),
        ('secret_key = "k"', "{file}", "it holds a secret and others can read it"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_the_file(file: Path, text: str, setting: str, reason: str) -> None:
    file.write_text(text)
    file.chmod(0o644)
    with pytest.raises(ConfigurationError) as error:
        read_settings("x", environ=of(file))
    assert error.value.setting == setting.format(file=file)
    assert error.value.reason.startswith(reason)


def test_what_is_wrong_with_the_service_is_named(file: Path) -> None:
    file.write_text("port = -1")
    with pytest.raises(ConfigurationError, match=r"port in .* it is '-1', not a whole number from 0 to 65535"):
        read_service_settings(environ=of(file))
    with pytest.raises(ConfigurationError, match="workers cannot be used: it is 0, not from 1 to 1000"):
        read_service_settings(workers=0, environ={})
    with pytest.raises(ConfigurationError, match="ITHACA_PORT cannot be used: it is '65536'"):
        read_service_settings(environ=of(file, ITHACA_PORT="65536"))


def test_a_file_that_is_named_has_to_be_there(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"ITHACA_CONFIG cannot be used: there is no file {file}"):
        read_settings("x", environ=of(file))


def test_the_databases_password_may_lie_in_a_file_of_its_own(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("p@ss/word\n")
    environ = {"ITHACA_DATABASE_URL": "postgresql://me@db:1/x?a=b", "ITHACA_DATABASE_PASSWORD_FILE": str(secret)}
    assert read_settings(environ=environ).database == "postgresql://me:p%40ss%2Fword@db:1/x?a=b"
    for url in ("chats.db", "postgresql://db/x", "postgresql://me:known@db/x"):
        with pytest.raises(ConfigurationError, match="takes a PostgreSQL URL with a user and without a password"):
            read_settings(environ=environ | {"ITHACA_DATABASE_URL": url})
    with pytest.raises(ConfigurationError, match="ITHACA_DATABASE_PASSWORD_FILE cannot be used: it cannot be read"):
        read_settings(environ=environ | {"ITHACA_DATABASE_PASSWORD_FILE": f"{tmp_path}/none"})


def test_several_keys_are_a_list(file: Path) -> None:
    file.write_text('secret_key = ["new", "old"]')
    file.chmod(0o600)
    assert read_settings("x", environ=of(file)).secret_key == "new,old"


def test_the_library_knows_which_settings_are_the_services() -> None:
    assert {variable_of(field.name) for field in fields(ServiceSettings)} == OF_THE_SERVICE
