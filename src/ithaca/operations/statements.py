"""Statements and lists of columns that several modules share."""

#: The columns of a message in the order in which `ChatMessage` reads a row.
MESSAGE_COLUMNS = (
    "seq, id, role, text, blocks, tool_calls, tool_call_id, name, metadata, tokens, created_at, edited_at,"
    " version_group, attachments"
)

#: All columns of a session but its owner.
SESSION_COLUMNS = (
    "id, name, name_key, endpoint_url, model, rag, archived, is_important, folder, mode, headers, extra, next_seq,"
    " message_count, total_input_tokens, total_output_tokens, revision, created_at, updated_at, last_accessed,"
    " last_message_at, active_at, forked_from, forked_at, indexed_seq"
)

#: The lock, the numbers, and the proof that the session exists, in one statement.
TAKE_NUMBERS = """
    UPDATE sessions SET
        next_seq = next_seq + :count, message_count = message_count + :count, revision = revision + 1,
        updated_at = :now, last_accessed = :now,
        last_message_at = CASE WHEN last_message_at > :at THEN last_message_at ELSE :at END,
        active_at = CASE WHEN last_message_at > :at THEN last_message_at ELSE :at END
    WHERE owner = :owner AND id = :session_id
      AND (CAST(:expected AS BIGINT) IS NULL OR revision = :expected) AND in_turn(:owner, :session_id)
    RETURNING next_seq - :count, revision
"""

INSERT_MESSAGE = """
    INSERT INTO messages (owner, session_id, seq, id, role, text, blocks, tool_calls, tool_call_id, name,
                          metadata, tokens, attachments, created_at)
    VALUES (:owner, :session_id, :seq, :id, :role, :text, :blocks, :tool_calls, :tool_call_id, :name,
            :metadata, :tokens, :attachments, :created_at)
"""

#: For a message that was stored before and keeps its times.
INSERT_KNOWN_MESSAGE = INSERT_MESSAGE.replace("created_at)", "created_at, edited_at, version_group)", 1).replace(
    ":created_at)", ":created_at, :edited_at, :version_group)"
)

RECORD_CHANGE = """
    INSERT INTO changes (owner, session_id, kind, revision, created_at)
    VALUES (:owner, :session_id, :kind, :revision, :now)
"""

#: News that are kept at least; a watcher that was away for longer is told that it missed something.
CHANGES_KEPT = 100_000

PRUNE_CHANGES = "DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - :kept"

HOLDS_ANY = """
    SELECT 1 FROM messages INDEXED BY messages_by_id
    WHERE owner = :owner AND session_id = :session_id AND id IN (EACH(:ids)) LIMIT 1
"""
