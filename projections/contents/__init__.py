"""What bytes each asset has, had, and no longer has."""
