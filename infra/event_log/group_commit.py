"""Group commit: the appends of one process go out together, in one call and one commit (Gawlick and Kinkade, 1985).

One thread drains all that waits into a group, sends it, and answers every caller. While a group is on its way the next
one gathers, so the more callers there are the larger the groups become, and nobody ever waits for company.

A tenant whose head somebody else holds leaves the group for a lane of its own, so that it delays only itself. After a
lost connection nobody knows whether the group was committed: the same bytes are sent again, and what is stored as
sent counts as appended.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Self, cast
from uuid import UUID

import psycopg

from domain.errors import LogBusyError, OutcomeUnknownError, QueueFullError, ServiceUnavailableError
from infra.database import Database
from infra.event_log.appending import Append, HeadLockedError, Outcome, Place
from infra.event_log.delivery import RESEND_SECONDS, Delivery
from infra.event_log.heads import KnownHeads
from infra.forking import after_fork

MOST_WAITING = 1_000
"""Appends that may wait for their turn; beyond, they are refused."""
MOST_IN_GROUP = 1_000
"""Events after which a group is closed."""
HEAD_WAIT = 50
"""Milliseconds that a group waits for a head."""
LANE_WAIT = 10_000
"""Milliseconds that a lane waits for its tenant's head."""
MOST_LANES = 8
MOST_IN_LANE = 200


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a writer waits: for a head in milliseconds, for a lost connection in seconds."""

    head: int = HEAD_WAIT
    lane: int = LANE_WAIT
    resend: float = RESEND_SECONDS


class _Waiting:
    """An append, and its caller, who waits for what becomes of it."""

    __slots__ = ("_answered", "_outcome", "append", "lost")

    def __init__(self, append: Append) -> None:
        self.append = append
        self.lost = False
        """Whether it was on its way when a connection was lost: then nobody knows whether it is in the log."""
        self._outcome: Outcome | Exception
        self._answered = threading.Lock()  # a future does the same, at several times the cost
        self._answered.acquire()

    def answer(self) -> Sequence[Place]:
        """Wait for the answer."""
        self._answered.acquire()
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def tell(self, outcome: Outcome | Exception) -> None:
        """Answer the caller."""
        self._outcome = outcome
        self._answered.release()

    def unanswered(self, error: ServiceUnavailableError) -> ServiceUnavailableError:
        """The error as this caller is told it."""
        return OutcomeUnknownError() if self.lost else type(error)(str(error))


class GroupWriter:
    """The one writer of a process; a forked process gets one of its own. Close it, or use it as a context manager."""

    def __init__(
        self,
        database: Database,
        committed: Callable[[], None] = lambda: None,
        most_waiting: int = MOST_WAITING,
        patience: Patience = Patience(),
        heads: KnownHeads | None = None,
    ) -> None:
        self.heads = heads or KnownHeads()
        self._delivery = Delivery(database, self.heads, patience.resend)
        self.committed = committed
        self._most_waiting = most_waiting
        self.patience = patience
        self._begin()
        after_fork(self._begin)

    def _begin(self) -> None:
        self._inbox: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._lanes: dict[UUID, SimpleQueue[_Waiting | None]] = {}
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._ended = False

    def append(self, append: Append) -> Sequence[Place]:
        """Append the events, all or none, together with whatever else waits; returns their places once committed.

        Raises the library's IntegrityError if a revision is taken, and PolicyChangedError, which is one, if the
        policy has changed; TenantNotFoundError, ClockAheadError; QueueFullError, LogBusyError and
        ServiceUnavailableError when nothing was appended, and LogWentBackError, which is one; OutcomeUnknownError when
        nobody knows.
        """
        self.heads.check(append.tenant_id)
        if self._closed:
            raise ServiceUnavailableError("The service is stopping.")
        if self._inbox.qsize() >= self._most_waiting:
            raise QueueFullError
        if not self._threads:
            self._start_once()
        waiting = _Waiting(append)
        self._inbox.put(waiting)
        if self._ended:
            self._refuse_rest()
        return waiting.answer()

    def close(self) -> None:
        """Refuse new appends, commit and answer all that wait, and end."""
        self._closed = True
        self._inbox.put(None)
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()
        self._ended = True
        self._refuse_rest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_once(self) -> None:
        with self._lock:
            if not self._threads:
                self._start(self._run, "group-commit")

    def _refuse_rest(self) -> None:
        """Answer those who came between the closing and the end; a thread that one of them started ends too."""
        with suppress(Empty):
            while True:
                if waiting := self._inbox.get_nowait():
                    waiting.tell(ServiceUnavailableError("The service is stopping."))
        self._inbox.put(None)

    def _start(self, work: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run(self) -> None:
        """Commit one group after another until closed, then see every lane to its end."""
        while (first := self._inbox.get()) is not None:
            group = [waiting for waiting in _drain(first, self._inbox) if not self._in_lane(waiting)]
            if group:
                self._commit(group, self.patience.head)
        with self._lock:
            lanes = self._threads - {threading.current_thread()}
        for thread in lanes:
            thread.join()

    def _run_lane(self, tenant_id: UUID, lane: "SimpleQueue[_Waiting | None]") -> None:
        """The same for one tenant, until nobody waits."""
        while True:
            with self._lock:
                if lane.empty():
                    del self._lanes[tenant_id]
                    self._threads.discard(threading.current_thread())
                    return
            self._commit(_drain(cast("_Waiting", lane.get()), lane), self.patience.lane)

    def _in_lane(self, waiting: _Waiting, *, opening: bool = False) -> bool:
        """Whether the append now waits in its tenant's lane, or was refused there; a lane may be opened for it."""
        if not (self._lanes or opening):
            return False
        tenant_id = waiting.append.tenant_id
        with self._lock:
            lane = self._lanes.get(tenant_id)
            if lane is None and opening and len(self._lanes) < MOST_LANES:
                lane = self._lanes[tenant_id] = SimpleQueue()
                self._start(partial(self._run_lane, tenant_id, lane), "group-commit-lane")
            if lane is not None and lane.qsize() < MOST_IN_LANE:
                lane.put(waiting)
                return True
        if lane is None and not opening:
            return False
        waiting.tell(waiting.unanswered(LogBusyError()))
        return True

    def _commit(self, group: Sequence[_Waiting], head_wait: int) -> None:
        """Send the group and answer every caller, whatever happens."""
        try:
            outcomes: Sequence[Outcome | Exception] = self._delivery.outcomes(group, head_wait)
        except psycopg.errors.LockNotAvailable:
            if head_wait == self.patience.head:
                self._commit(group, 0)
                return
            outcomes = [waiting.unanswered(LogBusyError()) for waiting in group]
        except ServiceUnavailableError as error:
            outcomes = [waiting.unanswered(error) for waiting in group]
        except Exception as error:  # noqa: BLE001 - every caller is answered, whatever it was
            if len(group) > 1:
                for waiting in group:
                    self._commit([waiting], head_wait)
                return
            outcomes = [error]
        for waiting, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, HeadLockedError):
                self._in_lane(waiting, opening=True)
            else:
                waiting.tell(outcome)
        self.committed()


def _drain(first: _Waiting, waiting: "SimpleQueue[_Waiting | None]") -> list[_Waiting]:
    """All that waits, up to a full group. What ends the queue stays in it."""
    group, size = [first], len(first.append.entries)
    with suppress(Empty):
        while size < MOST_IN_GROUP:
            following = waiting.get_nowait()
            if following is None:
                waiting.put(None)
                break
            group.append(following)
            size += len(following.append.entries)
    return group
