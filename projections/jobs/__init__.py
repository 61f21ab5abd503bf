"""The `jobs` read model: the current state of every job, with every filter."""
