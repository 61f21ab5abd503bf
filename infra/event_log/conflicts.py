"""Optimistic concurrency: expected revisions, and another attempt when another writer was first."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from eventsourcing.persistence import IntegrityError

from domain.errors import StaleRevisionError, TooManyConflictsError

ATTEMPTS = 5
FIRST_PAUSE = 0.002
"""Seconds between the first attempts at the most; each later pause may be twice as long."""

T = TypeVar("T")


def check_expected_revision(expected: int | None, current: int, of: str = "") -> None:
    """StaleRevisionError if a revision is expected, and it is not the current one."""
    if expected not in (None, current):
        raise StaleRevisionError(f"If-Match names revision {expected}{of}, but the current one is {current}.")


def retry_on_conflict(work: Callable[[], T], *, pause: bool = True) -> T:
    """Do the work, and again from the start when another writer was first, after a pause unless it must not wait.

    Raises TooManyConflictsError after five times.
    """
    for attempt in range(ATTEMPTS):
        try:
            return work()
        except IntegrityError:
            if pause and attempt + 1 < ATTEMPTS:
                time.sleep(random.uniform(0, FIRST_PAUSE * 2**attempt))  # noqa: S311 - so that two do not meet again
    raise TooManyConflictsError
