"""Group commit: the appends of one process go out together, in one call and one commit (Gawlick and Kinkade, 1985).

One thread drains all that waits into a group, sends it, and answers every caller. While a group is on its way the next
one gathers, so the more callers there are the larger the groups become, and nobody ever waits for company.

A tenant whose head somebody else holds leaves the group for a lane of its own, so that it delays only itself. After a
lost connection nobody knows whether the group was committed: the same bytes are sent again, and what is stored as
sent counts as appended.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Self, cast
from uuid import UUID

import psycopg
import structlog

from domain.errors import (
    LogBusyError,
    LogWentBackError,
    OutcomeUnknownError,
    QueueFullError,
    ServiceUnavailableError,
)
from infra.database import UNREACHABLE, Connection, Database, unreachable
from infra.event_log.appending import Append, HeadLockedError, Outcome, Place, ServerChangedError, send
from infra.event_log.heads import KnownHeads
from infra.forking import after_fork
from infra.server_identity import StaleServerError, StandbyError

_LOG = structlog.get_logger()

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
RESEND_SECONDS = 60.0
"""How long the same bytes are sent again: an ordinary failover takes twenty to forty seconds."""
WRITABLE_SECONDS = 10.0
"""How long what was not sent waits for a server that can be written to."""
NOT_WRITABLE = (psycopg.errors.ReadOnlySqlTransaction, StandbyError, StaleServerError)
SHORTEST_PAUSE = 0.02
LONGEST_PAUSE = 0.5


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


class _ConnectionLostError(Exception):
    """The connection broke before the answer came."""


class _NotWritableError(Exception):
    """Nothing was sent, for the server does not take it; another one may."""


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
        self._database = database
        self.heads = heads or KnownHeads()
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
            outcomes: Sequence[Outcome | Exception] = self._outcomes(group, head_wait)
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

    def _outcomes(self, group: Sequence[_Waiting], head_wait: int) -> Sequence[Outcome | Exception]:
        """Send the group, and the same bytes again for as long as connections are lost on the way.

        A server that is not the one that is known was sent nothing: once it is accepted, the group goes there.
        """
        deadline, pause = time.monotonic() + self.patience.resend, SHORTEST_PAUSE
        writable = min(deadline, time.monotonic() + WRITABLE_SECONDS)
        while True:
            try:
                return self._send(group, head_wait)
            except (_ConnectionLostError, OutcomeUnknownError) as error:
                _LOG.warning("outcome unknown, sending again", appends=len(group), reason=str(error.__cause__ or error))
                for waiting in group:
                    waiting.lost = True
            except _NotWritableError as error:
                if time.monotonic() > writable and not any(waiting.lost for waiting in group):
                    raise ServiceUnavailableError(str(error)) from error
            except (ServiceUnavailableError, psycopg.errors.LockNotAvailable):
                # What was lost may still hold the head: until a standby has it, or its server knows that we are gone.
                if not any(waiting.lost for waiting in group):
                    raise
            if time.monotonic() > deadline:
                raise ServiceUnavailableError
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _refused(self, group: Sequence[_Waiting]) -> dict[_Waiting, ServiceUnavailableError]:
        """Those whose log went back, and what they are told."""
        refused: dict[_Waiting, ServiceUnavailableError] = {}
        for waiting in group if self.heads.some_went_back else ():
            try:
                self.heads.check(waiting.append.tenant_id)
            except LogWentBackError as error:
                refused[waiting] = waiting.unanswered(error)
        return refused

    def _note(self, group: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
        """Remember how far each log is now."""
        latest = {
            waiting.append.tenant_id: (places[-1].position, waiting.append.entries[-1].state)
            for waiting, places in zip(group, outcomes, strict=True)
            if not isinstance(places, Exception) and places
        }
        for tenant_id, (position, entry) in latest.items():
            self.heads.note_entry(tenant_id, position, entry)

    def _send(self, group: Sequence[_Waiting], head_wait: int) -> Sequence[Outcome | Exception]:
        with self._database.connection() as connection:
            try:
                return self._send_on(connection, group, head_wait)
            except NOT_WRITABLE as error:
                connection.close()
                raise _NotWritableError("The database cannot be written to right now. Try again.") from error
            except psycopg.Error as error:
                failure = error
                lost = connection.closed
        if lost:
            raise _ConnectionLostError from failure
        if isinstance(failure, UNREACHABLE) and not isinstance(failure, psycopg.errors.LockNotAvailable):
            raise unreachable(failure)
        raise failure

    def _send_on(
        self, connection: Connection, group: Sequence[_Waiting], head_wait: int
    ) -> Sequence[Outcome | Exception]:
        """Send the group to the server that is known, but for those whose log went back.

        Another server is accepted first, and _NotWritableError raised.
        """
        lineage = self._database.lineage
        server = lineage.seen(connection) if lineage else None
        refused = self._refused(group)  # only now: that a log went back is known before its server is
        sent = [waiting for waiting in group if waiting not in refused] if refused else group
        if not sent:
            return list(refused.values())
        again = any(waiting.lost for waiting in sent)
        try:
            outcomes = send(connection, [waiting.append for waiting in sent], head_wait, again=again, server=server)
        except ServerChangedError:
            if lineage:
                lineage.enter(connection)
            raise _NotWritableError("Another server of the database has taken over. Try again.") from None
        self._note(sent, outcomes)
        if not refused:
            return outcomes
        answers = dict(zip(sent, outcomes, strict=True)) | refused
        return [answers[waiting] for waiting in group]


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
