"""The `asset_terms` read model: what assets are found by in their prompts, their bytes and their metadata."""
