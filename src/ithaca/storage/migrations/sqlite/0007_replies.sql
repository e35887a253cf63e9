-- Answers of models while they are generated, and how they ended.

CREATE TABLE replies (
    owner          TEXT NOT NULL,
    id             TEXT NOT NULL,                     -- also of the message that it becomes, unless it continues one
    session_id     TEXT NOT NULL,
    kind           TEXT NOT NULL,                     -- 'answer', 'regenerate' or 'continue'
    target_id      TEXT,                              -- the message that it stands in for, or goes on with
    state          TEXT NOT NULL,                     -- 'running', then 'complete', 'stopped', 'failed' or 'interrupted'
    fence          INTEGER NOT NULL DEFAULT 1,        -- raised when the lease is taken away: who has an old one writes nothing
    lease_until    INTEGER NOT NULL,                  -- by the database's clock
    model          TEXT NOT NULL,
    endpoint       TEXT,
    through        INTEGER NOT NULL,                  -- the number of the last message that the model was shown
    size           INTEGER NOT NULL DEFAULT 0,        -- characters in its pieces
    kept           INTEGER NOT NULL DEFAULT 1,        -- whether its pieces are still there
    message_id     TEXT,                              -- the message that it became
    finish_reason  TEXT,
    error          TEXT,                              -- JSON: what the provider said
    input_tokens   INTEGER NOT NULL DEFAULT 0,
    output_tokens  INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL,
    ended_at       INTEGER,
    PRIMARY KEY (owner, id),
    FOREIGN KEY (owner, session_id) REFERENCES sessions (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX replies_running ON replies (owner, session_id) WHERE state = 'running';
CREATE INDEX replies_by_session ON replies (owner, session_id, id);
CREATE INDEX replies_by_id ON replies (id);
CREATE INDEX replies_kept ON replies (owner, ended_at) WHERE kept = 1 AND ended_at IS NOT NULL;

-- What was generated, as it grew. They are kept for a while after the end, for those who come back.
CREATE TABLE reply_pieces (
    owner    TEXT NOT NULL,
    reply_id TEXT NOT NULL,
    stop     INTEGER NOT NULL,                        -- characters up to its end, those of the pieces before it included
    kind     TEXT NOT NULL,                           -- 'text', 'reasoning' or 'tool_call'
    text     TEXT NOT NULL,
    PRIMARY KEY (owner, reply_id, stop),
    FOREIGN KEY (owner, reply_id) REFERENCES replies (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
