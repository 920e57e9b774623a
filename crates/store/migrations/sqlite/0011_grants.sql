-- Grants for a time. `state` is `pending`, `given`, `denied` or `revoked`; `expires_us` is until when a request can be
-- answered, and until when what is given holds; `recorded` whether a receipt says so. What no query asks for is in `body`, JSON.

CREATE TABLE grants (
    id         TEXT    NOT NULL PRIMARY KEY,
    agent      TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'given', 'denied', 'revoked')),
    asked_us   INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    recorded   INTEGER NOT NULL CHECK (recorded IN (0, 1)),
    body       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
