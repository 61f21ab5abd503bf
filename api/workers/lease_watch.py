"""Lets jobs wait again whose lease ran out, in a thread: for tenants where nobody claims just now."""

from uuid import UUID

from api.application.jobs import Jobs
from api.composition import Services
from api.workers.worker import Worker, logged, own_session
from infra.job_queue import tenants_with_lost_jobs

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
        requeued, tenants = 0, list[UUID]()
        with logged("lost jobs not looked for"):
            tenants = tenants_with_lost_jobs(self._services.projector)
        for tenant_id in tenants:
            with self.surviving(tenant_id=str(tenant_id)), logged("lost jobs not taken back", tenant_id=str(tenant_id)):
                requeued += Jobs(own_session(self._services, tenant_id)).take_back_lost()
        return requeued
