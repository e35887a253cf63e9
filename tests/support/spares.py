"""Databases on a PostgreSQL server that tests use one after another, each as if it were new.

To empty the tables takes a few milliseconds; to make a database and drop it takes ten times as long, and every
connection to a new one begins by reading all the catalogs from the disk.
"""

from typing import Any

import psycopg

#: What the connections that look after the databases call themselves.
CARETAKER = "ithaca-tests-caretaker"

_OUR_TABLES = "FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"

_RESTART_SEQUENCES = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"

# Whatever changes a table, an index, a trigger, an extension or a setting makes new rows in the catalogs. Nor is a
# database as new once its tables were analyzed, or while somebody is connected to it.
_STATE = f"""
    SELECT
        (SELECT ARRAY[count(*), max(xmin::text::bigint)] FROM pg_class),
        (SELECT ARRAY[count(*), max(xmin::text::bigint)] FROM pg_trigger),
        (SELECT ARRAY[count(*), max(xmin::text::bigint)] FROM pg_extension),
        (SELECT count(*) FROM pg_db_role_setting),
        (SELECT count(*) {_OUR_TABLES} AND reltuples >= 0),
        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())
"""


#: Bytes of a table, with its long values aside, up to which its rows are deleted; that is quicker than new files for it
#: and for those which refer to it.
_SMALL = 128 * 1024


class Spare:
    """A database, and what it was like when it was new."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._db = psycopg.connect(url, autocommit=True, prepare_threshold=0, application_name=CARETAKER)
        self._all("SET lock_timeout = '5s'")
        self._all("SET session_replication_role = replica")  # no foreign key minds in which order rows go
        tables = [name for (name,) in self._all(f"SELECT oid::regclass::text {_OUR_TABLES}")]
        self._filled_from_the_start = list(self._filled(tables))
        self._to_empty = [name for name in tables if name not in self._filled_from_the_start]
        self._new = self._state()

    def renew(self) -> bool:
        """Empties what was filled; whether the database is as new then. It isn't if more than rows was changed."""
        try:
            if self._state() != self._new:
                return False
            self._empty(self._filled(self._to_empty))
            self._all(_RESTART_SEQUENCES)
        except psycopg.Error:  # somebody broke the connection, or holds a lock
            return False
        return True

    def close(self) -> None:
        self._db.close()

    def _state(self) -> list[Any]:
        kept = (f"SELECT {name}::text FROM {name} ORDER BY 1" for name in self._filled_from_the_start)
        return [self._all(statement) for statement in (_STATE, *kept)]

    def _empty(self, sizes: dict[str, int]) -> None:
        if max(sizes.values(), default=0) > _SMALL:
            self._all(f"TRUNCATE {', '.join(sizes)} CASCADE")
            self._new = self._state()
        else:
            for name in sizes:
                self._all(f"DELETE FROM {name}")

    def _filled(self, tables: list[str]) -> dict[str, int]:
        """The tables that have rows, with their sizes."""
        return dict(self._all(" UNION ALL ".join(map(_size_if_filled, tables))))

    def _all(self, statement: str) -> list[tuple[Any, ...]]:
        cursor = self._db.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _size_if_filled(table: str) -> str:
    return f"SELECT '{table}', pg_table_size('{table}') WHERE EXISTS (SELECT FROM {table})"
