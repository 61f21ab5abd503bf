"""The `asset_versions` read model: every version of every asset, for lists that look back."""
