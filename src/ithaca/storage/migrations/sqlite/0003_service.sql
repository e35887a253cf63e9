-- What the service needs beside conversations.

-- What was done by which key, so that it is done once however often it is asked for.
CREATE TABLE repeats (
    owner       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,                        -- of all that was asked
    done        INTEGER NOT NULL,                     -- 0 while it takes several transactions
    answer      BLOB,                                 -- NULL before it is done, and when it was erased
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT;
CREATE INDEX repeats_by_time ON repeats (owner, created_at);
CREATE INDEX repeats_by_time_of_all ON repeats (created_at);
