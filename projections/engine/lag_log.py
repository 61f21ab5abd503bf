"""Logs where projections have stopped or are late: of each tenant and projection at most once a minute."""

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog

from projections.engine.progress import Progress

_LOG = structlog.get_logger()

INTERVAL: Final = 60.0
"""Seconds between two entries about the same tenant and projection."""
LATE_SECONDS: Final = 10.0
"""An event that nobody has folded for so long is late."""
MOST_ENTRIES: Final = 100
"""Entries that are written at once; the worst come first."""


class LagLog:
    """What one process logs of lags."""

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._clock = clock
        self._next_look = float("-inf")
        self._failures = 0
        self._logged: dict[tuple[str, int, UUID], float] = {}

    def look(self, failures: int) -> None:
        """Log what is due, if the number of failures has changed or a minute has passed."""
        now = self._clock()
        if failures == self._failures and now < self._next_look:
            return
        self._failures, self._next_look = failures, now + INTERVAL
        self._logged = {key: at for key, at in self._logged.items() if now < at + INTERVAL}
        for lag in self._progress.late(LATE_SECONDS, MOST_ENTRIES):
            key = lag.projection, lag.version, lag.tenant_id
            if key in self._logged:
                continue
            self._logged[key] = now
            _LOG.warning(
                "projection behind",
                projection=lag.projection,
                version=lag.version,
                serves=lag.serves,
                tenant_id=str(lag.tenant_id),
                position=lag.position,
                head=lag.head,
                seconds=round(lag.seconds or 0, 1),
                stopped_at=lag.failed_position,
                failure=lag.cause,
            )
