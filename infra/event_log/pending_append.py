"""An append that waits to be committed, its caller, who waits for the outcome, and how long either does."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import cast

from domain.errors import OutcomeUnknownError, QueueFullError, ServiceUnavailableError
from infra.event_log.append_call import Append, Outcome, Place

MOST_IN_GROUP = 1_000
"""Events after which a group is closed."""
LANE_WAIT = 8_000
MARGIN_SECONDS = 60.0
"""Beyond the time of sending again: longer than a connection takes to be had, and an answer to be overdue."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a writer waits."""

    head: int = 50
    """Milliseconds that a group waits for a head."""
    lane: int = LANE_WAIT
    """Milliseconds that an append waits in a lane for its tenant's head."""
    resend: float = 60.0
    """Seconds for which the same bytes are sent again: an ordinary failover takes twenty to forty."""

    @property
    def each_lock(self) -> int:
        """Milliseconds for each lock in a caller's transaction, which waits twice for a head and then for a table."""
        return min(self.lane, LANE_WAIT // 3)

    @property
    def overdue(self) -> float:
        """Seconds after which an append that was sent has no outcome, and a thread without a sign of life is stuck."""
        return self.resend + MARGIN_SECONDS


class PendingAppend:
    """An append whose caller waits until it is resolved."""

    __slots__ = ("_claim", "_outcome", "_resolved", "append", "in_doubt", "since")

    def __init__(self, append: Append) -> None:
        self.append = append
        self.in_doubt = False
        """Whether it was on its way when a connection was lost: then it may be in the log or not."""
        self.since = time.monotonic()
        self._outcome: Outcome | Exception | None = None
        self._resolved = threading.Lock()  # a future does the same, at several times the cost
        self._resolved.acquire()
        self._claim = threading.Lock()

    def result(self, unsent: float, sent: float) -> Sequence[Place]:
        """Wait for the outcome: `unsent` seconds until the append is sent, and `sent` seconds from then on.

        Raises QueueFullError if it was not sent in time, OutcomeUnknownError, or the error it was resolved with.
        """
        if not self._resolved.acquire(timeout=unsent):
            if self.claim():
                raise QueueFullError
            if not self._resolved.acquire(timeout=sent):
                raise OutcomeUnknownError
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return cast("Sequence[Place]", self._outcome)

    def claim(self) -> bool:
        """Decide whether the append is sent or given up; False if that was decided before."""
        return self._claim.acquire(blocking=False)

    def resolve(self, outcome: Outcome | Exception) -> None:
        """Wake the caller with the outcome, unless that was done."""
        if self._outcome is None:
            self._outcome = outcome
            self._resolved.release()

    def failure(self, error: ServiceUnavailableError) -> ServiceUnavailableError:
        """The error for this caller: OutcomeUnknownError if the append is in doubt."""
        return OutcomeUnknownError() if self.in_doubt else type(error)(str(error))


Queue = SimpleQueue[PendingAppend | None]
"""Appends in the order they came; None ends the queue."""


@contextmanager
def all_resolved(group: Sequence[PendingAppend]) -> Iterator[None]:
    """Have every append of the group resolved if the block raises."""
    try:
        yield
    except BaseException:
        for pending in group:
            pending.resolve(ServiceUnavailableError() if pending.claim() else OutcomeUnknownError())
        raise


def drain(queue: Queue, group: list[PendingAppend]) -> None:
    """Fill the group from the queue. The None that ends the queue stays in it."""
    size = sum(len(pending.append.entries) for pending in group)
    with suppress(Empty):
        while size < MOST_IN_GROUP:
            following = queue.get_nowait()
            if following is None:
                queue.put(None)
                break
            group.append(following)
            size += len(following.append.entries)
