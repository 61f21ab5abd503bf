"""Lets jobs wait again whose lease ran out, in a thread: for tenants where nobody claims just now."""

from uuid import UUID

import psycopg
import structlog

from api.application.jobs import Jobs
from api.composition import Services
from api.workers.worker import Worker, own_session
from domain.errors import LedgerError
from infra.job_queue import tenants_with_lost_jobs

_LOG = structlog.get_logger()

SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


class LeaseWatch(Worker):
    """Takes back lost jobs."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "lease-watch")
        self._pause = SHORTEST_PAUSE

    def round(self) -> float:
        """Where nothing is lost, look ever less often, down to once a second."""
        self._pause = SHORTEST_PAUSE if self.take_back() else min(2 * self._pause, LONGEST_PAUSE)
        return self._pause

    def take_back(self) -> int:
        """Take back what is lost now; returns how many jobs. What fails is logged and tried again next time."""
        try:
            tenants = tenants_with_lost_jobs(self._services.projector)
        except (LedgerError, psycopg.Error) as error:
            _LOG.warning("lost jobs not looked for", reason=str(error))
            return 0
        requeued = 0
        for tenant_id in tenants:
            with self.surviving(tenant_id=str(tenant_id)):
                requeued += self._take_back(tenant_id)
        return requeued

    def _take_back(self, tenant_id: UUID) -> int:
        try:
            return Jobs(own_session(self._services, tenant_id)).take_back_lost()
        except (LedgerError, psycopg.Error) as error:
            _LOG.warning("lost jobs not taken back", tenant_id=str(tenant_id), reason=str(error))
            return 0
