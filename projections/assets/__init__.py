"""The `assets` read model: the current state of every asset, with every filter."""
