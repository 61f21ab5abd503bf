-- A purge is on the record before a byte goes: the revision of the event that says so. NULL: queued by a version that
-- wrote no such event; it is written before the purge is carried out.
ALTER TABLE ledger.purges ADD COLUMN requested_revision integer;

-- What arrived of an upload goes: from this time on nothing of it is recorded any more.
ALTER TABLE ledger.uploads ADD COLUMN revoked_at timestamptz;
