"""Tests are sentences: no I/O in `domain`, real PostgreSQL in `infra` and `projections`, real HTTP in `api`."""
