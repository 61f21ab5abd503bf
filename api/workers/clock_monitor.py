"""Asks for the database's time again and again, so that a clock that is wrong is told within seconds."""

from contextlib import suppress

import psycopg
import structlog

from api.composition import Services
from api.workers.worker import Worker
from domain.errors import LedgerError

_LOG = structlog.get_logger()

PAUSE = 6.0


class ClockMonitor(Worker):
    """Keeps what is known of the database's clock fresh, and logs when this process's own is apart from it."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "clock-monitor")
        self._problem: str | None = None

    def round(self) -> float:
        """Compare the clocks every six seconds."""
        clock = self._services.database_clock
        with suppress(LedgerError, psycopg.Error):
            clock.ask()
        before, self._problem = self._problem, clock.problem()
        if self._problem and not before:
            _LOG.error("clocks apart", reason=self._problem)
        elif before and not self._problem:
            _LOG.info("clocks together again")
        return PAUSE
