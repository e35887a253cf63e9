"""Legacy databases made for tests, as the old program makes them and as nobody should."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

#: The tables as the newest release of the old program has them, without their constraints.
TABLES = """
    CREATE TABLE sessions (
        id VARCHAR, name VARCHAR, endpoint_url VARCHAR, model VARCHAR, owner VARCHAR, rag BOOLEAN, archived BOOLEAN,
        folder VARCHAR, headers JSON, extra_data JSON, last_accessed DATETIME, last_message_at DATETIME,
        is_important BOOLEAN, message_count INTEGER, total_input_tokens INTEGER, total_output_tokens INTEGER,
        mode VARCHAR, crew_member_id VARCHAR, created_at DATETIME, updated_at DATETIME
    );
    CREATE TABLE chat_messages (
        id VARCHAR, session_id VARCHAR, role VARCHAR, content TEXT, metadata TEXT, timestamp DATETIME
    );
    CREATE TABLE documents (
        id VARCHAR, session_id VARCHAR, title VARCHAR, language VARCHAR, current_content TEXT, version_count INTEGER,
        is_active BOOLEAN, archived BOOLEAN, owner VARCHAR, tidy_verdict VARCHAR, created_at DATETIME,
        updated_at DATETIME
    );
    CREATE TABLE document_versions (
        id VARCHAR, document_id VARCHAR, version_number INTEGER, content TEXT, summary VARCHAR, source VARCHAR,
        created_at DATETIME
    );
"""

#: The tables as the first releases had them.
OLD_TABLES = """
    CREATE TABLE sessions (id VARCHAR, name VARCHAR);
    CREATE TABLE chat_messages (id VARCHAR, session_id VARCHAR, role VARCHAR, content TEXT);
"""

Rows = Iterable[Mapping[str, Any]]


def make_legacy(
    path: Path,
    *,
    sessions: Rows = (),
    messages: Rows = (),
    documents: Rows = (),
    versions: Rows = (),
    tables: str = TABLES,
) -> Path:
    """A legacy file with these rows; what a row does not say is NULL."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(tables)
        for table, rows in (
            ("sessions", sessions),
            ("chat_messages", messages),
            ("documents", documents),
            ("document_versions", versions),
        ):
            for row in rows:
                marks = ", ".join("?" for _ in row)
                db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    return path


def session(id: Any = "s1", **fields: Any) -> dict[str, Any]:
    """A session's row, as ordinary as can be."""
    ordinary = {"name": "Pylos", "endpoint_url": "http://localhost:11434/v1", "model": "qwen3", "headers": "{}"}
    return {"id": id, **ordinary, "created_at": "2026-03-01 08:00:00", "updated_at": "2026-03-01 08:00:00", **fields}


def message(id: Any, content: Any = "hello", **fields: Any) -> dict[str, Any]:
    """A message's row, as ordinary as can be."""
    ordinary = {"session_id": "s1", "role": "user", "timestamp": "2026-03-01 08:00:00.000000"}
    return {"id": id, "content": content, **ordinary, **fields}
