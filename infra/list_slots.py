"""The share of a pool's connections that lists may hold at once: slow ones leave the rest to everything else."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from domain.errors import ListsBusyError

PATIENCE = 2.0
"""Seconds that a list waits for quicker ones. Where all that hold a slot have run for longer, none is waited for."""


class ListSlots:
    """Half of a pool's connections, of which one tenant leaves a quarter to the others."""

    def __init__(self, pool_size: int) -> None:
        self.most = max(1, pool_size // 2)
        self.most_of_tenant = max(1, self.most - self.most // 4)
        self._changed = threading.Condition()
        self._running: dict[object, tuple[UUID, float]] = {}

    @contextmanager
    def slot(self, tenant_id: UUID) -> Iterator[None]:
        """A slot for one list of the tenant. ListsBusyError where slow lists hold all that it may have."""
        number = object()
        with self._changed:
            while (patience := self._patience(tenant_id)) is not None:
                if patience <= 0:
                    raise ListsBusyError
                self._changed.wait(patience)
            self._running[number] = tenant_id, time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                del self._running[number]
                self._changed.notify_all()

    def _patience(self, tenant_id: UUID) -> float | None:
        """For how long one of the lists that are in the way may still be quick; None if none is in the way."""
        of_tenant = Counter(holder for holder, _ in self._running.values())[tenant_id]
        if of_tenant >= self.most_of_tenant:
            starts = [start for holder, start in self._running.values() if holder == tenant_id]
        elif len(self._running) >= self.most:
            starts = [start for _, start in self._running.values()]
        else:
            return None
        return max(starts) + PATIENCE - time.monotonic()
