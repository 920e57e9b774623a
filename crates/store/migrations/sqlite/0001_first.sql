-- Times are microseconds since 1970-01-01T00:00:00Z (`_us`). Digests are the raw 32 bytes.
-- Documents are JSON texts that the strict parser reads back to the same tree.

CREATE TABLE agents (
    name          TEXT    NOT NULL PRIMARY KEY,
    owner         TEXT    NOT NULL,
    purpose       TEXT    NOT NULL,
    tier          INTEGER NOT NULL CHECK (tier BETWEEN 1 AND 3),
    groups        TEXT    NOT NULL,
    registered_us INTEGER NOT NULL,
    status        TEXT    NOT NULL CHECK (status IN ('active', 'revoked'))
) STRICT;

CREATE TABLE instances (
    id           TEXT    NOT NULL PRIMARY KEY,
    agent        TEXT    NOT NULL REFERENCES agents (name),
    task         TEXT,
    ticket       TEXT,
    on_behalf_of TEXT,
    facts        TEXT    NOT NULL,
    started_by   TEXT    NOT NULL,
    started_us   INTEGER NOT NULL,
    expires_us   INTEGER NOT NULL,
    revoked_us   INTEGER
) STRICT;

CREATE INDEX instances_by_expiry ON instances (expires_us);
CREATE INDEX instances_by_start ON instances (started_us);

-- A tool is accepted, seen differently, or both; never neither.
CREATE TABLE pinned_tools (
    connector TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    place     INTEGER NOT NULL,
    accepted  TEXT,
    seen      TEXT,
    PRIMARY KEY (connector, name),
    CHECK (accepted IS NOT NULL OR seen IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- `sequence` orders questions by when they were opened.
CREATE TABLE approvals (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    digest       BLOB    NOT NULL CHECK (length(digest) = 32),
    agent        TEXT    NOT NULL,
    instance     TEXT    NOT NULL,
    owner        TEXT    NOT NULL,
    on_behalf_of TEXT,
    ticket       TEXT,
    connector    TEXT    NOT NULL,
    operation    TEXT    NOT NULL,
    arguments    TEXT    NOT NULL,
    gates        TEXT    NOT NULL,
    policy       BLOB    NOT NULL CHECK (length(policy) = 32),
    asked_us     INTEGER NOT NULL,
    expires_us   INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'approved', 'consumed', 'denied')),
    answered_by  TEXT,
    answered_us  INTEGER,
    rationale    TEXT,
    -- An answer is whole or absent, and absent exactly while nobody has answered.
    CHECK ((state = 'pending') = (answered_by IS NULL)),
    CHECK ((answered_by IS NULL) = (answered_us IS NULL) AND (answered_by IS NULL) = (rationale IS NULL))
) STRICT;

CREATE INDEX approvals_by_digest ON approvals (digest, sequence);
CREATE INDEX approvals_pending_by_agent ON approvals (agent, expires_us) WHERE state = 'pending';

CREATE TABLE marks (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
