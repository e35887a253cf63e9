-- Models' servers that are registered by a name.

CREATE TABLE endpoints (
    owner          TEXT COLLATE "C" NOT NULL,
    name           TEXT COLLATE "C" NOT NULL,
    base_url       TEXT NOT NULL,
    model          TEXT NOT NULL DEFAULT '',
    context_window BIGINT,                            -- in tokens
    max_tokens     BIGINT,                            -- of an answer
    shared         BOOLEAN NOT NULL DEFAULT FALSE,    -- for everybody; nobody's then
    key            BYTEA,                             -- encrypted, for this URL only
    headers        BYTEA,                             -- encrypted, likewise
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (owner, name)
);
