"""What the ledger runs on: PostgreSQL, the event log, the key store, settings."""
