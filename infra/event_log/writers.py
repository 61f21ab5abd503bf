"""Writers to one originator, one after the other: those of a process would only take the revision from each other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from infra.after_fork import after_fork

LONGEST_WAIT = 10.0
"""Seconds after which a writer no longer waits for the one before: the append decides between them."""


class Writers:
    """The writers of this process. A turn is a courtesy: what is right is decided by the append."""

    def __init__(self) -> None:
        self._reset()
        after_fork(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[UUID, tuple[threading.Lock, int]] = {}

    @contextmanager
    def turn(self, originator_id: UUID) -> Iterator[None]:
        """A turn to write to the originator, when the writers that came before are done or take too long."""
        with self._lock:
            turn, writers = self._turns.get(originator_id) or (threading.Lock(), 0)
            self._turns[originator_id] = turn, writers + 1
        ours = turn.acquire(timeout=LONGEST_WAIT)
        try:
            yield
        finally:
            if ours:
                turn.release()
            with self._lock:
                turn, writers = self._turns[originator_id]
                if writers == 1:
                    del self._turns[originator_id]
                else:
                    self._turns[originator_id] = turn, writers - 1
