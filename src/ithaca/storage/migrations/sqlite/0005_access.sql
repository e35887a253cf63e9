-- Who may ask the service: keys for programs, users with passwords, and where they are logged in.
-- Of a key, a cookie or a link only the SHA-256 is here, in hexadecimal digits: who reads the database gets in nowhere.

CREATE TABLE access_keys (
    owner      TEXT NOT NULL,                         -- whose data it opens
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,                         -- what it is for
    digest     TEXT NOT NULL,
    hint       TEXT NOT NULL,                         -- how it begins, so that its holder knows it again
    scopes     TEXT NOT NULL,                         -- of "read write admin", in this order
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    used_at    INTEGER,
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX access_keys_by_digest ON access_keys (digest);
CREATE INDEX access_keys_by_id ON access_keys (id);

CREATE TABLE users (
    owner       TEXT NOT NULL,                        -- whose data he works on
    name        TEXT NOT NULL,                        -- what he logs in with
    password    TEXT NOT NULL,                        -- hashed, as argon2 writes it
    is_admin    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    password_at INTEGER NOT NULL,                     -- when the password was set
    PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX users_by_name ON users (name);

CREATE TABLE logins (
    owner      TEXT NOT NULL,
    digest     TEXT NOT NULL,
    kind       TEXT NOT NULL,                         -- link (not opened yet), opened (by a link), password
    user_name  TEXT,                                  -- who logged in with his password
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (owner, digest),
    FOREIGN KEY (owner, user_name) REFERENCES users (owner, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX logins_by_digest ON logins (digest);
CREATE INDEX logins_by_user ON logins (owner, user_name);
CREATE INDEX logins_by_end ON logins (expires_at);

-- How often a log-in was tried lately: to an account from an address, to an account, from an address. Names and
-- addresses are hashed, since people type passwords into the wrong field; '' stands for any.
CREATE TABLE login_attempts (
    account TEXT NOT NULL,
    address TEXT NOT NULL,
    count   INTEGER NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (account, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX login_attempts_by_time ON login_attempts (since);
