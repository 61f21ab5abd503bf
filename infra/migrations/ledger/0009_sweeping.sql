-- What could not be removed of an upload whose time is over is tried again later, and holds up no other.
ALTER TABLE ledger.uploads
    ADD COLUMN sweep_at timestamptz,           -- not before this time; NULL: once it has expired
    ADD COLUMN attempts integer NOT NULL DEFAULT 0;
