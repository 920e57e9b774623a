-- Sign-ins at upstream systems, sealed with a key that is not here.
CREATE TABLE vault (
    connector TEXT NOT NULL PRIMARY KEY,
    sealed    BLOB NOT NULL
) STRICT, WITHOUT ROWID;
