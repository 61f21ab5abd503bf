"""Runs the engine: following the logs in a thread, or rebuilding one read model to the end."""

import threading
from collections.abc import Callable
from typing import Any, Self

import psycopg
import structlog

from domain.errors import LedgerError
from projections.engine import REBUILD_BATCH, Engine
from projections.projection import Projection

_LOG = structlog.get_logger()

SHORTEST_PAUSE = 0.005
LONGEST_PAUSE = 0.1
PAUSE_AFTER_ERROR = 1.0


class Follower:
    """A thread that keeps every projection up to date until it is stopped. A context manager."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self.run, name="follower")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Stop after the batch at hand."""
        self._stopped.set()

    def run(self) -> None:
        """Follow until stopped; an idle log is asked ever less often, up to ten times a second."""
        pause = SHORTEST_PAUSE
        while not self._stopped.is_set():
            try:
                pause = SHORTEST_PAUSE if self._round() else min(2 * pause, LONGEST_PAUSE)
            except (LedgerError, psycopg.Error) as error:
                _LOG.warning("projections paused", reason=str(error))
                pause = PAUSE_AFTER_ERROR
            self._stopped.wait(pause)

    def _round(self) -> int:
        folded = sum(self._engine.step(projection) for projection in self._engine.projections)
        if not folded:
            self._engine.enrol()
        return folded


class ProjectionStoppedError(LedgerError):
    """The projection met an event that it cannot fold."""


def rebuild(
    engine: Engine, projection: Projection[Any], progress: Callable[[int, int], None] = lambda _done, _total: None
) -> int:
    """Start the read model over and fold every log into it again; returns the number of events folded.

    Tells `progress` how many events are folded of how many. A rebuild that was killed goes on by itself wherever
    projections run. Raises ProjectionStoppedError if an event cannot be folded.
    """
    engine.reset(projection)
    while True:
        worked = engine.step(projection, REBUILD_BATCH)
        done, total, failed = engine.done(projection)
        progress(done, total)
        if failed:
            _, _, tenant_id, position, failure = next(f for f in engine.failures() if f[0] == projection.name)
            raise ProjectionStoppedError(
                f"{projection.name} stopped at position {position + 1} of tenant {tenant_id}: {failure}"
            )
        if not worked and done >= total:
            return done
