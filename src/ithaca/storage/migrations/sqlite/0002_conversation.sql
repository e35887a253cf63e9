-- What a conversation needs beyond storing it: the window that a model sees, versions of a message, forks, a trash
-- that gives back, search, attachments, retention, usage, and the news for those who watch.

ALTER TABLE messages ADD COLUMN version_group TEXT;   -- the same in all versions of one message
ALTER TABLE messages ADD COLUMN attachments TEXT;     -- which parts of the blocks lie in attachments
ALTER TABLE trashed_messages ADD COLUMN version_group TEXT;
ALTER TABLE trashed_messages ADD COLUMN attachments TEXT;

-- The few messages that are in every context, wherever they stand.
CREATE INDEX messages_always_sent ON messages (owner, session_id, seq) WHERE role IN ('system', 'developer');
CREATE INDEX messages_versions ON messages (owner, session_id, version_group) WHERE version_group IS NOT NULL;
CREATE INDEX trashed_messages_versions ON trashed_messages (owner, session_id, version_group)
    WHERE version_group IS NOT NULL;
CREATE INDEX messages_with_attachments ON messages (owner, session_id, seq) WHERE attachments IS NOT NULL;
CREATE INDEX trashed_messages_with_attachments ON trashed_messages (owner, trash_id, session_id, seq) WHERE attachments IS NOT NULL;

ALTER TABLE sessions ADD COLUMN forked_from TEXT;     -- the session that it was copied from
ALTER TABLE sessions ADD COLUMN forked_at INTEGER;    -- the number of the last message that was copied
ALTER TABLE sessions ADD COLUMN indexed_seq INTEGER NOT NULL DEFAULT 0; -- messages up to here are searchable
ALTER TABLE sessions ADD COLUMN to_index INTEGER NOT NULL DEFAULT 1; -- set while there may be others
ALTER TABLE trashed_sessions ADD COLUMN forked_from TEXT;
ALTER TABLE trashed_sessions ADD COLUMN forked_at INTEGER;
ALTER TABLE trashed_sessions ADD COLUMN indexed_seq INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_to_index ON sessions (owner, id) WHERE to_index;

-- A summary that stands for the messages up to a number in the context of a model.
CREATE TABLE compactions (
    owner      TEXT NOT NULL,
    session_id TEXT NOT NULL,
    id         TEXT NOT NULL,
    through    INTEGER NOT NULL,
    summary    TEXT NOT NULL,
    tokens     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (owner, session_id, id),
    FOREIGN KEY (owner, session_id) REFERENCES sessions (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE trashed_compactions (
    owner      TEXT NOT NULL,
    trash_id   TEXT NOT NULL,
    session_id TEXT NOT NULL,
    id         TEXT NOT NULL,
    through    INTEGER NOT NULL,
    summary    TEXT NOT NULL,
    tokens     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (owner, trash_id, session_id, id),
    FOREIGN KEY (owner, trash_id) REFERENCES trash (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Which documents belonged to a session when it was removed.
CREATE TABLE trashed_attachings (
    owner       TEXT NOT NULL,
    trash_id    TEXT NOT NULL,
    session_id  TEXT NOT NULL,
    document_id TEXT NOT NULL,
    PRIMARY KEY (owner, trash_id, session_id, document_id),
    FOREIGN KEY (owner, trash_id) REFERENCES trash (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

ALTER TABLE trash ADD COLUMN detail TEXT;             -- JSON: what the way back needs beyond the rows
ALTER TABLE trash ADD COLUMN version_group TEXT;      -- of a version that is not the shown one
ALTER TABLE trash ADD COLUMN parent_id TEXT;          -- the entry that took this one along
ALTER TABLE trash ADD COLUMN sessions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trash ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trash ADD COLUMN documents INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trash ADD COLUMN revision INTEGER NOT NULL DEFAULT 0; -- of the session, after the operation
CREATE INDEX trash_by_parent ON trash (owner, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX trash_by_time ON trash (owner, created_at, id);
CREATE INDEX trash_by_time_of_all ON trash (created_at, owner, id);
CREATE INDEX trash_by_id ON trash (id);

CREATE TABLE attachments (
    owner      TEXT NOT NULL,
    id         TEXT NOT NULL,
    digest     TEXT,                                -- SHA-256, in hexadecimal; NULL while it is being written
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL,                      -- in bytes
    used_at    INTEGER NOT NULL,                      -- when it was last stored or referred to anew
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX attachments_of_owner ON attachments (owner, digest);
CREATE INDEX attachments_by_digest ON attachments (digest);

CREATE TABLE attachment_chunks (
    owner         TEXT NOT NULL,
    attachment_id TEXT NOT NULL,
    number        INTEGER NOT NULL,                   -- 0, 1, 2 …
    data          BLOB NOT NULL,                      -- 1 MiB, but for the last
    PRIMARY KEY (owner, attachment_id, number),
    FOREIGN KEY (owner, attachment_id) REFERENCES attachments (owner, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE retention_policies (
    owner         TEXT NOT NULL,
    folder        TEXT NOT NULL,                      -- '' for sessions of any folder without a policy of its own
    archive_after INTEGER,                            -- in microseconds without use
    delete_after  INTEGER,
    keep_newest   INTEGER NOT NULL DEFAULT 0,
    keep_starred  INTEGER NOT NULL DEFAULT 1,
    legal_hold    INTEGER NOT NULL DEFAULT 0,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (owner, folder)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
    owner         TEXT NOT NULL,
    id            TEXT NOT NULL,
    day           INTEGER NOT NULL,                   -- days since 1970 in UTC
    model         TEXT NOT NULL,
    session_id    TEXT NOT NULL,
    message_id    TEXT,
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost          INTEGER NOT NULL,                   -- in millionths of the currency's unit
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_day ON usage (owner, day, model, session_id, input_tokens, output_tokens, cost);
-- Each of the two holds all that is summed up, so that sums by any keys are read from one of them alone.
CREATE INDEX usage_by_session ON usage (owner, session_id, message_id, day, model, input_tokens, output_tokens, cost);

-- Which message a row of the index is of. The numbers of an owner's messages lie in a range of their own.
CREATE TABLE search_entries (
    number      INTEGER PRIMARY KEY,
    owner       TEXT NOT NULL,
    session_id  TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,                     -- of what the message said when it was indexed
    UNIQUE (owner, session_id, seq)
) STRICT;
-- Words come folded and parted by spaces; the tokenizer "ascii" leaves every other letter as it is.
CREATE VIRTUAL TABLE search_index USING fts5 (
    scope, words, content = '', contentless_delete = 1, tokenize = 'ascii'
);

-- What changed, in the order of the commits. Old rows are removed after some time.
CREATE TABLE changes (
    number     INTEGER PRIMARY KEY,
    owner      TEXT NOT NULL,
    session_id TEXT NOT NULL,
    kind       TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
