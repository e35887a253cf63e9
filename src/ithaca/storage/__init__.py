"""Where conversations are kept, by URL. A database's driver is imported when it is first used."""

import os
import re
from pathlib import Path
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


def backup(database: str, into: str | os.PathLike[str]) -> int:
    """Writes a copy of a SQLite database into a new file, while others read and write; returns its bytes.

    The copy is a database like any other, as it was at one moment. It is on the disk when this returns, and not there
    when it raises: `InvalidArgument` for a file that is there already, `ConfigurationError` for PostgreSQL, which has
    `pg_dump`, and for one in memory, `NotAnIthacaDatabase`, `StorageError`.
    """
    if is_postgres(database):
        raise ConfigurationError("database", "a copy of a PostgreSQL database is made by pg_dump")
    if (path := sqlite_path(database)) == ":memory:":
        raise ConfigurationError("database", "a database in memory is in no file")
    from ithaca.storage.sqlite_backup import backup as backup_sqlite

    return backup_sqlite(str(Path(path).expanduser()), Path(into).expanduser())


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
