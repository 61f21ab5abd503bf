"""Folds logs to their end: a rebuild of one read model, or one tenant's log into several."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

from domain.errors import LedgerError
from infra.database import Database
from projections.checkpoints import reached
from projections.engine.engine import REBUILD_BATCH, Engine
from projections.engine.follower import HELPING_BATCH
from projections.engine.gc_pause import gc_paused
from projections.projection import Projection

PAUSE_FOR_OTHERS = 0.05
"""Seconds to wait while other processes fold the rest."""


class ProjectionStoppedError(LedgerError):
    """The projection met a poison event."""


def rebuild(
    engine: Engine,
    projection: Projection[Any],
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    restart: bool = False,
    beside: bool = False,
    helped: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> int:
    """Fold every log into a new table of the read model; returns the number of events in it.

    A rebuild that was killed is resumed, unless `restart`. Calls `on_progress` with the number of events folded and
    their total, first before any is folded. Other processes may help: `helped` is entered once they may begin. Raises
    ProjectionStoppedError at the end if an event could not be folded, and BuildInUseError if the build is to be made
    `beside` the one that serves, and serves itself.
    """
    if restart or not engine.tables.rebuilding(projection):
        engine.slices.begin_rebuild(projection, engine.tables, beside=beside)
    with gc_paused(), helped():
        folded = _carry_on(engine, projection, on_progress)
    _check(engine, projection)
    return folded


def help_rebuild(engine: Engine, projection: Projection[Any], goes_on: Callable[[], bool]) -> None:
    """Fold parts of a rebuild that another process has begun, until it has its indexes or no help is wanted."""
    with gc_paused():
        while goes_on() and engine.tables.rebuilding(projection):
            if not engine.step(projection, REBUILD_BATCH):
                time.sleep(PAUSE_FOR_OTHERS)


def fold_until(
    engine: Engine,
    database: Database,
    tenant_id: UUID,
    projections: Sequence[Projection[Any]],
    head: int,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Fold one tenant's log up to the position `head` into all the projections, unless another process is faster.

    Calls `on_progress` with the number of events folded and their total. Raises ProjectionStoppedError.
    """
    engine.progress.enrol()
    for number, projection in enumerate(projections):
        while (position := reached(database, tenant_id, [projection])) < head:
            on_progress(number * head + position, len(projections) * head)
            if not sum(engine.step(build, HELPING_BATCH, only=tenant_id) for build in projection.builds):
                _check(engine, projection, tenant_id)
                time.sleep(PAUSE_FOR_OTHERS)


def _carry_on(engine: Engine, projection: Projection[Any], on_progress: Callable[[int, int], None]) -> int:
    """Fold to the end of the logs as it was when the read model had its indexes; returns the number of events."""

    def report() -> int:
        totals = engine.progress.totals(projection)
        on_progress(totals.folded, totals.recorded)
        return totals.folded

    report()
    goal = None
    while True:
        count = engine.step(projection, REBUILD_BATCH)
        folded = report()
        if goal is not None and folded >= goal:
            return folded
        if goal is None and (engine.tables.finish(projection) or not engine.tables.rebuilding(projection)):
            goal = engine.progress.totals(projection).folded + engine.progress.backlog(projection)
        if goal is not None and not engine.progress.backlog(projection):
            return report()  # others may have folded the rest
        if not count:
            time.sleep(PAUSE_FOR_OTHERS)


def _check(engine: Engine, projection: Projection[Any], only: UUID | None = None) -> None:
    names = {projection.name} if only is None else {build.name for build in projection.builds}
    for failed in engine.progress.failures():
        if failed.projection in names and only in (None, failed.tenant_id):
            raise ProjectionStoppedError(
                f"{failed.projection} stopped at position {failed.position + 1} of tenant {failed.tenant_id}: "
                f"{failed.failure}"
            )
