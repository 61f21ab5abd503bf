"""What tenants share, such as connections: one whose requests get stuck must leave some for the others."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from domain.errors import TenantBusyError

STUCK_SECONDS = 2.0
"""After how long without a slot given back a tenant counts as stuck."""
PROMPT_SECONDS = 1.0
"""Who gives a slot back within so long was not stuck."""


@dataclass(slots=True)
class _Share:
    """One tenant's slots."""

    freed: threading.Condition
    in_use: int = 0
    waiting: int = 0
    moved: float = 0.0
    stuck: bool = False


class Shares:
    """So many slots for each tenant. Beyond, callers wait while slots are given back, and are refused when not."""

    def __init__(self, most: int, stuck_seconds: float = STUCK_SECONDS) -> None:
        self._most = most
        self._stuck_seconds = stuck_seconds
        self._lock = threading.Lock()
        self._shares: dict[UUID, _Share] = {}

    @contextmanager
    def slot(self, tenant_id: UUID | None) -> Iterator[None]:
        """One of the tenant's slots while the block runs; without a tenant, none is taken. TenantBusyError."""
        if tenant_id is None:
            yield
            return
        share, since = self._take(tenant_id)
        try:
            yield
        finally:
            self._give_back(tenant_id, share, since)

    def _take(self, tenant_id: UUID) -> tuple[_Share, float]:
        with self._lock:
            share = self._shares.get(tenant_id)
            if share is None:
                share = self._shares[tenant_id] = _Share(threading.Condition(self._lock))
            if share.in_use >= self._most:
                self._wait(share)
            share.in_use += 1
            share.moved = time.monotonic()
            return share, share.moved

    def _wait(self, share: _Share) -> None:
        """Wait for a slot; held and kept by the waiting, the share stays known."""
        share.waiting += 1
        try:
            while share.in_use >= self._most:
                left = share.moved + self._stuck_seconds - time.monotonic()
                if share.stuck or left <= 0:
                    share.stuck = True
                    raise TenantBusyError
                share.freed.wait(left)
        finally:
            share.waiting -= 1

    def _give_back(self, tenant_id: UUID, share: _Share, since: float) -> None:
        with self._lock:
            share.in_use -= 1
            share.moved = time.monotonic()
            if share.moved - since < PROMPT_SECONDS:
                share.stuck = False
            if share.waiting:
                share.freed.notify()
            elif not share.in_use:
                del self._shares[tenant_id]
