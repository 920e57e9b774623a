-- How agents prove themselves: `means` is a document. No secret is in it.
CREATE TABLE credentials (
    id       TEXT    NOT NULL PRIMARY KEY,
    agent    TEXT    NOT NULL REFERENCES agents (name),
    means    TEXT    NOT NULL,
    added_us INTEGER NOT NULL,
    added_by TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- One-time codes, by their digest. A used one is gone.
CREATE TABLE enrolments (
    code       BLOB    NOT NULL PRIMARY KEY CHECK (length(code) = 32),
    agent      TEXT    NOT NULL REFERENCES agents (name),
    made_by    TEXT    NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a run is narrowed to: tokens of a scope and single spaces, empty for no narrowing.
ALTER TABLE instances ADD COLUMN kind TEXT;
ALTER TABLE instances ADD COLUMN purpose TEXT;
ALTER TABLE instances ADD COLUMN scope TEXT NOT NULL DEFAULT '';
