-- Models' servers that are registered by a name.

CREATE TABLE endpoints (
    owner          TEXT NOT NULL,
    name           TEXT NOT NULL,
    base_url       TEXT NOT NULL,
    model          TEXT NOT NULL DEFAULT '',
    context_window INTEGER,                           -- in tokens
    max_tokens     INTEGER,                           -- of an answer
    shared         INTEGER NOT NULL DEFAULT 0,        -- for everybody; nobody's then
    key            BLOB,                              -- encrypted, for this URL only
    headers        BLOB,                              -- encrypted, likewise
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;
