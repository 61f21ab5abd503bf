-- Why content is to go, for the event that says that it is gone: sealed for the subject of its asset, as it will be there.
ALTER TABLE ledger.purges ADD COLUMN reason bytea;
