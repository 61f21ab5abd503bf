"""Tests are sentences: no I/O in `domain`, real PostgreSQL below, real HTTP in `http`, real processes in `cli`."""
