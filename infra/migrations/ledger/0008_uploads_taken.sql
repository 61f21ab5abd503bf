-- How often bytes were taken from where they land. Who verified what was taken earlier records and removes nothing.
ALTER TABLE ledger.uploads ADD COLUMN taken integer NOT NULL DEFAULT 0;
