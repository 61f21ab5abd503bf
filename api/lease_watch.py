"""Lets jobs wait again whose lease ran out, in a thread: for tenants where nobody claims just now."""

import threading
from typing import Self
from uuid import UUID

import psycopg
import structlog
import uuid6

from api.composition import Services
from api.jobs import Jobs
from api.session import LEDGER, Session
from domain.errors import LedgerError
from infra.jobs import tenants_with_lost_jobs

_LOG = structlog.get_logger()

SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


class LeaseWatch:
    """A thread that takes back lost jobs until it is stopped. A context manager; any number may run."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self.run, name="lease-watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def run(self) -> None:
        """Watch until stopped: where nothing is lost, ever less often, down to once a second."""
        pause = SHORTEST_PAUSE
        while not self._stopped.is_set():
            pause = SHORTEST_PAUSE if self.take_back() else min(2 * pause, LONGEST_PAUSE)
            self._stopped.wait(pause)

    def take_back(self) -> int:
        """Take back what is lost now; returns how many jobs. What fails is logged and tried again next time."""
        try:
            tenants = tenants_with_lost_jobs(self._services.projector)
        except (LedgerError, psycopg.Error) as error:
            _LOG.warning("lost jobs not looked for", reason=str(error))
            return 0
        return sum(self._take_back(tenant_id) for tenant_id in tenants)

    def _take_back(self, tenant_id: UUID) -> int:
        try:
            return Jobs(own_session(self._services, tenant_id)).take_back_lost()
        except (LedgerError, psycopg.Error) as error:
            _LOG.warning("lost jobs not taken back", tenant_id=str(tenant_id), reason=str(error))
            return 0


def own_session(services: Services, tenant_id: UUID) -> Session:
    """A session in which the ledger itself acts."""
    return Session(
        log=services.log.of(tenant_id),
        database=services.database,
        keys=services.keys,
        actor=LEDGER,
        correlation_id=str(uuid6.uuid7()),
        causation_id=None,
        clock=services.clock,
    )
