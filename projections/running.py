"""Runs the engine: following the logs in a thread, or rebuilding one read model to the end."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self
from uuid import UUID

import psycopg
import structlog

from domain.errors import LedgerError
from infra.connections import OWNER
from infra.database import Database
from infra.supervision import SupervisedThread
from projections.collecting import collector_at_rest
from projections.engine import FOLLOW_BATCH, REBUILD_BATCH, Engine, Pulse, Work
from projections.projection import Projection
from projections.query import reached

_LOG = structlog.get_logger()

SHORTEST_PAUSE = 0.005
LONGEST_PAUSE = 0.25
GATHERING = 0.04
"""How long events gather between two rounds that find some: fewer and larger batches cost less."""
PAUSE_AFTER_ERROR = 1.0
PAUSE_OF_WAITING = 1.0
"""How often tenants that wait for a key are tried again."""
LOOKING_ANYWAY = 10.0
"""How often a follower looks for work although nothing seems to have changed."""
PAUSE_FOR_OTHERS = 0.05
"""How long a rebuild waits where other processes are folding all that is left."""
OVERDUE_SECONDS = 600.0
"""Longer than the statements of one batch may take together."""
HELPING_BATCH = 5_000
"""How much of somebody's rebuild a follower carries on before it looks at its other projections again."""


class Follower:
    """A thread that keeps every projection up to date until it is stopped. A context manager.

    An idle system is asked for its pulse by one statement, ever less often, down to four times a second: it takes less
    than a millisecond for ten thousand tenants. Whoever records in the same process wakes it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self.thread = SupervisedThread("follower", self.run, overdue=OVERDUE_SECONDS, pause=self._stopped.wait)
        self._waiting_again = 0.0
        self._idle: Pulse | None = None
        """The pulse when there was nothing to do; None while there may be something."""
        self._looking_again = 0.0

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.thread.join()

    def stop(self) -> None:
        """Stop after the batch at hand."""
        self._stopped.set()
        self._woken.set()

    def wake(self) -> None:
        """Look for news now: something has been recorded."""
        self._woken.set()

    def run(self) -> None:
        """Follow until stopped."""
        pause = SHORTEST_PAUSE
        while not self._stopped.is_set():
            if self._woken.is_set():
                self._woken.clear()
                pause = SHORTEST_PAUSE  # what woke us may commit a moment later
            self.thread.beat()
            try:
                folded = self._round()
                self.thread.trouble = None
                if folded:
                    pause = SHORTEST_PAUSE
                    self._stopped.wait(GATHERING)
                    continue
                pause = min(2 * pause, LONGEST_PAUSE)
            except (LedgerError, psycopg.Error) as error:
                self.thread.trouble = str(error)
                _LOG.warning("projections paused", reason=str(error))
                self._stopped.wait(PAUSE_AFTER_ERROR)
            if not self._stopped.is_set():
                self._woken.wait(pause)

    def _round(self) -> int:
        """Fold what there is, once around the projections; returns how many events that were."""
        pulse, now = self._engine.pulse(), time.monotonic()
        waiting = now >= self._waiting_again
        if pulse == self._idle and not (pulse.waiting and waiting) and now < self._looking_again:
            return 0
        if waiting:
            self._waiting_again = now + PAUSE_OF_WAITING
        self._looking_again = now + LOOKING_ANYWAY
        found = self._engine.work(waiting=waiting)
        if any(work.unenrolled for work in found):
            self._engine.enrol()
            found = self._engine.work(waiting=waiting)
        self._idle = None if any(work.news or work.unenrolled or work.rebuilding for work in found) else pulse
        return sum(self._do(work, waiting=waiting) for work in found)

    def _do(self, work: Work, *, waiting: bool) -> int:
        limit = HELPING_BATCH if work.rebuilding else FOLLOW_BATCH
        self.thread.beat()
        folded = self._engine.step(work.projection, limit, waiting=waiting) if work.news else 0
        if work.rebuilding and folded < limit:
            self.thread.beat(within=OWNER.answer)
            self._engine.finish(work.projection)
        return folded


class ProjectionStoppedError(LedgerError):
    """The projection met an event that it cannot fold."""


def rebuild(
    engine: Engine,
    projection: Projection[Any],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    restart: bool = False,
) -> int:
    """Fold every log into the read model anew; returns the number of events in it.

    A rebuild that was killed is resumed, unless it is to be started over: then, as without one, the read model is made
    anew. Tells `progress` how many events are folded of how many, first before any is. Other processes may help. Raises
    ProjectionStoppedError at the end if an event could not be folded.
    """
    if restart or not engine.rebuilding(projection):
        engine.reset(projection)
    with collector_at_rest():
        done = _carry_on(engine, projection, progress)
    _check(engine, projection)
    return done


def fold_until(
    engine: Engine,
    database: Database,
    tenant_id: UUID,
    projections: Sequence[Projection[Any]],
    head: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Have one tenant's log folded up to a position by all the projections, here or by whoever is faster.

    Tells `progress` how many events are folded of how many. Raises ProjectionStoppedError if one cannot be.
    """
    engine.enrol()
    for number, projection in enumerate(projections):
        while (position := reached(database, tenant_id, [projection])) < head:
            progress(number * head + position, len(projections) * head)
            if not engine.step(projection, HELPING_BATCH, only=tenant_id):
                _check(engine, projection, tenant_id)
                time.sleep(PAUSE_FOR_OTHERS)


def _carry_on(engine: Engine, projection: Projection[Any], progress: Callable[[int, int], None]) -> int:
    """Fold until the end of the logs as it was when the read model had its indexes; returns how many events."""
    done, total, _ = engine.done(projection)
    progress(done, total)
    goal = None
    while True:
        worked = engine.step(projection, REBUILD_BATCH)
        done, total, _ = engine.done(projection)
        progress(done, total)
        if goal is not None and done >= goal:
            return done
        if goal is None and (engine.finish(projection) or not engine.rebuilding(projection)):
            goal = engine.done(projection)[0] + engine.left(projection)
        if goal is not None and not engine.left(projection):
            done, total, _ = engine.done(projection)  # anew: others may have folded what was left
            progress(done, total)
            return done
        if not worked:
            time.sleep(PAUSE_FOR_OTHERS)


def _check(engine: Engine, projection: Projection[Any], only: UUID | None = None) -> None:
    for name, _, tenant_id, position, failure in engine.failures():
        if name == projection.name and only in (None, tenant_id):
            raise ProjectionStoppedError(f"{name} stopped at position {position + 1} of tenant {tenant_id}: {failure}")
