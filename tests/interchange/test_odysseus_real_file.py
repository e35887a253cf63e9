"""A file that the old program wrote, against what the standard library's sqlite3 reads in it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ithaca import SessionManager
from ithaca.interchange.odysseus import import_database, inspect, read


@pytest.fixture
def rows(real_file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{real_file.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        db.row_factory = sqlite3.Row
        yield db


@pytest.fixture
def imported(database_url: str, real_file: Path) -> Iterator[SessionManager]:
    with SessionManager(database_url) as manager:
        import_database(manager, real_file)
        yield manager


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def count(rows: sqlite3.Connection, table: str) -> int:
    return int(rows.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def messages_of(rows: sqlite3.Connection, session_id: str) -> list[sqlite3.Row]:
    found = rows.execute("SELECT *, rowid FROM chat_messages WHERE session_id = ?", (session_id,))
    return sorted(found, key=lambda row: (row["timestamp"], row["rowid"]))


def looks_like_blocks(text: str) -> bool:
    """The rule of the format, in its simplest form: enough for a well-behaved file."""
    known = {"text", "image", "image_url", "audio", "input_audio", "input_image", "document", "file"}
    return text.startswith("[{") and all(block.get("type") in known for block in json.loads(text))


def test_counts_are_those_of_the_file(database_url: str, real_file: Path, rows: sqlite3.Connection) -> None:
    done: list[int] = []
    with SessionManager(database_url) as manager:
        report = import_database(manager, real_file, progress=done.append)

        expected = [count(rows, t) for t in ("sessions", "chat_messages", "documents", "document_versions")]
        assert expected == [report.sessions, report.messages, report.documents, report.versions]
        assert expected[0] == manager.count_sessions()
        assert expected[1] == done[-1]
        assert manager.verify() == []


def test_twice_over_brings_nothing_twice(imported: SessionManager, real_file: Path, rows: sqlite3.Connection) -> None:
    before = imported.list_sessions(limit=1000).items

    report = import_database(imported, real_file)

    assert (report.sessions, report.messages, report.documents, report.versions) == (0, 0, 0, 0)
    assert count(rows, "sessions") + count(rows, "documents") == report.unchanged
    assert before == imported.list_sessions(limit=1000).items
    assert imported.verify() == []


def test_messages_come_in_order_with_their_content(imported: SessionManager, rows: sqlite3.Connection) -> None:
    for session in rows.execute("SELECT id FROM sessions").fetchall():
        found = imported.get_session(session["id"]).history
        expected = messages_of(rows, session["id"])

        assert [row["id"] for row in expected] == [message.id for message in found]
        assert [row["role"] for row in expected] == [message.role for message in found]
        assert [utc(row["timestamp"]) for row in expected] == [message.created_at for message in found]
        assert [json.loads(row["metadata"]) for row in expected] == [message.metadata for message in found]
        for row, message in zip(expected, found, strict=True):
            text = row["content"]
            assert (json.loads(text) if looks_like_blocks(text) else text) == message.content


def test_the_file_holds_what_these_tests_are_about(rows: sqlite3.Connection) -> None:
    texts = [row["content"] for row in rows.execute("SELECT content FROM chat_messages") if row[0].startswith("[{")]
    assert {True, False} == {looks_like_blocks(text) for text in texts}
    shared = rows.execute("SELECT 1 FROM chat_messages GROUP BY session_id, timestamp HAVING count(*) > 1").fetchall()
    assert shared


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("name", "name"),
        ("endpoint_url", "endpoint_url"),
        ("model", "model"),
        ("folder", "folder"),
        ("mode", "mode"),
        ("total_input_tokens", "total_input_tokens"),
        ("total_output_tokens", "total_output_tokens"),
    ],
)
def test_sessions_keep_what_they_are(manager: SessionManager, real_file: Path, field: str, column: str) -> None:
    import_database(manager, real_file)
    with closing(sqlite3.connect(f"{real_file.as_uri()}?immutable=1", uri=True)) as db:
        expected = dict(db.execute(f"SELECT id, {column} FROM sessions"))
    assert expected == {session.id: getattr(session, field) for session in manager.list_sessions(limit=1000)}


def test_owners_flags_times_and_headers_are_kept(imported: SessionManager, rows: sqlite3.Connection) -> None:
    for row in rows.execute("SELECT * FROM sessions").fetchall():
        session = imported.get_session(row["id"], last=0)
        assert (row["owner"] or "") == session.owner
        flags = (bool(row["rag"]), bool(row["archived"]), bool(row["is_important"]))
        assert flags == (session.rag, session.archived, session.is_important)
        assert json.loads(row["headers"]) == session.headers
        assert utc(row["created_at"]) == session.created_at
        said_at = row["last_message_at"]
        assert (said_at and utc(said_at)) == session.last_message_at
        assert len(messages_of(rows, row["id"])) == session.message_count


def test_documents_come_with_every_version(imported: SessionManager, rows: sqlite3.Connection) -> None:
    owners = dict(rows.execute("SELECT id, owner FROM sessions").fetchall())
    for row in rows.execute("SELECT * FROM documents").fetchall():
        document = imported.get_document(row["id"])
        assert (row["title"], row["language"], row["owner"]) == (document.title, document.language, document.owner)
        assert (row["current_content"], bool(row["archived"])) == (document.content, document.archived)
        # Whoever owns a document keeps it, so one in another's session stands alone.
        at_home = row["session_id"] if owners.get(row["session_id"]) == row["owner"] else None
        assert at_home == document.session_id
        assert versions_of(rows, row["id"]) == stored_versions(imported, row["id"])


def versions_of(rows: sqlite3.Connection, document_id: str) -> list[tuple[Any, ...]]:
    sql = "SELECT * FROM document_versions WHERE document_id = ? ORDER BY version_number"
    found = rows.execute(sql, (document_id,)).fetchall()
    return [(v["version_number"], v["content"], v["summary"], v["source"], utc(v["created_at"])) for v in found]


def stored_versions(manager: SessionManager, document_id: str) -> list[tuple[Any, ...]]:
    numbers = sorted(v.version for v in manager.list_document_versions(document_id))
    found = [manager.get_document_version(document_id, number) for number in numbers]
    return [(v.version, v.content, v.summary, v.source, v.created_at) for v in found]


def test_inspect_says_what_an_import_would_bring(manager: SessionManager, real_file: Path) -> None:
    assert inspect(real_file) == import_database(manager, real_file)


def test_the_counts_are_for_a_progress_bar(real_file: Path, rows: sqlite3.Connection) -> None:
    with read(real_file) as legacy:
        assert legacy.counts() == tuple(count(rows, t) for t in ("sessions", "chat_messages", "documents"))


def test_confined_to_an_owner_everything_is_theirs(manager: SessionManager, real_file: Path) -> None:
    report = import_database(manager.for_owner("telemachus"), real_file)
    assert report.sessions == manager.count_sessions(owner="telemachus")
