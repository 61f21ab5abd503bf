"""Pauses the garbage collector while a batch is folded: a batch keeps its rows, so there is little to collect."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_pauses: list[bool] = []
"""For each block that runs now, whether the collector was enabled before the first of them."""


@contextmanager
def gc_paused() -> Iterator[None]:
    """Disable the collector of this process until the last of such blocks ends."""
    with _LOCK:
        _pauses.append(_pauses[0] if _pauses else gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _LOCK:
            was_enabled = _pauses.pop()
            if was_enabled and not _pauses:
                gc.enable()
