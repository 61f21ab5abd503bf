-- The feed by topic is served by the index of the audit trail, which is there anyway: this one cost every append as much
-- as the key of the events.
DROP INDEX IF EXISTS ledger.events_topic;
