"""Optimistic concurrency: expected revisions, and another attempt when another writer was first.

Writers of one process to one originator go one after the other: they would only take the revision from each other.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from eventsourcing.persistence import IntegrityError

from domain.errors import StaleRevisionError, TooManyConflictsError
from infra.after_fork import after_fork

ATTEMPTS = 5
FIRST_PAUSE = 0.002
"""Seconds between the first attempts at the most; each later pause may be twice as long."""
LONGEST_WAIT = 10.0
"""Seconds after which a writer no longer waits for the one before: the append decides between them."""

T = TypeVar("T")


def check_expected_revision(expected: int | None, current: int, of: str = "") -> None:
    """StaleRevisionError if a revision is expected, and it is not the current one."""
    if expected not in (None, current):
        raise StaleRevisionError(f"If-Match names revision {expected}{of}, but the current one is {current}.")


def retry_on_conflict(work: Callable[[], T], *, pause: bool = True) -> T:
    """Do the work, and again from the start when another writer was first: up to five times. TooManyConflictsError."""
    for attempt in range(ATTEMPTS):
        try:
            return work()
        except IntegrityError:
            if pause and attempt + 1 < ATTEMPTS:
                time.sleep(random.uniform(0, FIRST_PAUSE * 2**attempt))  # noqa: S311 - so that two do not meet again
    raise TooManyConflictsError


class Writers:
    """The writers of this process. A turn is a courtesy: what is right is decided by the append."""

    def __init__(self) -> None:
        self._reset()
        after_fork(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._turns: WeakValueDictionary[UUID, threading.Lock] = WeakValueDictionary()

    @contextmanager
    def turn(self, originator_id: UUID) -> Iterator[None]:
        """A turn to write to the originator, when the writers that came before are done or take too long."""
        with self._lock:
            turn = self._turns.setdefault(originator_id, threading.Lock())
        ours = turn.acquire(timeout=LONGEST_WAIT)
        try:
            yield
        finally:
            if ours:
                turn.release()
