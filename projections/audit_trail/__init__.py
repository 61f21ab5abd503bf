"""The `audit_trail` read model: one row per event, found by who, what, when and which asset."""
