-- People who sign in, and what proves it. No secret is stored: `passphrase` is an argon2id hash, `hash` a SHA-256 of 32
-- random bytes. `groups` is an array of names, as the identity provider said last.

CREATE TABLE accounts (
    person       TEXT    NOT NULL PRIMARY KEY,
    groups       TEXT    NOT NULL,
    issuer       TEXT,
    subject      TEXT,
    passphrase   TEXT,
    signed_in_us INTEGER,
    CHECK ((issuer IS NULL) = (subject IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE access_keys (
    hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    kind       TEXT    NOT NULL CHECK (kind IN ('session', 'setup', 'token')),
    person     TEXT    NOT NULL,
    made_us    INTEGER NOT NULL,
    used_us    INTEGER NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX access_keys_by_person ON access_keys (person);
