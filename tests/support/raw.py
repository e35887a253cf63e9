"""What lies in a database's files, and in a dump of it: every byte, whatever a query would show."""

from pathlib import Path

import psycopg

from ithaca.storage import is_postgres, sqlite_path

_TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"


def raw_bytes(url: str) -> dict[str, bytes]:
    """By file, what is in a SQLite database's files; by table, what a dump of a PostgreSQL database has."""
    if is_postgres(url):
        return _dump(url)
    path = Path(sqlite_path(url))
    return {file.name: file.read_bytes() for file in path.parent.glob(f"{path.name}*")}


def _dump(url: str) -> dict[str, bytes]:
    with psycopg.connect(url) as db:
        tables = [name for (name,) in db.execute(_TABLES)]
        return {table: _copy(db, table) for table in tables}


def _copy(db: psycopg.Connection[tuple[str, ...]], table: str) -> bytes:
    with db.cursor().copy(f"COPY {table} TO STDOUT") as copy:
        return b"".join(bytes(piece) for piece in copy)


def places_with(url: str, *texts: str) -> list[str]:
    """The files or tables that any of the texts is in, in capital letters or small ones."""
    raw = {place: data.lower() for place, data in raw_bytes(url).items()}
    return [place for place, data in raw.items() if any(text.lower().encode() in data for text in texts)]
