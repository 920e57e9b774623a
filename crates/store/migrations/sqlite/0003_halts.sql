-- What people have stopped: `agent:NAME`, `all`, `connector:NAME`, `instance:ID`, `tool:CONNECTOR/TOOL`.
-- `recorded` is 0 until the receipt is in the ledger: a halt holds before it is recorded.

CREATE TABLE halts (
    target     TEXT    NOT NULL PRIMARY KEY,
    reason     TEXT    NOT NULL,
    stopped_by TEXT    NOT NULL,
    stopped_us INTEGER NOT NULL,
    recorded   INTEGER NOT NULL CHECK (recorded IN (0, 1))
) STRICT, WITHOUT ROWID;

-- The instance that started this one, if one did.
ALTER TABLE instances ADD COLUMN parent TEXT REFERENCES instances (id);
