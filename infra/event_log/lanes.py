"""Lanes: queues for the appends of tenants whose head another transaction holds, so that each delays only itself.

Few may wait in a lane once it takes long, for each append keeps a thread of its caller.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from domain.errors import LogBusyError
from infra.event_log.pending_append import Patience, PendingAppend, Queue, all_resolved, drain
from infra.supervision import SupervisedThread

LANE_TURN = 1_000
"""Milliseconds that a lane waits for the head at once. When they are over, the tenant counts as stuck."""
MOST_LANES = 8
MOST_IN_LANE = 200
MOST_WHEN_STUCK = 8
"""Appends that wait in the lane of a tenant that is stuck; beyond, they are refused at once."""


@dataclass(slots=True)
class _Lane:
    queue: Queue = field(default_factory=Queue)
    held_back: list[PendingAppend] = field(default_factory=list)
    """Those whose turn came and went without the head."""
    size: int = 0
    """All that wait here."""
    stuck: bool = False


class Lanes:
    """The lanes of one writer by tenant, each with a thread of its own that ends when its lane is empty.

    `commit` sends a group, waiting so many milliseconds for a head, and returns the appends that a lock kept out.
    """

    def __init__(
        self, commit: Callable[[Sequence[PendingAppend], int], list[PendingAppend]], patience: Patience
    ) -> None:
        self._commit = commit
        self._patience = patience
        self._lanes: dict[UUID, _Lane] = {}
        self._threads: set[SupervisedThread] = set()
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._lanes)

    @property
    def threads(self) -> list[SupervisedThread]:
        """Those that run now."""
        with self._lock:
            return list(self._threads)

    def admit(self, pending: PendingAppend, *, opening: bool = False) -> bool:
        """Whether the append now waits in its tenant's lane, or was refused there; a lane may be opened for it."""
        tenant_id = pending.append.tenant_id
        with self._lock:
            lane = self._lanes.get(tenant_id)
            if lane is None and opening and len(self._lanes) < MOST_LANES:
                lane = self._open(tenant_id)
            if lane is not None and lane.size < (MOST_WHEN_STUCK if lane.stuck else MOST_IN_LANE):
                lane.size += 1
                lane.queue.put(pending)
                return True
        if lane is None and not opening:
            return False
        pending.resolve(pending.failure(LogBusyError()))
        return True

    def _open(self, tenant_id: UUID) -> _Lane | None:
        """A lane for the tenant; None if the system has no thread left."""
        lane = _Lane()
        run = partial(self._run, tenant_id, lane)
        thread = SupervisedThread("group-commit-lane", run, brief=True, overdue=self._patience.overdue)
        try:
            thread.start()
        except RuntimeError:
            return None
        self._threads.add(thread)
        self._lanes[tenant_id] = lane
        return lane

    def _run(self, tenant_id: UUID, lane: _Lane) -> None:
        while True:
            with self._lock:
                if not lane.held_back and lane.queue.empty():
                    del self._lanes[tenant_id]
                    self._threads -= {threading.current_thread()}
                    return
            group, lane.held_back = lane.held_back, []
            try:
                with all_resolved(group):
                    drain(lane.queue, group)
                    lane.held_back = self._take_turn(lane, group)
            finally:
                with self._lock:
                    lane.size -= len(group) - len(lane.held_back)

    def _take_turn(self, lane: _Lane, group: Sequence[PendingAppend]) -> list[PendingAppend]:
        """Commit a lane's group; returns the first few that wait on when the head was not free. The others fail."""
        locked_out = self._commit(group, min(LANE_TURN, self._patience.lane))
        lane.stuck = bool(locked_out)
        too_long_ago = time.monotonic() - self._patience.lane / 1_000
        patient = [pending for pending in locked_out if pending.since > too_long_ago][:MOST_WHEN_STUCK]
        for pending in locked_out:
            if pending not in patient:
                pending.resolve(pending.failure(LogBusyError()))
        return patient
