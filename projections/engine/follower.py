"""Runs the engine in a thread that follows the logs."""

import threading
import time
from typing import Self

import psycopg
import structlog

from domain.errors import LedgerError
from infra.connections import OWNER
from infra.supervision import SupervisedThread
from projections.engine.engine import Engine
from projections.engine.lag_log import LagLog
from projections.engine.progress import Activity, Pending

_LOG = structlog.get_logger()

SHORTEST_PAUSE = 0.005
LONGEST_PAUSE = 0.25
GATHERING_PAUSE = 0.02
"""Seconds that events gather between two rounds that fold some: fewer and larger batches cost less."""
PAUSE_AFTER_ERROR = 1.0
KEY_RETRY_INTERVAL = 1.0
"""Seconds until tenants that wait for a key are tried again."""
FULL_CHECK_INTERVAL = 10.0
"""Seconds until a follower asks for pending work although its activity has not changed."""
OVERDUE_SECONDS = 600.0
"""Longer than the statements of one batch may take in sum."""
HELPING_BATCH = 5_000
"""Events of a rebuild that a follower folds before it returns to its other projections."""


class Follower:
    """A thread that keeps every projection up to date until it is stopped. A context manager.

    An idle system is asked for its activity by one statement, ever less often, down to four times a second. Whoever
    records in the same process wakes it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self.thread = SupervisedThread("follower", self.run, overdue=OVERDUE_SECONDS, pause=self._stopped.wait)
        self._lag_log = LagLog(engine.progress)
        self._next_key_retry = 0.0
        self._idle: Activity | None = None
        """The activity when nothing was pending; None while something may be."""
        self._next_full_check = 0.0

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
        """Look for events now: some have been recorded."""
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
                    self._stopped.wait(GATHERING_PAUSE)
                    continue
                pause = min(2 * pause, LONGEST_PAUSE)
            except (LedgerError, psycopg.Error) as error:
                self.thread.trouble = str(error)
                _LOG.warning("projections paused", reason=str(error))
                self._stopped.wait(PAUSE_AFTER_ERROR)
            if not self._stopped.is_set():
                self._woken.wait(pause)

    def _round(self) -> int:
        """Fold one batch of all projections; returns the number of events folded."""
        activity, now = self._engine.progress.activity(), time.monotonic()
        self._lag_log.look(activity.failures)
        waiting = now >= self._next_key_retry
        if activity == self._idle and not (activity.waiting and waiting) and now < self._next_full_check:
            return 0
        if waiting:
            self._next_key_retry = now + KEY_RETRY_INTERVAL
        self._next_full_check = now + FULL_CHECK_INTERVAL
        pending = self._engine.progress.pending(waiting=waiting)
        if any(work.unenrolled for work in pending):
            self._engine.progress.enrol()
            pending = self._engine.progress.pending(waiting=waiting)
        self._idle = None if any(work.events or work.unenrolled or work.rebuilding for work in pending) else activity
        live = [work.projection for work in pending if work.events and not work.rebuilding]
        self.thread.beat()
        folded = self._engine.follow(live, waiting=waiting) if live else 0
        return folded + sum(self._help(work, waiting=waiting) for work in pending if work.rebuilding)

    def _help(self, work: Pending, *, waiting: bool) -> int:
        """Fold a part of a rebuild, and end it once all is folded; returns the number of events folded."""
        self.thread.beat()
        folded = self._engine.step(work.projection, HELPING_BATCH, waiting=waiting) if work.events else 0
        if folded < HELPING_BATCH:
            self.thread.beat(within=OWNER.answer)
            self._engine.tables.finish(work.projection)
        return folded
