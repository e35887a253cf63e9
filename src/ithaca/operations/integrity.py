"""Every invariant, derived again from what is stored: what is counted is counted again, and so on."""

from collections.abc import AsyncIterator
from typing import Any

from ithaca.columns import Row, from_json
from ithaca.connection import Connection
from ithaca.errors import SecretError
from ithaca.models import DatabaseInfo, Problem
from ithaca.operations import attachment_checks, search
from ithaca.operations.scope import Scope
from ithaca.operations.statements import SLOT

#: Name → what finds the broken rows: owner, id, and what is wrong with it.
_CHECKS = {
    "message_count": """
        SELECT s.owner, s.id, 'counted ' || s.message_count || ', holds ' || count(m.seq)
        FROM sessions s LEFT JOIN messages m ON m.owner = s.owner AND m.session_id = s.id
        GROUP BY s.owner, s.id, s.message_count HAVING s.message_count <> count(m.seq)""",
    "next_seq": """
        SELECT s.owner, s.id, 'next is ' || s.next_seq || ', used up to ' || max(m.seq)
        FROM sessions s JOIN messages m ON m.owner = s.owner AND m.session_id = s.id
        GROUP BY s.owner, s.id, s.next_seq HAVING max(m.seq) >= s.next_seq OR min(m.seq) < 1""",
    "activity": """
        SELECT owner, id, 'active_at is not the time of the last message' FROM sessions
        WHERE active_at <> coalesce(last_message_at, created_at)""",
    "active_slot": f"""
        SELECT owner, id, 'active_slot ' || active_slot || ', active_at ' || active_at FROM sessions
        WHERE active_slot <> active_at / {SLOT}""",
    "size_class": """
        SELECT owner, id, 'size_class ' || size_class || ', counted ' || message_count FROM sessions
        WHERE (2 * (message_count / 8) + 1) >> size_class <> 1""",
    "indexed_seq": """
        SELECT owner, id, 'indexed up to ' || indexed_seq || ', next is ' || next_seq FROM sessions
        WHERE indexed_seq < 0 OR indexed_seq >= next_seq""",
    "to_index": """
        SELECT owner, id, 'indexed up to ' || indexed_seq || ', and nobody will index the rest' FROM sessions
        WHERE indexed_seq < next_seq - 1 AND NOT to_index""",
    "revision": "SELECT owner, id, 'revision ' || revision FROM sessions WHERE revision < 1",
    "message_without_session": """
        SELECT m.owner, m.session_id, 'message ' || m.id FROM messages m
        WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.owner = m.owner AND s.id = m.session_id)""",
    "content": """
        SELECT owner, session_id, 'message ' || id || ' has both text and blocks' FROM messages
        WHERE text IS NOT NULL AND blocks IS NOT NULL""",
    "document_without_session": """
        SELECT d.owner, d.id, 'its session ' || d.session_id || ' does not exist' FROM documents d
        WHERE d.session_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.owner = d.owner AND s.id = d.session_id)""",
    "document_version": """
        SELECT d.owner, d.id, 'version ' || d.version || ' of ' || count(v.version) || ' stored'
        FROM documents d LEFT JOIN document_versions v ON v.owner = d.owner AND v.document_id = d.id
        GROUP BY d.owner, d.id, d.version
        HAVING count(v.version) <> d.version OR max(v.version) <> d.version OR min(v.version) <> 1""",
    "version_without_document": """
        SELECT v.owner, v.document_id, 'version ' || v.version FROM document_versions v
        WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.owner = v.owner AND d.id = v.document_id)""",
    "chunk_without_attachment": """
        SELECT c.owner, c.attachment_id, 'chunk ' || c.number FROM attachment_chunks c
        WHERE NOT EXISTS (SELECT 1 FROM attachments a WHERE a.owner = c.owner AND a.id = c.attachment_id)""",
    "compaction": """
        SELECT c.owner, c.session_id, 'compaction ' || c.id || ' through ' || c.through FROM compactions c
        LEFT JOIN sessions s ON s.owner = c.owner AND s.id = c.session_id
        WHERE s.id IS NULL OR c.through < 1 OR c.through >= s.next_seq OR c.tokens < 0""",
    "reply": """
        SELECT owner, id, 'state ' || state || ', fence ' || fence || ', size ' || size FROM replies
        WHERE fence < 1 OR size < 0 OR kept NOT IN (0, 1) OR (state = 'running') <> (ended_at IS NULL)
            OR state NOT IN ('running', 'complete', 'stopped', 'failed', 'interrupted')
            OR state = 'running' AND (message_id IS NOT NULL OR kept = 0)""",
    "reply_size": """
        SELECT r.owner, r.id, 'size ' || r.size || ', pieces up to ' || coalesce(max(p.stop), 0)
        FROM replies r LEFT JOIN reply_pieces p ON p.owner = r.owner AND p.reply_id = r.id
        WHERE r.kept = 1 GROUP BY r.owner, r.id, r.size HAVING r.size <> coalesce(max(p.stop), 0)""",
    "reply_without_session": """
        SELECT r.owner, r.id, 'its session ' || r.session_id || ' does not exist' FROM replies r
        WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.owner = r.owner AND s.id = r.session_id)""",
    "piece_without_reply": """
        SELECT p.owner, p.reply_id, 'up to ' || p.stop FROM reply_pieces p
        WHERE NOT EXISTS (SELECT 1 FROM replies r WHERE r.owner = p.owner AND r.id = p.reply_id AND r.kept = 1)""",
    "retention": """
        SELECT owner, folder, 'the policy contradicts itself' FROM retention_policies
        WHERE archive_after < 0 OR delete_after <= coalesce(archive_after, -1) OR keep_newest < 0""",
    "endpoint": """
        SELECT owner, name, 'shared by an owner, or without a URL' FROM endpoints
        WHERE base_url = '' OR (shared = TRUE AND owner <> '') OR context_window < 1 OR max_tokens < 1""",
    "usage": """
        SELECT owner, id, 'of day ' || day || ', made at ' || created_at FROM usage
        WHERE input_tokens < 0 OR output_tokens < 0 OR cost < 0
           OR day * 86400000000 > created_at OR (day + 1) * 86400000000 <= created_at""",
    "access_key": """
        SELECT owner, id, 'opens ' || scopes || ', until ' || coalesce(expires_at, 0) FROM access_keys
        WHERE length(digest) <> 64 OR expires_at <= created_at OR used_at < created_at OR scopes NOT IN (
            'read', 'write', 'admin', 'read write', 'read admin', 'write admin', 'read write admin')""",
    "user": "SELECT owner, name, 'has no password' FROM users WHERE password NOT LIKE '$argon2%'",
    "login": """
        SELECT l.owner, l.digest, l.kind || ' of ' || coalesce(l.user_name, 'no user') FROM logins l
        WHERE length(l.digest) <> 64 OR l.expires_at <= l.created_at OR l.kind NOT IN ('link', 'opened', 'password')
            OR (l.kind = 'password') <> (l.user_name IS NOT NULL)
            OR l.user_name IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM users u WHERE u.owner = l.owner AND u.name = l.user_name)""",
    "trashed_without_entry": """
        SELECT x.owner, x.trash_id, 'trashed rows without their entry' FROM (
            SELECT owner, trash_id FROM trashed_sessions UNION SELECT owner, trash_id FROM trashed_messages
            UNION SELECT owner, trash_id FROM trashed_documents
            UNION SELECT owner, trash_id FROM trashed_compactions
            UNION SELECT owner, trash_id FROM trashed_document_versions
            UNION SELECT owner, trash_id FROM trashed_attachings) x
        WHERE NOT EXISTS (SELECT 1 FROM trash t WHERE t.owner = x.owner AND t.id = x.trash_id)""",
    "trash_count": """
        SELECT t.owner, t.id, 'counted ' || t.sessions || ' sessions, ' || t.messages || ' messages, '
            || t.documents || ' documents, holds others'
        FROM trash t
        WHERE t.sessions <> (SELECT count(*) FROM trashed_sessions x WHERE x.owner = t.owner AND x.trash_id = t.id)
            OR t.messages <> (SELECT count(*) FROM trashed_messages x WHERE x.owner = t.owner AND x.trash_id = t.id)
            OR t.documents <>
                (SELECT count(*) FROM trashed_documents x WHERE x.owner = t.owner AND x.trash_id = t.id)""",
    "trash_parent": """
        SELECT t.owner, t.id, 'the entry that it hangs on, ' || t.parent_id || ', does not exist' FROM trash t
        WHERE t.parent_id IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM trash p WHERE p.owner = t.owner AND p.id = t.parent_id)""",
    "trash_without_session": """
        SELECT t.owner, t.id, 'its session ' || t.session_id || ' does not exist' FROM trash t
        WHERE t.session_id IS NOT NULL AND t.parent_id IS NULL AND t.kind <> 'delete session'
            AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.owner = t.owner AND s.id = t.session_id)""",
    "trashed_number": """
        SELECT t.owner, t.id, 'message ' || m.id || ' has a number that is yet to be given'
        FROM trash t JOIN sessions s ON s.owner = t.owner AND s.id = t.session_id
            JOIN trashed_messages m ON m.owner = t.owner AND m.trash_id = t.id
        WHERE t.parent_id IS NULL AND t.kind <> 'delete session' AND m.seq >= s.next_seq""",
    "version_shown": """
        SELECT owner, session_id, count(*) || ' versions of one message are shown' FROM messages
        WHERE version_group IS NOT NULL GROUP BY owner, session_id, version_group HAVING count(*) > 1""",
    "version_aside": """
        SELECT t.owner, t.id, 'does not begin with a version of its message' FROM trash t
        WHERE t.kind = 'version' AND NOT EXISTS (SELECT 1 FROM trashed_messages m
            WHERE m.owner = t.owner AND m.trash_id = t.id AND m.version_group = t.version_group AND m.seq = (
                SELECT min(f.seq) FROM trashed_messages f WHERE f.owner = t.owner AND f.trash_id = t.id))""",
    "trashed_aside": """
        SELECT m.owner, m.trash_id, 'message ' || m.id || ' is not found among the versions as its entry would have it'
        FROM trash t JOIN trashed_messages m ON m.owner = t.owner AND m.trash_id = t.id
        WHERE m.aside <> (t.kind = 'version')""",
}

