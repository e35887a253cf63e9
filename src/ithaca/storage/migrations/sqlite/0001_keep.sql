-- Sessions, their messages in order, documents with versions, and the trash of each owner.
-- The owner leads every key. Times are microseconds since 1970 in UTC. JSON is text.
-- Tables without a rowid lie in the order of their key, so the end of a conversation is read from a few
-- neighbouring pages however many conversations were written at the same time.

CREATE TABLE sessions (
    owner               TEXT NOT NULL,
    id                  TEXT NOT NULL,
    name                TEXT NOT NULL,
    name_key            TEXT NOT NULL,              -- the name folded, for sorting and finding
    endpoint_url        TEXT NOT NULL,
    model               TEXT NOT NULL,
    rag                 INTEGER NOT NULL DEFAULT 0,
    archived            INTEGER NOT NULL DEFAULT 0,
    is_important        INTEGER NOT NULL DEFAULT 0,
    folder              TEXT,
    mode                TEXT,
    headers             BLOB,                       -- encrypted
    extra               TEXT,
    next_seq            INTEGER NOT NULL DEFAULT 1, -- the number that the next message takes
    message_count       INTEGER NOT NULL DEFAULT 0,
    total_input_tokens  INTEGER NOT NULL DEFAULT 0,
    total_output_tokens INTEGER NOT NULL DEFAULT 0,
    revision            INTEGER NOT NULL DEFAULT 1,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    last_accessed       INTEGER NOT NULL,
    last_message_at     INTEGER,
    active_at           INTEGER NOT NULL,           -- last_message_at, or created_at before the first message
    active_slot         INTEGER NOT NULL,           -- active_at in units of ten seconds: it changes seldom
    size_class          INTEGER NOT NULL DEFAULT 0, -- of message_count: grows by one when it doubles, from 8 on
    lineage             INTEGER NOT NULL DEFAULT (random()), -- drawn anew when messages change other than by being added
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;
-- Lists of an owner's sessions and of all, each in the order of an index. An append changes no indexed column of its
-- session, but for the first one in a slot and for those that bring the session into another size class.
CREATE INDEX sessions_by_activity ON sessions (owner, archived, active_slot);
CREATE INDEX sessions_by_activity_of_all ON sessions (archived, active_slot);
CREATE INDEX sessions_by_messages ON sessions (owner, archived, size_class);
CREATE INDEX sessions_by_messages_of_all ON sessions (archived, size_class);
CREATE INDEX sessions_by_created ON sessions (owner, archived, created_at, id);
CREATE INDEX sessions_by_created_of_all ON sessions (archived, created_at, owner, id);
CREATE INDEX sessions_by_name ON sessions (owner, archived, name_key, id);
CREATE INDEX sessions_by_name_of_all ON sessions (archived, name_key, owner, id);
CREATE INDEX sessions_starred ON sessions (owner) WHERE is_important;
CREATE INDEX sessions_in_folder ON sessions (owner, folder) WHERE folder IS NOT NULL;
CREATE INDEX sessions_by_id ON sessions (id);

CREATE TABLE messages (
    owner        TEXT NOT NULL,
    session_id   TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    id           TEXT NOT NULL,
    role         TEXT NOT NULL,
    text         TEXT,                              -- content that is text
    blocks       TEXT,                              -- content that is a list of blocks
    tool_calls   TEXT,
    tool_call_id TEXT,
    name         TEXT,
    metadata     TEXT,
    tokens       INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    edited_at    INTEGER,
    PRIMARY KEY (owner, session_id, seq),
    FOREIGN KEY (owner, session_id) REFERENCES sessions (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX messages_by_id ON messages (owner, session_id, id);

CREATE TABLE documents (
    owner      TEXT NOT NULL,
    id         TEXT NOT NULL,
    session_id TEXT,
    title      TEXT NOT NULL,
    language   TEXT,
    version    INTEGER NOT NULL,                    -- the current one of document_versions
    archived   INTEGER NOT NULL DEFAULT 0,
    revision   INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (owner, id),
    FOREIGN KEY (owner, session_id) REFERENCES sessions (owner, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX documents_by_session ON documents (owner, session_id);
CREATE INDEX documents_by_update ON documents (owner, updated_at, id);
CREATE INDEX documents_by_update_of_all ON documents (updated_at, owner, id);
CREATE INDEX documents_by_id ON documents (id);

CREATE TABLE document_versions (
    owner       TEXT NOT NULL,
    document_id TEXT NOT NULL,
    version     INTEGER NOT NULL,
    title       TEXT NOT NULL,
    language    TEXT,
    content     TEXT NOT NULL,
    size        INTEGER NOT NULL,                   -- of the content, in characters
    summary     TEXT,
    source      TEXT,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (owner, document_id, version),
    FOREIGN KEY (owner, document_id) REFERENCES documents (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What an operation removed: one row an operation, and the removed rows as they were.
CREATE TABLE trash (
    owner       TEXT NOT NULL,
    id          TEXT NOT NULL,
    kind        TEXT NOT NULL,
    session_id  TEXT,
    document_id TEXT,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX trash_by_session ON trash (owner, session_id);

CREATE TABLE trashed_sessions (
    owner               TEXT NOT NULL,
    trash_id            TEXT NOT NULL,
    id                  TEXT NOT NULL,
    name                TEXT NOT NULL,
    name_key            TEXT NOT NULL,
    endpoint_url        TEXT NOT NULL,
    model               TEXT NOT NULL,
    rag                 INTEGER NOT NULL,
    archived            INTEGER NOT NULL,
    is_important        INTEGER NOT NULL,
    folder              TEXT,
    mode                TEXT,
    headers             BLOB,
    extra               TEXT,
    next_seq            INTEGER NOT NULL,
    message_count       INTEGER NOT NULL,
    total_input_tokens  INTEGER NOT NULL,
    total_output_tokens INTEGER NOT NULL,
    revision            INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    last_accessed       INTEGER NOT NULL,
    last_message_at     INTEGER,
    active_at           INTEGER NOT NULL,
    active_slot         INTEGER NOT NULL,
    size_class          INTEGER NOT NULL,
    PRIMARY KEY (owner, trash_id, id),
    FOREIGN KEY (owner, trash_id) REFERENCES trash (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX trashed_sessions_by_id ON trashed_sessions (owner, id);

CREATE TABLE trashed_messages (
    owner        TEXT NOT NULL,
    trash_id     TEXT NOT NULL,
    session_id   TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    id           TEXT NOT NULL,
    role         TEXT NOT NULL,
    text         TEXT,
    blocks       TEXT,
    tool_calls   TEXT,
    tool_call_id TEXT,
    name         TEXT,
    metadata     TEXT,
    tokens       INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    edited_at    INTEGER,
    PRIMARY KEY (owner, trash_id, session_id, seq),
    FOREIGN KEY (owner, trash_id) REFERENCES trash (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX trashed_messages_by_session ON trashed_messages (owner, session_id, id);

CREATE TABLE trashed_documents (
    owner      TEXT NOT NULL,
    trash_id   TEXT NOT NULL,
    id         TEXT NOT NULL,
    session_id TEXT,
    title      TEXT NOT NULL,
    language   TEXT,
    version    INTEGER NOT NULL,
    archived   INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (owner, trash_id, id),
    FOREIGN KEY (owner, trash_id) REFERENCES trash (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX trashed_documents_by_id ON trashed_documents (owner, id);

CREATE TABLE trashed_document_versions (
    owner       TEXT NOT NULL,
    trash_id    TEXT NOT NULL,
    document_id TEXT NOT NULL,
    version     INTEGER NOT NULL,
    title       TEXT NOT NULL,
    language    TEXT,
    content     TEXT NOT NULL,
    size        INTEGER NOT NULL,
    summary     TEXT,
    source      TEXT,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (owner, trash_id, document_id, version),
    FOREIGN KEY (owner, trash_id) REFERENCES trash (owner, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
