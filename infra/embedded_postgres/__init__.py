"""An embedded PostgreSQL: the server of one data directory, shared by the processes that use it."""
