"""Where conversations are kept, by URL. A database's driver is imported when it is first used."""

import re
from typing import TYPE_CHECKING

from ithaca.config import Settings
from ithaca.errors import ConfigurationError
from ithaca.storage.protocol import AsyncStorage, Storage

if TYPE_CHECKING:
    from types import ModuleType

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def open_storage(settings: Settings) -> Storage:
    """The database that the settings name, opened."""
    if is_postgres(settings.database):
        _needs_psycopg()
        from ithaca.storage.postgres import PostgresStorage

        return PostgresStorage(settings.database, settings)
    from ithaca.storage.sqlite import SQLiteStorage

    return SQLiteStorage(sqlite_path(settings.database), settings)


async def open_async_storage(settings: Settings) -> AsyncStorage:
    """The database that the settings name, opened for an event loop."""
    if is_postgres(settings.database):
        _needs_psycopg()
        from ithaca.storage.postgres_async import AsyncPostgresStorage

        return await AsyncPostgresStorage.open(settings.database, settings)
    from ithaca.storage.sqlite_async import AsyncSQLiteStorage

    return await AsyncSQLiteStorage.open(sqlite_path(settings.database), settings)


def upgrade(database: str) -> tuple[int, int]:
    """Brings a database to the current schema; returns the version before and after."""
    if is_postgres(database):
        _needs_psycopg()
        from ithaca.storage.postgres import upgrade as upgrade_postgres

        return upgrade_postgres(database)
    from ithaca.storage.sqlite import upgrade as upgrade_sqlite

    return upgrade_sqlite(sqlite_path(database))


def is_postgres(database: str) -> bool:
    """Whether the URL names a PostgreSQL database."""
    return database.startswith(("postgresql://", "postgres://"))


def sqlite_path(database: str) -> str:
    """The file that a URL or a plain path names: `sqlite:///relative.db`, `sqlite:////absolute.db`."""
    if database in ("sqlite://", "sqlite:///", "sqlite:///:memory:", ":memory:"):
        return ":memory:"
    if database.startswith("sqlite:///"):
        return database.removeprefix("sqlite:///")
    if scheme := _SCHEME.match(database):
        raise ConfigurationError("database", f"{scheme[1]}:// is neither sqlite:/// nor postgresql://")
    return database


def _needs_psycopg() -> "ModuleType":
    try:
        import psycopg
        import psycopg_pool  # noqa: F401
    except ImportError as error:
        raise ConfigurationError("database", "PostgreSQL needs `pip install 'ithaca[postgres]'`") from error
    return psycopg
