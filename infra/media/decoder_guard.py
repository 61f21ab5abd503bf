"""Hostile bytes: whatever a decoder raises over them becomes one error, and absurd numbers become unknown.

How many files are decoded at once is bounded, and so is the sum of their memory; reading headers needs no turn.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from domain.errors import ServiceUnavailableError

MAX_PIXELS_A_SIDE = 2**31 - 1
MAX_PIXELS = 8192 * 8192
"""What a picture may have to be decoded."""
AT_ONCE = 2
PICTURES = BoundedSemaphore(AT_ONCE)
SOUNDS = BoundedSemaphore(AT_ONCE)
"""Half an hour of a sound takes many times as long as a picture and a fraction of its memory."""
DOCUMENTS = BoundedSemaphore(4)
"""Each is a process with a limit of its own."""


class UnreadableError(Exception):
    """The bytes cannot be understood."""


@contextmanager
def decoding(problem: str) -> Iterator[None]:
    """Run a decoder; UnreadableError with the problem for whatever it raises, unless it could not be run at all."""
    try:
        yield
    except (UnreadableError, ServiceUnavailableError):
        raise
    except Exception as error:
        raise UnreadableError(problem) from error


def count(value: object) -> int | None:
    """The number if it can be a count or a size in pixels, otherwise None."""
    return value if isinstance(value, int) and 0 < value <= MAX_PIXELS_A_SIDE else None


def quantity(value: float | None) -> float | None:
    """The number if it is positive and finite, otherwise None."""
    return float(value) if value is not None and math.isfinite(value) and value > 0 else None
