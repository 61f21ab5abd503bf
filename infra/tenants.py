"""Tenants: events in the log, and a control table in which their names are looked up."""

import re
from datetime import datetime
from typing import cast
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from domain.errors import TenantExistsError, TenantNotFoundError
from domain.event import Context, Recorded
from domain.identity import uuid_or_none
from domain.tenant import tenant as aggregate
from domain.tenant.events import TenantEvent
from domain.tenant.tenant import Tenant
from infra.database import Database
from infra.encryption_keys.store import KeyStore
from infra.event_log.fold import Fold
from infra.event_log.log import EventLog
from infra.sql import load_statements

_SQL = load_statements(__file__, "tenants.sql")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def _step(tenant: Tenant | None, recorded: Recorded) -> Tenant | None:
    return aggregate.project(tenant, [cast("TenantEvent", recorded.event)])


TENANT: Fold[Tenant, Tenant] = Fold("tenant", 1, Tenant, _step, lambda _: None)


class Tenants:
    """Opens tenants, and finds them by name."""

    def __init__(self, database: Database, log: EventLog, keys: KeyStore) -> None:
        self._database = database
        self._log = log
        self._keys = keys

    def create(self, context: Context, name: str) -> UUID:
        """Open a tenant and its log; returns its id. TenantExistsError if the name is taken."""
        tenant_id = uuid7()
        self._keys.make_secret(tenant_id)

        def work() -> None:
            self._database.execute(_SQL["open_log"], tenant_id=tenant_id, name=name, at=context.recorded_at)
            self._log.of(tenant_id).record(aggregate.create(context, tenant_id, name))

        try:
            self._database.in_transaction(tenant_id, work, repeatable=True)
        except psycopg.errors.UniqueViolation:
            # It is ours, by an attempt whose answer was lost, if there is one of this id.
            if self._find("id_if_exists", tenant_id, tenant_id=tenant_id) is None:
                raise TenantExistsError(f"A tenant named {name!r} exists already.") from None
        return tenant_id

    def find(self, name_or_id: str) -> UUID:
        """The id of a tenant by its name or its id. TenantNotFoundError if there is none."""
        if tenant_id := uuid_or_none(name_or_id):
            existing = self._find("id_if_exists", tenant_id, tenant_id=tenant_id)
        else:
            existing = self._find("id_of_name", None, name=name_or_id)
        if existing is None:
            raise TenantNotFoundError(f"There is no tenant {name_or_id!r}.")
        return existing

    def _find(self, statement: str, seen_by: UUID | None, **parameters: object) -> UUID | None:
        with self._database.reading(seen_by) as connection:
            row = connection.execute(_SQL[statement], parameters).fetchone()
        return UUID(str(row[0])) if row and row[0] else None


def list_tenants(projector: Database) -> list[tuple[str, UUID, int, datetime]]:
    """Every tenant: name, id, head, when created. Needs the role that sees every tenant."""
    return [(r[0], r[1], r[2], r[3]) for r in projector.execute(_SQL["tenants"])]
