"""A catalogue of any size, made quickly: its rows go straight into the read models, beside a log of times alone."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from api.composition import Services
from benchmarks.appends import new_tenant
from benchmarks.logs import make_log
from infra.databases import Databases
from infra.sql import load_statements
from projections.asset_references.fold import ASSET_REFERENCES
from projections.asset_versions.fold import ASSET_VERSIONS
from projections.assets.fold import ASSETS
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.catalogue import with_tables
from projections.projection import Projection

_SQL = with_tables(load_statements(__file__, "catalogue.sql"))

START: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""The time of position 0; each later one is a second later."""
EVENTS_OF_ASSET: Final = 5
READABLE: Final = 200
"""Assets with events that can be read, at the end of a log that has an audit trail."""


def fill(services: Services, servers: Databases, assets: int) -> UUID:
    """A new tenant with so many assets, divisible by ten, in whole read models of assets and references.

    Its log has five events an asset, but they cannot be folded.
    """
    tenant_id = new_tenant(services)
    parameters = _parameters(tenant_id, assets) | {"after": services.log.of(tenant_id).head()}
    with psycopg.connect(str(servers.owner)) as owner:
        owner.execute(_SQL["add_events"], parameters)
        owner.execute(_SQL["move_head"], parameters)
    statements = ("add_assets", "add_references", "move_progress")
    _fill(services, servers, (ASSETS, ASSET_REFERENCES), statements, parameters)
    return tenant_id


def fill_versions(services: Services, servers: Databases, tenant_id: UUID, assets: int) -> None:
    """Add what the tenant's lists look back in: two versions of each asset."""
    _fill(services, servers, (ASSET_VERSIONS,), ("add_versions", "move_progress"), _parameters(tenant_id, assets))


def fill_trail(services: Services, servers: Databases, tenant_id: UUID, assets: int) -> None:
    """Add a row of the audit trail for each of those events, and then some events that can be read.

    The trail follows what is recorded later.
    """
    parameters = _parameters(tenant_id, assets) | {"after": 1}
    _fill(services, servers, (AUDIT_TRAIL,), ("add_trail", "move_progress"), parameters)
    make_log(services, tenant_id, READABLE)
    while services.engine.step(AUDIT_TRAIL, READABLE):
        pass


def _parameters(tenant_id: UUID, assets: int) -> dict[str, Any]:
    head = EVENTS_OF_ASSET * assets + assets // 10
    return {"tenant_id": tenant_id, "assets": assets, "start": START, "head": head}


def _fill(
    services: Services,
    servers: Databases,
    read_models: tuple[Projection[Any], ...],
    statements: tuple[str, ...],
    parameters: dict[str, Any],
) -> None:
    """Empty the read models and fill them; at the end they count as whole."""
    for projection in read_models:
        services.engine.tables.reset(projection)
    services.engine.progress.enrol()
    with psycopg.connect(servers.projector) as projector:
        for statement in statements:
            projector.execute(_SQL[statement], parameters)
    for projection in read_models:
        services.engine.tables.finish(projection)


def time_of(position: int) -> datetime:
    """When the event at a position was recorded."""
    return START + timedelta(seconds=position)
