"""`search.p95_ms`: lists by words of prompts, seeds and members of metadata in a large catalogue."""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import psycopg

from api.composition import Services
from benchmarks.catalogues import fill
from benchmarks.environment import Ground
from benchmarks.filters import CALLS, PAGE, p95, timed
from benchmarks.results import Result
from benchmarks.schedule import Scale
from infra.databases import Databases
from infra.sql import load_statements
from projections.asset_terms.fold import ASSET_TERMS
from projections.catalogue import with_tables
from projections.queries.assets import ASSET_LIST
from projections.queries.filters import AssetFilter

_SQL = with_tables(load_statements(__file__, "search.sql"))

SEARCHES: Final[dict[str, dict[str, Any]]] = {
    "nothing": {"prompt": "nothing"},
    "one": {"seed": "36"},
    "three": {"prompt": "three"},
    "thousandth": {"prompt": "thousandth"},
    "hundredth": {"metadata": ["take=7"]},
    "tenth": {"prompt": "tenth"},
    "half": {"prompt": "half"},
    "all": {"prompt_model": "sdxl"},
    "old": {"prompt": "old"},
    "new": {"prompt": "new"},
    "old and rare": {"prompt": "old w17"},
    "old and half": {"prompt": "old half"},
    "two disjoint": {"prompt": "half other_half"},
    "old and new": {"prompt": "old new"},
    "tenth and hundredth": {"prompt": "tenth", "metadata": ["take=7"]},
}


def search(ground: Ground, scale: Scale) -> Iterator[Result]:
    """The first pages of every search, the newest first."""
    with ground.ledger() as (services, servers):
        tenant_id = fill(services, servers, scale.assets)
        add_terms(services, servers, tenant_id)
        durations = pages(services, tenant_id)
    yield Result("search.p95_ms", max(map(p95, durations.values())), "ms")


def add_terms(services: Services, servers: Databases, tenant_id: UUID) -> None:
    """Fill the read model of what the tenant's assets are found by."""
    services.engine.tables.reset(ASSET_TERMS)
    with psycopg.connect(servers.projector) as projector:
        projector.execute(_SQL["add_terms"], {"tenant_id": tenant_id})
        projector.execute(_SQL["move_progress"], {"tenant_id": tenant_id})
    services.engine.tables.finish(ASSET_TERMS)


def pages(services: Services, tenant_id: UUID) -> dict[str, list[float]]:
    """The milliseconds of the calls of every search."""

    def page(criteria: dict[str, Any]) -> list[float]:
        selected = AssetFilter.model_validate(criteria)
        return timed(lambda: ASSET_LIST.page(services.database, tenant_id, selected, PAGE), CALLS)

    return {name: page(criteria) for name, criteria in SEARCHES.items()}
