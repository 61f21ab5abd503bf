"""The work that a clock starts."""
