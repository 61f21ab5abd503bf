"""One asset: what can happen to it, and when it may."""
