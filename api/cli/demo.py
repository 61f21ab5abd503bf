"""`demo`: a life of assets in one minute, told over HTTP."""


def demo() -> None:
    """Placeholder."""
