"""The content store: where the bytes of assets are, and how they get there and back."""
