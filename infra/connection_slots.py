"""Slots for a pool's connections: a tenant that is stuck in transactions or slow lists leaves some to the others."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from domain.errors import ListsBusyError, TenantBusyError

STUCK_SECONDS = 2.0
"""After how long without a slot given back a tenant counts as stuck."""
PROMPT_SECONDS = 1.0
"""Who gives a slot back within so long was not stuck."""
LIST_PATIENCE = 2.0
"""Seconds that a list waits for quicker ones. Where all that hold a slot have run for longer, none is waited for."""


@dataclass(slots=True)
class _Holder:
    freed: threading.Condition
    in_use: int = 0
    waiting: int = 0
    moved: float = 0.0
    stuck: bool = False


class TransactionSlots:
    """So many slots for each tenant. Beyond, callers wait while slots are given back, and are refused when not."""

    def __init__(self, most: int, stuck_seconds: float = STUCK_SECONDS) -> None:
        self._most = most
        self._stuck_seconds = stuck_seconds
        self._lock = threading.Lock()
        self._holders = defaultdict[UUID, _Holder](lambda: _Holder(threading.Condition(self._lock)))

    @contextmanager
    def slot(self, tenant_id: UUID | None) -> Iterator[None]:
        """One of the tenant's slots while the block runs; without a tenant, none is taken. TenantBusyError."""
        if tenant_id is None:
            yield
            return
        holder, since = self._take(tenant_id)
        try:
            yield
        finally:
            self._give_back(tenant_id, holder, since)

    def _take(self, tenant_id: UUID) -> tuple[_Holder, float]:
        with self._lock:
            holder = self._holders[tenant_id]
            if holder.in_use >= self._most:
                self._wait(holder)
            holder.in_use += 1
            holder.moved = time.monotonic()
            return holder, holder.moved

    def _wait(self, holder: _Holder) -> None:
        """Wait for a slot; held and kept by the waiting, the holder stays known."""
        holder.waiting += 1
        try:
            while holder.in_use >= self._most:
                left = holder.moved + self._stuck_seconds - time.monotonic()
                if holder.stuck or left <= 0:
                    holder.stuck = True
                    raise TenantBusyError
                holder.freed.wait(left)
        finally:
            holder.waiting -= 1

    def _give_back(self, tenant_id: UUID, holder: _Holder, since: float) -> None:
        with self._lock:
            holder.in_use -= 1
            holder.moved = time.monotonic()
            if holder.moved - since < PROMPT_SECONDS:
                holder.stuck = False
            if holder.waiting:
                holder.freed.notify()
            elif not holder.in_use:
                del self._holders[tenant_id]


class ListSlots:
    """Half of a pool's connections, of which one tenant leaves a quarter to the others."""

    def __init__(self, pool_size: int) -> None:
        self.most = max(1, pool_size // 2)
        self.most_of_tenant = max(1, self.most - self.most // 4)
        self._lock = threading.Lock()
        self._running: dict[object, tuple[UUID, float]] = {}
        self._waiting: dict[object, tuple[UUID, threading.Condition]] = {}
        """Who has waited longest comes first."""

    @property
    def waiting(self) -> list[UUID]:
        """The tenants whose lists wait for a slot, the longest first."""
        with self._lock:
            return [tenant_id for tenant_id, _ in self._waiting.values()]

    @contextmanager
    def slot(self, tenant_id: UUID) -> Iterator[None]:
        """A slot for one list of the tenant. ListsBusyError where slow lists hold all that it may have."""
        number = object()
        try:
            with self._lock:
                self._take(number, tenant_id)
            yield
        finally:
            with self._lock:
                self._waiting.pop(number, None)
                self._running.pop(number, None)
                self._hand_over()

    def _take(self, number: object, tenant_id: UUID) -> None:
        """Take a slot that is free, or wait until one is handed over. ListsBusyError."""
        while number not in self._running:
            patience = self._patience(tenant_id)
            if patience is None:
                self._run(number, tenant_id)
                return
            if patience <= 0:
                raise ListsBusyError
            _, freed = self._waiting.setdefault(number, (tenant_id, threading.Condition(self._lock)))
            freed.wait(patience)

    def _hand_over(self) -> None:
        """Let the first run that may, and wake nobody else: to wake all of many costs more than a list does."""
        for number, (tenant_id, freed) in self._waiting.items():
            if self._patience(tenant_id) is None:
                self._run(number, tenant_id)
                freed.notify()
                return

    def _run(self, number: object, tenant_id: UUID) -> None:
        self._waiting.pop(number, None)
        self._running[number] = tenant_id, time.monotonic()

    def _patience(self, tenant_id: UUID) -> float | None:
        """For how long one of the lists that are in the way may still be quick; None if none is in the way."""
        starts = [start for holder, start in self._running.values() if holder == tenant_id]
        if len(starts) < self.most_of_tenant:
            if len(self._running) < self.most:
                return None
            starts = [start for _, start in self._running.values()]
        return max(starts) + LIST_PATIENCE - time.monotonic()
