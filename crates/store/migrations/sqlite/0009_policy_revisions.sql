-- Texts by their SHA-256: manifests of policy sets, and the definitions of the tools they were typed by. Never removed.
CREATE TABLE policy_documents (
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    text   TEXT NOT NULL
) STRICT;

-- What came into force for everybody, in order.
CREATE TABLE policy_activations (
    number      INTEGER NOT NULL PRIMARY KEY,
    revision    BLOB    NOT NULL CHECK (length(revision) = 32),
    texts       BLOB    NOT NULL CHECK (length(texts) = 32),
    files       BLOB             CHECK (length(files) = 32),
    at_us       INTEGER NOT NULL,
    changed_by  TEXT,
    approved_by TEXT,
    origin      TEXT    NOT NULL,
    returns_to  INTEGER
) STRICT;

-- Policy sets beside the one in force, one of a kind. `agents`: names and single spaces.
CREATE TABLE policy_candidates (
    kind       TEXT    NOT NULL PRIMARY KEY,
    revision   BLOB    NOT NULL CHECK (length(revision) = 32),
    texts      BLOB    NOT NULL CHECK (length(texts) = 32),
    base       BLOB    NOT NULL CHECK (length(base) = 32),
    agents     TEXT    NOT NULL,
    at_us      INTEGER NOT NULL,
    changed_by TEXT,
    origin     TEXT    NOT NULL,
    since      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
