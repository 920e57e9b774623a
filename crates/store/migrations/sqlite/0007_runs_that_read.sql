-- Runs that may only read, because nobody said what they are for.
ALTER TABLE instances ADD COLUMN reads_only INTEGER NOT NULL DEFAULT 0 CHECK (reads_only IN (0, 1));
