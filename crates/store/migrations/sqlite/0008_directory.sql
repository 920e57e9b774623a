-- The company's directory. `attributes` is a document of its words; ids are ours. What is `removed` waits for its receipt.
CREATE TABLE directory_users (
    id         TEXT    NOT NULL PRIMARY KEY,
    person     TEXT    NOT NULL,
    active     INTEGER NOT NULL CHECK (active IN (0, 1)),
    email      TEXT,
    attributes TEXT    NOT NULL,
    made_us    INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    recorded   INTEGER NOT NULL CHECK (recorded IN (0, 1)),
    removed    INTEGER NOT NULL CHECK (removed IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE directory_groups (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    attributes TEXT    NOT NULL,
    made_us    INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    recorded   INTEGER NOT NULL CHECK (recorded IN (0, 1)),
    removed    INTEGER NOT NULL CHECK (removed IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE directory_members (
    in_group TEXT NOT NULL REFERENCES directory_groups (id) ON DELETE CASCADE,
    user     TEXT NOT NULL REFERENCES directory_users (id) ON DELETE CASCADE,
    PRIMARY KEY (in_group, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX directory_members_by_user ON directory_members (user);

-- What an identity provider comes with. No secret is stored: `hash` is a SHA-256 of 32 random bytes in their written form.
CREATE TABLE directory_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    hash       BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    note       TEXT    NOT NULL,
    made_by    TEXT    NOT NULL,
    made_us    INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    used_us    INTEGER
) STRICT, WITHOUT ROWID;