_PAGE = 1_000


async def verify(conn: Connection, scope: Scope) -> list[Problem]:
    """What is broken, by the name of the invariant; nothing if all is well. Reads everything."""
    problems = [problem for name, sql in _CHECKS.items() for problem in await _found(conn, scope, name, sql)]
    problems += [problem async for problem in _unreadable(conn, scope)]
    problems += [problem async for problem in _sealed(conn, scope)]
    problems += [problem async for problem in attachment_checks.broken(conn, scope)]
    problems += [problem async for problem in search.broken(conn, scope)]
    return problems + await _engine(conn)


async def _found(conn: Connection, scope: Scope, name: str, sql: str) -> list[Problem]:
    mine = "" if scope.owner is None else " WHERE owner = :owner"
    found = f"WITH found (owner, id, detail) AS ({sql}) SELECT owner, id, detail FROM found{mine}"
    return [Problem(name, *row) for row in await conn.rows(found, {"owner": scope.owner})]


async def _unreadable(conn: Connection, scope: Scope) -> AsyncIterator[Problem]:
    columns = ("blocks", "tool_calls", "metadata")
    async for row in _walk(conn, scope, "messages", ("session_id", "seq"), ("id", *columns)):
        for column, text in zip(columns, row[4:], strict=True):
            if text is not None and not _is_json(text, dict if column == "metadata" else list):
                yield Problem("json", row[0], row[1], f"{column} of message {row[3]}")
    async for row in _walk(conn, scope, "sessions", ("id",), ("extra",)):
        if row[2] is not None and not _is_json(row[2], dict):
            yield Problem("json", row[0], row[1], "extra")


