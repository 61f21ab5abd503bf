"""The log on PostgreSQL, as the `eventsourcing` library's recorder. Its internals are touched nowhere else."""
