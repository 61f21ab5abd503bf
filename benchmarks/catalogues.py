"""A catalogue of any size, made quickly: its rows go straight into the read models, beside a log of times alone."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from api.composition import Services
from benchmarks.appends import new_tenant
from infra.databases import Databases
from infra.sql import load_statements
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS
from projections.catalogue import with_tables
from projections.projection import Projection

_SQL = with_tables(load_statements(__file__, "catalogue.sql"))

START: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""The time of position 0; each later one is a second later."""
EVENTS_OF_ASSET: Final = 5


def fill(services: Services, servers: Databases, assets: int) -> UUID:
    """A new tenant with so many assets, divisible by ten, in whole read models of assets and references.

    Its log has five events an asset, but they cannot be folded.
    """
    tenant_id = new_tenant(services)
    head = EVENTS_OF_ASSET * assets + assets // 10
    parameters = {"tenant_id": tenant_id, "assets": assets, "start": START, "head": head}
    read_models: tuple[Projection[Any], ...] = (ASSETS, ASSET_REFERENCES)
    for projection in read_models:
        services.engine.tables.reset(projection)
    with psycopg.connect(str(servers.owner)) as owner:
        parameters["after"] = services.log.of(tenant_id).head()
        owner.execute(_SQL["add_events"], parameters)
        owner.execute(_SQL["move_head"], parameters)
    with psycopg.connect(servers.projector) as projector:
        projector.execute(_SQL["add_assets"], parameters)
        projector.execute(_SQL["add_references"], parameters)
        projector.execute(_SQL["move_progress"], parameters)
    for projection in read_models:
        services.engine.tables.finish(projection)
    return tenant_id


def time_of(position: int) -> datetime:
    """When the event at a position was recorded."""
    return START + timedelta(seconds=position)
