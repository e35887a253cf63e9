-- What a conversation needs beyond storing it: the window that a model sees, versions of a message, forks, a trash
-- that gives back, search, attachments, retention, usage, and the news for those who watch.

ALTER TABLE messages ADD COLUMN version_group TEXT COLLATE "C";   -- the same in all versions of one message
ALTER TABLE messages ADD COLUMN attachments TEXT;     -- which parts of the blocks lie in attachments
ALTER TABLE trashed_messages ADD COLUMN version_group TEXT COLLATE "C";
ALTER TABLE trashed_messages ADD COLUMN attachments TEXT;

-- The few messages that are in every context, wherever they stand.
CREATE INDEX messages_always_sent ON messages (owner, session_id, seq) WHERE role IN ('system', 'developer');
CREATE INDEX messages_versions ON messages (owner, session_id, version_group) WHERE version_group IS NOT NULL;
CREATE INDEX trashed_messages_versions ON trashed_messages (owner, session_id, version_group)
    WHERE version_group IS NOT NULL;
CREATE INDEX messages_with_attachments ON messages (owner, session_id, seq) WHERE attachments IS NOT NULL;
CREATE INDEX trashed_messages_with_attachments ON trashed_messages (owner, trash_id, session_id, seq) WHERE attachments IS NOT NULL;

ALTER TABLE sessions ADD COLUMN forked_from TEXT COLLATE "C";     -- the session that it was copied from
ALTER TABLE sessions ADD COLUMN forked_at BIGINT;    -- the number of the last message that was copied
ALTER TABLE sessions ADD COLUMN indexed_seq BIGINT NOT NULL DEFAULT 0; -- messages up to here are searchable
ALTER TABLE sessions ADD COLUMN to_index BOOLEAN NOT NULL DEFAULT TRUE; -- set while there may be others
ALTER TABLE trashed_sessions ADD COLUMN forked_from TEXT COLLATE "C";
ALTER TABLE trashed_sessions ADD COLUMN forked_at BIGINT;
ALTER TABLE trashed_sessions ADD COLUMN indexed_seq BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sessions_to_index ON sessions (owner, id) WHERE to_index;

-- A summary that stands for the messages up to a number in the context of a model.
CREATE TABLE compactions (
    owner      TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    through    BIGINT NOT NULL,
    summary    TEXT NOT NULL,
    tokens     BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner, session_id, id),
    FOREIGN KEY (owner, session_id) REFERENCES sessions (owner, id) ON DELETE CASCADE
);

CREATE TABLE trashed_compactions (
    owner      TEXT COLLATE "C" NOT NULL,
    trash_id   TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    through    BIGINT NOT NULL,
    summary    TEXT NOT NULL,
    tokens     BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner, trash_id, session_id, id),
    FOREIGN KEY (owner, trash_id) REFERENCES trash (owner, id) ON DELETE CASCADE
);

-- Which documents belonged to a session when it was removed.
CREATE TABLE trashed_attachings (
    owner       TEXT COLLATE "C" NOT NULL,
    trash_id    TEXT COLLATE "C" NOT NULL,
    session_id  TEXT COLLATE "C" NOT NULL,
    document_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (owner, trash_id, session_id, document_id),
    FOREIGN KEY (owner, trash_id) REFERENCES trash (owner, id) ON DELETE CASCADE
);

ALTER TABLE trash ADD COLUMN detail TEXT;             -- JSON: what the way back needs beyond the rows
ALTER TABLE trash ADD COLUMN version_group TEXT COLLATE "C";      -- of a version that is not the shown one
ALTER TABLE trash ADD COLUMN parent_id TEXT COLLATE "C";          -- the entry that took this one along
ALTER TABLE trash ADD COLUMN sessions BIGINT NOT NULL DEFAULT 0;
ALTER TABLE trash ADD COLUMN messages BIGINT NOT NULL DEFAULT 0;
ALTER TABLE trash ADD COLUMN documents BIGINT NOT NULL DEFAULT 0;
ALTER TABLE trash ADD COLUMN revision BIGINT NOT NULL DEFAULT 0; -- of the session, after the operation
CREATE INDEX trash_by_parent ON trash (owner, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX trash_by_time ON trash (owner, created_at, id);
CREATE INDEX trash_by_time_of_all ON trash (created_at, owner, id);
CREATE INDEX trash_by_id ON trash (id);

CREATE TABLE attachments (
    owner      TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    digest     TEXT COLLATE "C",                     -- SHA-256, in hexadecimal; NULL while it is being written
    media_type TEXT NOT NULL,
    size       BIGINT NOT NULL,                      -- in bytes
    used_at    BIGINT NOT NULL,                      -- when it was last stored or referred to anew
    PRIMARY KEY (owner, id)
);
CREATE UNIQUE INDEX attachments_of_owner ON attachments (owner, digest);
CREATE INDEX attachments_by_digest ON attachments (digest);

CREATE TABLE attachment_chunks (
    owner         TEXT COLLATE "C" NOT NULL,
    attachment_id TEXT COLLATE "C" NOT NULL,
    number        BIGINT NOT NULL,                   -- 0, 1, 2 …
    data          BYTEA NOT NULL,                      -- 1 MiB, but for the last
    PRIMARY KEY (owner, attachment_id, number),
    FOREIGN KEY (owner, attachment_id) REFERENCES attachments (owner, id) ON DELETE CASCADE
);

CREATE TABLE retention_policies (
    owner         TEXT COLLATE "C" NOT NULL,
    folder        TEXT COLLATE "C" NOT NULL,                      -- '' for sessions of any folder without a policy of its own
    archive_after BIGINT,                            -- in microseconds without use
    delete_after  BIGINT,
    keep_newest   BIGINT NOT NULL DEFAULT 0,
    keep_starred  BOOLEAN NOT NULL DEFAULT TRUE,
    legal_hold    BOOLEAN NOT NULL DEFAULT FALSE,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (owner, folder)
);

CREATE TABLE usage (
    owner         TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    day           BIGINT NOT NULL,                   -- days since 1970 in UTC
    model         TEXT NOT NULL,
    session_id    TEXT COLLATE "C" NOT NULL,
    message_id    TEXT COLLATE "C",
    input_tokens  BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost          BIGINT NOT NULL,                   -- in millionths of the currency's unit
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
);
CREATE INDEX usage_by_day ON usage (owner, day, model, session_id, input_tokens, output_tokens, cost);
-- Each of the two holds all that is summed up, so that sums by any keys are read from one of them alone.
CREATE INDEX usage_by_session ON usage (owner, session_id, message_id, day, model, input_tokens, output_tokens, cost);

-- The folded words of a message.
CREATE TABLE search_entries (
    owner       TEXT COLLATE "C" NOT NULL,
    session_id  TEXT COLLATE "C" NOT NULL,
    seq         BIGINT NOT NULL,
    fingerprint BIGINT NOT NULL,                     -- of what the message said when it was indexed
    words       TSVECTOR NOT NULL,
    PRIMARY KEY (owner, session_id, seq)
);
CREATE INDEX search_index ON search_entries USING GIN (words);

-- What changed. The transaction's number tells which rows nobody can come before any more.
CREATE TABLE changes (
    number      BIGINT GENERATED ALWAYS AS IDENTITY,
    transaction XID8 NOT NULL DEFAULT pg_current_xact_id(),
    owner       TEXT COLLATE "C" NOT NULL,
    session_id  TEXT COLLATE "C" NOT NULL,
    kind        TEXT NOT NULL,
    revision    BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (owner, transaction, number)
);
