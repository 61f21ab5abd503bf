"""Sweeps what uploads left behind, and purges what is due, in a thread."""

from contextlib import suppress
from datetime import timedelta
from itertools import count
from uuid import UUID

from api.application.content.purges import Purges
from api.application.content.retention import Retention
from api.application.content.sweeper import Sweeper
from api.composition import Services
from api.workers.worker import Worker, logged, own_session
from domain.errors import ClockApartError, TenantNotFoundError
from infra.clock import store_time
from infra.content.upload_table import landed_keys, tenants_with_due_content
from projections.queries.contents import tenants_with_old_content

PAUSE = 2.0
ROUNDS_BETWEEN_RETENTION = 30
ROUNDS_BETWEEN_SWEEPS = 1800
MARGIN = timedelta(minutes=15)
"""So much older than an upload may become is what the store removes: its clock may have been set meanwhile."""


class ContentWatch(Worker):
    """Keeps the store as the log says."""

    def __init__(self, services: Services, retention: timedelta) -> None:
        super().__init__(services, "content-watch")
        self._retention = retention
        self._rounds = count()

    def round(self) -> float:
        """Look around every two seconds; for what was deleted long ago, once a minute; in the store, once an hour."""
        number = next(self._rounds)
        self.look(retention=number % ROUNDS_BETWEEN_RETENTION == 0, store=number % ROUNDS_BETWEEN_SWEEPS == 0)
        return PAUSE

    def look(self, *, retention: bool = True, store: bool = True) -> None:
        """Do all that is due now. What fails is logged, and tried again next time.

        Nothing is done while this process's clock and the database's are apart, which `/health` tells.
        """
        tenants = self._tenants(retention=retention)
        if not (tenants or store) or not self._may_decide():
            return
        for tenant_id in tenants:
            with self.surviving(tenant_id=str(tenant_id)):
                self._look_after(tenant_id, retention=retention)
        if store:
            self._look_after_store()

    def _may_decide(self) -> bool:
        with logged("content not looked after"), suppress(ClockApartError):
            self._services.database_clock.ask()
            return True
        return False

    def _tenants(self, *, retention: bool) -> set[UUID]:
        services, tenants = self._services, set[UUID]()
        with logged("content not looked after"):
            tenants.update(tenants_with_due_content(services.projector))
            if retention:
                tenants.update(tenants_with_old_content(services.projector, self._retention))
        return tenants

    def _look_after_store(self) -> None:
        """Remove what writers that died have left of objects, and what landed when its upload was over."""
        services = self._services
        with logged("store not swept"):
            now = store_time(services.store, services.database_clock)
            services.store.remove_unfinished(now - services.rules.upload_time - MARGIN)
        with logged("what landed late not swept"):
            for tenant_id, keys in landed_keys(services.store).items():
                with suppress(TenantNotFoundError):  # another ledger's, which keeps its content in the same place
                    services.tenants.find(str(tenant_id))
                    Sweeper(own_session(services, tenant_id)).remove_landed_late(keys)

    def _look_after(self, tenant_id: UUID, *, retention: bool) -> None:
        session = own_session(self._services, tenant_id)
        sweeper = Sweeper(session)
        with logged("uploads not swept", tenant_id=str(tenant_id)):
            while sweeper.sweep():
                pass
        if retention:
            with logged("retention not looked after", tenant_id=str(tenant_id)):
                Retention(session).request_due(self._retention)
        with logged("purges not carried out", tenant_id=str(tenant_id)):
            Purges(session).carry_out()
