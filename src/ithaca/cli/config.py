"""`ithaca config`."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ithaca.cli.here import Here

if TYPE_CHECKING:
    from ithaca.sources import Sources


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it is in effect."""

    name: str
    value: Any
    #: "option", "environment", the file, or "default".
    source: str


def config(here: Here) -> None:
    """Show every setting, and where it comes from. Secrets are not shown."""
    from ithaca.sources import Sources, default_config_file

    sources = Sources.read()
    settings = list(_all(here, sources))
    if here.json:
        shown = [{"name": each.name, "value": each.value, "source": each.source} for each in settings]
        here.write_json({"file": str(sources.file) if sources.file else None, "settings": shown})
        return
    from ithaca.cli.tables import Column, show

    columns = [
        Column("Setting", lambda each: each.name),
        Column("Value", lambda each: str(each.value if each.value is not None else ""), yields=True),
        Column("From", lambda each: each.source, yields=True),
    ]
    show(here, columns, settings, "")
    here.say(f"File: {sources.file or f'none; {default_config_file()} would be read'}")


def _all(here: Here, sources: "Sources") -> Iterator[Setting]:
    from ithaca.config import NAMES, PASSWORD_FILE, read_settings, without_password

    settings = read_settings(here.database)
    for field, name in NAMES.items():
        value = getattr(settings, field) if hasattr(settings, field) else getattr(settings.limits, field)
        where = sources.where(name) or "default"
        if field == "database":
            yield Setting(name, without_password(value), "option" if here.database else where)
            yield Setting(PASSWORD_FILE, sources.get(PASSWORD_FILE), sources.where(PASSWORD_FILE) or "default")
        else:
            yield Setting(name, _shown(field, value), where)
    for name, value in _of_the_service():
        yield Setting(name, value, sources.where(name) or "default")


def _shown(field: str, value: Any) -> Any:
    if field == "secret_key":
        return None if value is None else "***"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if field == "secret_key_file" and value is not None else value


def _of_the_service() -> Iterator[tuple[str, Any]]:
    """What is set of the service, where that is installed."""
    try:
        from ithaca.service.settings import read_service_settings, variable_of
    except ModuleNotFoundError:
        return
    settings = read_service_settings()
    for field in fields(settings):
        value = getattr(settings, field.name)
        yield variable_of(field.name), ("allow" if value else "refuse") if isinstance(value, bool) else value
