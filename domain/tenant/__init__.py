"""A tenant: an isolated customer that owns exactly one log."""