def _is_json(text: str, kind: type) -> bool:
    try:
        return isinstance(from_json(text), kind)
    except (ValueError, RecursionError):
        return False


async def _sealed(conn: Connection, scope: Scope) -> AsyncIterator[Problem]:
    async for owner, id, sealed in _walk(conn, scope, "sessions", ("id",), ("headers",)):
        try:
            scope.vault.open(sealed, owner, id)
        except SecretError as error:
            yield Problem("headers", owner, id, str(error))
    async for owner, name, base_url, *sealed in _walk(
        conn, scope, "endpoints", ("name",), ("base_url", "key", "headers")
    ):
        try:
            for value in sealed:
                scope.vault.open_key(value, owner, name, base_url)
        except SecretError as error:
            yield Problem("endpoint", owner, name, str(error))


async def _walk(
    conn: Connection, scope: Scope, table: str, key: tuple[str, ...], columns: tuple[str, ...]
) -> AsyncIterator[Row]:
    """Every row of a table in the order of its key, in constant memory."""
    keys = ", ".join(("owner", *key))
    mine = "" if scope.owner is None else "owner = :owner AND "
    after: dict[str, Any] = {}
    while True:
        past = f"({keys}) > ({', '.join(f':key{i}' for i in range(len(key) + 1))})" if after else "TRUE"
        rows = await conn.rows(
            f"SELECT {keys}, {', '.join(columns)} FROM {table} WHERE {mine}{past} ORDER BY {keys} LIMIT :page",
            {**after, "owner": scope.owner, "page": _PAGE},
        )
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        after = {f"key{i}": value for i, value in enumerate(rows[-1][: len(key) + 1])}


async def _engine(conn: Connection) -> list[Problem]:
    if conn.engine != "sqlite":
        return []
    # The check of a full-text table takes what this connection last knew of it, unless it was just queried.
    await conn.rows("SELECT rowid FROM search_index WHERE search_index MATCH 'words : a' LIMIT 1")
    faults = [row[0] for row in await conn.rows("PRAGMA integrity_check") if row[0] != "ok"]
    orphans = [f"row of {row[0]} without its {row[2]}" for row in await conn.rows("PRAGMA foreign_key_check")]
    return [Problem("database", detail=str(detail)) for detail in faults + orphans]


async def describe(conn: Connection, scope: Scope, database: str) -> DatabaseInfo:
    """Which database this is, how large, and how many sessions it holds for the scope."""
    version, schema, size = [await conn.row(sql) or (0,) for sql in _DESCRIPTIONS[conn.engine]]
    mine = "" if scope.owner is None else " WHERE owner = :owner"
    sessions = await conn.row(f"SELECT count(*) FROM sessions{mine}", {"owner": scope.owner}) or (0,)
    return DatabaseInfo(database, conn.engine, str(version[0]), int(schema[0]), int(sessions[0]), int(size[0]))


_DESCRIPTIONS = {
    "sqlite": (
        "SELECT sqlite_version()",
        "PRAGMA user_version",
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    ),
    "postgres": (
        "SELECT current_setting('server_version')",
        "SELECT max(version) FROM ithaca_schema",
        "SELECT pg_database_size(current_database())",
    ),
}
