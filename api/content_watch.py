"""Sweeps what uploads left behind, and purges what is due, in a thread."""

from datetime import timedelta
from itertools import count
from uuid import UUID

import psycopg
import structlog

from api.composition import Services
from api.purging import Purging
from api.watching import Watch, own_session
from domain.errors import LedgerError
from infra.content.directory import DirectoryStore
from infra.content.purges import tenants_with_due_purges
from infra.content.uploads import tenants_with_expired_uploads
from projections.contents.read import tenants_with_old_content

_LOG = structlog.get_logger()

PAUSE = 2.0
ROUNDS_BETWEEN_RETENTION = 30


class ContentWatch(Watch):
    """Keeps the store as the log says."""

    def __init__(self, services: Services, retention: timedelta) -> None:
        super().__init__(services, "content-watch")
        self._retention = retention
        self._rounds = count()

    def round(self) -> float:
        """Look around every two seconds; for what was deleted long ago, once a minute."""
        self.look(retention=next(self._rounds) % ROUNDS_BETWEEN_RETENTION == 0)
        return PAUSE

    def look(self, *, retention: bool = True) -> None:
        """Do all that is due now. What fails is logged, and tried again next time."""
        services = self._services
        try:
            tenants = set(tenants_with_expired_uploads(services.projector))
            tenants.update(tenants_with_due_purges(services.projector))
            if retention:
                before = services.clock() - self._retention
                tenants.update(tenants_with_old_content(services.projector, before))
        except (LedgerError, psycopg.Error) as error:
            _LOG.warning("content not looked after", reason=str(error))
            return
        for tenant_id in tenants:
            with self.surviving(tenant_id=str(tenant_id)):
                self._look_after(tenant_id, retention=retention)
        if retention:
            self._look_after_store()

    def _look_after_store(self) -> None:
        """Remove what writers that died have left in a directory; in S3, the bucket's lifecycle rules do."""
        services = self._services
        if isinstance(services.store, DirectoryStore):
            try:
                services.store.sweep(services.clock() - services.rules.upload_time)
            except LedgerError as error:
                _LOG.warning("store not swept", reason=str(error))

    def _look_after(self, tenant_id: UUID, *, retention: bool) -> None:
        purging = Purging(own_session(self._services, tenant_id))
        try:
            while purging.sweep():
                pass
            if retention:
                purging.request_due(self._retention)
            purging.carry_out()
        except (LedgerError, psycopg.Error) as error:
            _LOG.warning("content not looked after", tenant_id=str(tenant_id), reason=str(error))
