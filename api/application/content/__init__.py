"""The bytes of assets: how they arrive, are read, purged and swept."""
