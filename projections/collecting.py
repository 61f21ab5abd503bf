"""Keeps the garbage collector still while a batch is folded: it would walk a hundred thousand rows for nothing."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_resting: list[bool] = []
"""For each block that runs now, whether the first of them found the collector at work."""


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No collections in this process while the block runs, nor while any other such block runs."""
    with _LOCK:
        _resting.append(_resting[0] if _resting else gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _LOCK:
            worked = _resting.pop()
            if worked and not _resting:
                gc.enable()
