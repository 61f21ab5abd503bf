"""Group commit: the appends of one process go out together, in one call and one commit (Gawlick and Kinkade, 1985).

One thread drains all pending appends into a group, sends it, and resolves each of them. While a group is on its way
the next one gathers, so the more callers there are the larger the groups become, and nobody ever waits for company.

A tenant whose head another transaction holds leaves the group for a lane of its own. After a lost connection the
outcome is unknown: the same bytes are sent again, and those that are stored as sent count as appended.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from queue import Empty

import psycopg

from domain.errors import LogBusyError, QueueFullError, ServiceUnavailableError
from infra.after_fork import after_fork
from infra.database import Database
from infra.event_log.append_call import Append, HeadLockedError, Outcome, Place
from infra.event_log.delivery import Delivery
from infra.event_log.heads import KnownHeads
from infra.event_log.lanes import Lanes
from infra.event_log.pending_append import Patience, PendingAppend, Queue, all_resolved, drain
from infra.supervision import SupervisedThread

MOST_WAITING = 1_000
"""Appends that may wait for their turn; beyond, they are refused."""
UNSENT_SECONDS = 10.0
"""How long an append waits to be sent at all."""
IDLE_SECONDS = 1.0
"""How often a thread that has nothing to do gives a sign of life."""


class GroupWriter(AbstractContextManager["GroupWriter"]):
    """The one writer of a process; a forked process gets one of its own. Close it, or use it as a context manager."""

    def __init__(
        self,
        database: Database,
        committed: Callable[[], None] = lambda: None,
        most_waiting: int = MOST_WAITING,
        patience: Patience | None = None,
        heads: KnownHeads | None = None,
    ) -> None:
        self.heads = heads or KnownHeads()
        self.patience = patience or Patience()
        self._delivery = Delivery(database, self.heads, self.patience.resend)
        self.committed = committed
        self._most_waiting = most_waiting
        self._reset()
        after_fork(self._reset)

    def _reset(self) -> None:
        self._inbox = Queue()
        self._lanes = Lanes(self._commit, self.patience)
        self._thread: SupervisedThread | None = None
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
        if self._thread is None:
            self._start_once()
        pending = PendingAppend(append)
        self._inbox.put(pending)
        if self._ended:
            self._refuse_rest()
        return pending.result(UNSENT_SECONDS, self.patience.overdue)

    @property
    def threads(self) -> list[SupervisedThread]:
        """Those that run now."""
        return [*([self._thread] if self._thread else []), *self._lanes.threads]

    def close(self) -> None:
        """Refuse new appends, commit and resolve all that wait, and end."""
        self._closed = True
        self._inbox.put(None)
        for thread in self.threads:
            thread.join()
        self._ended = True
        self._refuse_rest()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_once(self) -> None:
        """Start the thread, which ends when the writer is closed. ServiceUnavailableError if there is none left."""
        with self._lock:
            if self._thread is None:
                thread = SupervisedThread("group-commit", self._run, brief=True, overdue=self.patience.overdue)
                try:
                    thread.start()
                except RuntimeError:
                    raise ServiceUnavailableError("The system has no thread left. Nothing was recorded.") from None
                self._thread = thread

    def _refuse_rest(self) -> None:
        """Refuse the appends that came between the closing and the end; a thread that one of them started ends too."""
        with suppress(Empty):
            while True:
                if pending := self._inbox.get_nowait():
                    pending.resolve(ServiceUnavailableError("The service is stopping."))
        self._inbox.put(None)

    def _run(self) -> None:
        while (first := self._next()) is not None:
            group = [first]
            with all_resolved(group):
                drain(self._inbox, group)
                self._take(group)
        for thread in self._lanes.threads:
            thread.join()

    def _next(self) -> PendingAppend | None:
        """Wait for the next append; None once the writer is closed. Gives signs of life."""
        self._beat()
        with suppress(Empty):
            return self._inbox.get_nowait()  # to wait with a time costs the system a timer
        while True:
            with suppress(Empty):
                return self._inbox.get(timeout=IDLE_SECONDS)
            self._beat()

    def _beat(self) -> None:
        if self._thread is not None:
            self._thread.beat()

    def _take(self, drained: Sequence[PendingAppend]) -> None:
        """Commit the appends that were not given up, but for those that a lane admits."""
        group = [pending for pending in drained if pending.claim()]
        if self._lanes:
            group = [pending for pending in group if not self._lanes.admit(pending)]
        locked_out = self._commit(group, self.patience.head)
        for pending in self._commit(locked_out, 0):
            pending.resolve(pending.failure(LogBusyError()))

    def _commit(self, group: Sequence[PendingAppend], head_wait: int) -> list[PendingAppend]:
        """Send the group and resolve all of it, whatever happens, but for those returned, which a lock kept out."""
        if not group:
            return []
        try:
            outcomes: Sequence[Outcome | Exception] = self._delivery.outcomes(group, head_wait)
        except psycopg.errors.LockNotAvailable:
            return list(group)
        except ServiceUnavailableError as error:
            outcomes = [pending.failure(error) for pending in group]
        except Exception as error:  # noqa: BLE001 - every append is resolved, whatever it was
            if len(group) > 1:
                return [locked_out for pending in group for locked_out in self._commit([pending], head_wait)]
            outcomes = [error]
        for pending, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, HeadLockedError):
                self._lanes.admit(pending, opening=True)
            else:
                pending.resolve(outcome)
        self.committed()
        return []
