"""Group commit: the appends of one process go out together, in one call and one commit (Gawlick and Kinkade, 1985).

One thread drains all that waits into a group, sends it, and answers every caller. While a group is on its way the next
one gathers, so the more callers there are the larger the groups become, and nobody ever waits for company.

A tenant whose head somebody else holds leaves the group for a lane of its own, so that it delays only itself; and few
may wait there once it takes long, for each of them keeps a thread of its caller. After a
lost connection nobody knows whether the group was committed: the same bytes are sent again, and what is stored as
sent counts as appended.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
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
from infra.supervision import SupervisedThread

MOST_WAITING = 1_000
"""Appends that may wait for their turn; beyond, they are refused."""
MOST_IN_GROUP = 1_000
"""Events after which a group is closed."""
HEAD_WAIT = 50
"""Milliseconds that a group waits for a head."""
LANE_WAIT = 8_000
"""Milliseconds that an append waits in a lane for its tenant's head."""
LANE_TURN = 1_000
"""Milliseconds that a lane waits at once. When they are over, the tenant counts as stuck."""
MOST_LANES = 8
MOST_IN_LANE = 200
MOST_WHEN_STUCK = 8
"""Appends that wait in the lane of a tenant that is stuck; beyond, they are refused at once."""
UNSENT_SECONDS = 10.0
"""How long an append waits to be sent at all."""
IDLE_SECONDS = 1.0
"""How often a thread that has nothing to do gives a sign of life."""
MARGIN_SECONDS = 60.0
"""Beyond the time of sending again: longer than a connection takes to be had, and an answer to be overdue."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a writer waits: for a head in milliseconds, for a lost connection in seconds."""

    head: int = HEAD_WAIT
    lane: int = LANE_WAIT
    resend: float = RESEND_SECONDS

    @property
    def each_lock(self) -> int:
        """For each lock in a transaction of the caller's: who queues for a head waits twice, and then for a table."""
        return min(self.lane, LANE_WAIT // 3)


class _Waiting:
    """An append, and its caller, who waits for what becomes of it."""

    __slots__ = ("_answered", "_outcome", "_turn", "append", "lost", "since")

    def __init__(self, append: Append) -> None:
        self.append = append
        self.lost = False
        """Whether it was on its way when a connection was lost: then nobody knows whether it is in the log."""
        self.since = time.monotonic()
        self._outcome: Outcome | Exception | None = None
        self._answered = threading.Lock()  # a future does the same, at several times the cost
        self._answered.acquire()
        self._turn = threading.Lock()

    def answer(self, unsent: float, sent: float) -> Sequence[Place]:
        """Wait for the answer, so many seconds while it is not sent, and so many when it is."""
        if not self._answered.acquire(timeout=unsent):
            if self.claim():
                raise QueueFullError
            if not self._answered.acquire(timeout=sent):
                raise OutcomeUnknownError
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return cast("Sequence[Place]", self._outcome)

    def claim(self) -> bool:
        """Decide what becomes of the append, whether it is sent or given up; False if that was decided."""
        return self._turn.acquire(blocking=False)

    def tell(self, outcome: Outcome | Exception) -> None:
        """Answer the caller, unless that was done."""
        if self._outcome is None:
            self._outcome = outcome
            self._answered.release()

    def unanswered(self, error: ServiceUnavailableError) -> ServiceUnavailableError:
        """The error as this caller is told it."""
        return OutcomeUnknownError() if self.lost else type(error)(str(error))


class _Lane:
    """The appends of one tenant whose head somebody else holds."""

    __slots__ = ("held", "present", "queue", "stuck")

    def __init__(self) -> None:
        self.queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self.held: list[_Waiting] = []
        """Those whose turn came and went without the head."""
        self.present = 0
        """All that wait here."""
        self.stuck = False

    @property
    def room(self) -> bool:
        return self.present < (MOST_WHEN_STUCK if self.stuck else MOST_IN_LANE)


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
        self._lanes: dict[UUID, _Lane] = {}
        self._threads: set[SupervisedThread] = set()
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
        return waiting.answer(UNSENT_SECONDS, self.patience.resend + MARGIN_SECONDS)

    @property
    def threads(self) -> list[SupervisedThread]:
        """Those that run now."""
        with self._lock:
            return list(self._threads)

    def close(self) -> None:
        """Refuse new appends, commit and answer all that wait, and end."""
        self._closed = True
        self._inbox.put(None)
        for thread in self.threads:
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
        """Start a thread, which ends when the writer is closed, or a lane when nobody waits in it."""
        thread = SupervisedThread(name, work, brief=True, overdue=self.patience.resend + MARGIN_SECONDS)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._threads.discard(thread)
            raise ServiceUnavailableError("The system has no thread left. Nothing was recorded.") from None

    def _run(self) -> None:
        """Commit one group after another until closed, then see every lane to its end."""
        own = next(thread for thread in self.threads if thread.is_current())
        while (first := self._next(own)) is not None:
            group = [first]
            with _answering(group):
                _drain(self._inbox, group)
                self._take(group)
        for thread in self.threads:
            if thread is not own:
                thread.join()

    def _next(self, own: SupervisedThread) -> _Waiting | None:
        """Wait for the next append; None once the writer is closed. Gives signs of life."""
        own.beat()
        with suppress(Empty):
            return self._inbox.get_nowait()  # to wait with a time costs the system a timer
        while True:
            with suppress(Empty):
                return self._inbox.get(timeout=IDLE_SECONDS)
            own.beat()

    def _take(self, drained: Sequence[_Waiting]) -> None:
        """Commit what nobody has given up, but for those that a lane takes."""
        group = [waiting for waiting in drained if waiting.claim()]
        if self._lanes:
            group = [waiting for waiting in group if not self._in_lane(waiting)]
        locked = self._commit(group, self.patience.head)
        for waiting in self._commit(locked, 0):
            waiting.tell(waiting.unanswered(LogBusyError()))

    def _run_lane(self, tenant_id: UUID, lane: _Lane) -> None:
        """The same for one tenant, until nobody waits."""
        while True:
            with self._lock:
                if not lane.held and lane.queue.empty():
                    del self._lanes[tenant_id]
                    self._threads -= {thread for thread in self._threads if thread.is_current()}
                    return
            group, lane.held = lane.held, []
            try:
                with _answering(group):
                    _drain(lane.queue, group)
                    lane.held = self._take_turn(lane, group)
            finally:
                with self._lock:
                    lane.present -= len(group) - len(lane.held)

    def _take_turn(self, lane: _Lane, group: Sequence[_Waiting]) -> list[_Waiting]:
        """Commit a lane's group; returns those that go on waiting when the head was not free in time.

        They are the first few that have not waited too long. All others are told that the log is busy.
        """
        locked = self._commit(group, min(LANE_TURN, self.patience.lane))
        lane.stuck = bool(locked)
        late = time.monotonic() - self.patience.lane / 1_000
        patient = [waiting for waiting in locked if waiting.since > late][:MOST_WHEN_STUCK]
        for waiting in locked:
            if waiting not in patient:
                waiting.tell(waiting.unanswered(LogBusyError()))
        return patient

    def _in_lane(self, waiting: _Waiting, *, opening: bool = False) -> bool:
        """Whether the append now waits in its tenant's lane, or was refused there; a lane may be opened for it."""
        tenant_id = waiting.append.tenant_id
        with self._lock:
            lane = self._lanes.get(tenant_id)
            if lane is None and opening and len(self._lanes) < MOST_LANES:
                lane = self._open_lane(tenant_id)
            if lane is not None and lane.room:
                lane.present += 1
                lane.queue.put(waiting)
                return True
        if lane is None and not opening:
            return False
        waiting.tell(waiting.unanswered(LogBusyError()))
        return True

    def _open_lane(self, tenant_id: UUID) -> _Lane | None:
        """A lane for the tenant; None if the system has no thread left."""
        lane = _Lane()
        try:
            self._start(partial(self._run_lane, tenant_id, lane), "group-commit-lane")
        except ServiceUnavailableError:
            return None
        self._lanes[tenant_id] = lane
        return lane

    def _commit(self, group: Sequence[_Waiting], head_wait: int) -> list[_Waiting]:
        """Send the group and answer every caller, whatever happens, but for those returned, whom a lock kept out."""
        if not group:
            return []
        try:
            outcomes: Sequence[Outcome | Exception] = self._delivery.outcomes(group, head_wait)
        except psycopg.errors.LockNotAvailable:
            return list(group)
        except ServiceUnavailableError as error:
            outcomes = [waiting.unanswered(error) for waiting in group]
        except Exception as error:  # noqa: BLE001 - every caller is answered, whatever it was
            if len(group) > 1:
                return [locked for waiting in group for locked in self._commit([waiting], head_wait)]
            outcomes = [error]
        for waiting, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, HeadLockedError):
                self._in_lane(waiting, opening=True)
            else:
                waiting.tell(outcome)
        self.committed()
        return []


@contextmanager
def _answering(group: Sequence[_Waiting]) -> Iterator[None]:
    """Have every caller answered, whatever the block raises."""
    try:
        yield
    except BaseException:
        for waiting in group:
            waiting.tell(ServiceUnavailableError() if waiting.claim() else OutcomeUnknownError())
        raise


def _drain(queue: "SimpleQueue[_Waiting | None]", group: list[_Waiting]) -> None:
    """Fill the group from what waits. What ends the queue stays in it."""
    size = sum(len(waiting.append.entries) for waiting in group)
    with suppress(Empty):
        while size < MOST_IN_GROUP:
            following = queue.get_nowait()
            if following is None:
                queue.put(None)
                break
            group.append(following)
            size += len(following.append.entries)
