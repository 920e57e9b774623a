-- The groups into which an identity provider put the person acted for: names and single spaces.
ALTER TABLE instances ADD COLUMN person_groups TEXT NOT NULL DEFAULT '';
