"""The `asset_references` read model: from any reference to the assets that have it."""
